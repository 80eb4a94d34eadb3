"""What the console asks and does about many runs at once: plans, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from console import expressions
from continuum import Continuum
from continuum.model import Run, RunState
from continuum.operators.plans import SAMPLE, BulkPlan, PlanRun, does_not_fit

BulkAct = Literal["signal", "attributes", "cancel", "pause", "resume"]

FEW: Final = 1_000
"""Runs that can be named in one question."""
TALLIED: Final = 10_000
"""Runs of a plan whose outcomes are told apart at its end."""
GROUPS_BUDGET: Final = 1.0
"""Seconds to count the runs of a plan by what they are."""

Group = tuple[str, str, str]
"""Namespace, workflow and state."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The runs that an act is upon, as they were when its dialog opened.

    Attributes:
        namespace: where the query looks; None means everywhere.
        expression: the query.
        ids: the marked runs; without any it is every run of the query.
        hidden: marked runs that are not in view.
    """

    namespace: str | None
    expression: str
    ids: tuple[UUID, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Groups:
    """How many runs there are of each sort, the commonest first.

    Attributes:
        now: counted by the query again, not over the runs of the plan, which are too many.
        exact: whether all were counted in time.
    """

    of: Mapping[Group, int] = field(default_factory=dict[Group, int])
    now: bool = False
    exact: bool = True


class Stopped(Exception):
    """The operator stopped a plan while it was applied."""


class Bulk(Protocol):
    """Acts upon many runs, and upon the attributes of one."""

    async def plan(
        self, act: BulkAct, selection: Selection, arguments: Mapping[str, Any], reason: str | None
    ) -> BulkPlan:
        """Name the runs that are meant now, without doing anything to them.

        Raises:
            ContinuumError: a bad argument, too many runs, or no reason where one is needed.
        """
        ...

    async def groups(self, plan: BulkPlan) -> Groups:
        """What the runs that a plan acts upon are."""
        ...

    async def sample(self, plan: BulkPlan) -> Sequence[Run]:
        """The first runs that a plan acts upon, in its order."""
        ...

    async def apply(self, plan: BulkPlan, on_progress: Callable[[int, int], None]) -> BulkPlan:
        """Do it to each run once; ends when `on_progress` raises, with what is done done."""
        ...

    async def look(self, plan_id: UUID) -> BulkPlan:
        """A plan and how far it is."""
        ...

    async def outcomes(self, plan_id: UUID) -> Sequence[PlanRun]:
        """What became of its first `TALLIED` runs."""
        ...

    async def set_attributes(
        self,
        run_id: UUID,
        attributes: Mapping[str, Any],
        unset: Sequence[str],
        reason: str | None,
    ) -> None:
        """Change the attributes of one run. Raises `RunNotFound`, `AttributesError`."""
        ...


class ClientBulk:
    """The real thing, over one `Continuum` client."""

    def __init__(self, client: Continuum) -> None:
        self._client = client

    async def plan(
        self, act: BulkAct, selection: Selection, arguments: Mapping[str, Any], reason: str | None
    ) -> BulkPlan:
        """Name the runs that are meant now."""
        if selection.ids:
            where = [("in", "id", [str(run_id) for run_id in selection.ids])]
            return await self._client.plan(
                act, namespace=None, where=where, arguments=arguments, reason=reason
            )
        return await self._client.plan(
            act,
            selection.expression,
            namespace=selection.namespace,
            arguments=arguments,
            reason=reason,
        )

    async def groups(self, plan: BulkPlan) -> Groups:
        """What the runs of a plan are."""
        by = ("namespace", "workflow", "state")
        if not plan.count:
            return Groups()
        if plan.count <= FEW:
            ids = await self._first(plan, FEW)
            found = await self._client.counts(
                namespace=None, where=[("in", "id", ids)], group_by=by, budget=GROUPS_BUDGET
            )
        else:
            condition = expressions.parse(plan.expression).condition
            found = await self._client.counts(
                expressions.text(condition),
                namespace=plan.namespace,
                group_by=by,
                budget=GROUPS_BUDGET,
            )
        groups = sorted(found.groups, key=lambda group: -group.count)
        now = plan.count > FEW
        of: dict[Group, int] = {}
        for group in groups:
            namespace, workflow, state = map(str, group.key)
            if not now or does_not_fit(plan.act, RunState(state)) is None:
                of[namespace, workflow, state] = group.count
        return Groups(of, now=now, exact=found.stamp.exact)

    async def _first(self, plan: BulkPlan, limit: int) -> list[str]:
        """Ids of the first runs that the plan acts upon."""
        page = await self._client.plan_runs(plan.id, "pending", limit=limit)
        return [str(run.run_id) for run in page.entries]

    async def sample(self, plan: BulkPlan) -> Sequence[Run]:
        """The first runs of a plan, in its order."""
        ids = await self._first(plan, SAMPLE)
        if not ids:
            return ()
        page = await self._client.query(where=[("in", "id", ids)], namespace=None, limit=len(ids))
        places = {run_id: place for place, run_id in enumerate(ids)}
        return sorted(page.entries, key=lambda run: places[str(run.id)])

    async def apply(self, plan: BulkPlan, on_progress: Callable[[int, int], None]) -> BulkPlan:
        """Do it to each run once."""
        try:
            return await self._client.apply_plan(plan.id, count=plan.count, on_progress=on_progress)
        except Stopped:
            return await self._client.get_plan(plan.id)

    async def look(self, plan_id: UUID) -> BulkPlan:
        """A plan and how far it is."""
        return await self._client.get_plan(plan_id)

    async def outcomes(self, plan_id: UUID) -> Sequence[PlanRun]:
        """What became of its first runs."""
        found: list[PlanRun] = []
        cursor: str | None = None
        while len(found) < TALLIED:
            page = await self._client.plan_runs(plan_id, limit=FEW, cursor=cursor)
            found += page.entries
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    async def set_attributes(
        self,
        run_id: UUID,
        attributes: Mapping[str, Any],
        unset: Sequence[str],
        reason: str | None,
    ) -> None:
        """Change the attributes of one run."""
        await self._client.set_attributes(run_id, attributes, unset=unset, reason=reason)
