"""Plans over runs in memory, for screenshots and tests: frozen like those of a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from console.bulk_source import BulkAct, Groups, Selection, Stopped
from console.source import RunsQuery
from continuum.errors import PlanError, RunNotFound, RunTerminal
from continuum.model import Run
from continuum.operators.plans import SAMPLE, BulkPlan, PlanOutcome, PlanRun, does_not_fit

BATCH: Final = 25
Act = Callable[[UUID, BulkPlan], Any]


@dataclass(slots=True)
class SampleBulk:
    """Plans of a sample source.

    Args:
        matching: the runs of a query.
        find: one run. Raises `RunNotFound`.
        act: does what a plan says to one run. Raises `RunTerminal`.
        now: the clock, which stands still.
    """

    matching: Callable[[RunsQuery], Sequence[Run]]
    find: Callable[[UUID], Run]
    act: Act
    now: datetime
    plans: dict[UUID, tuple[BulkPlan, list[PlanRun]]] = field(
        default_factory=dict[UUID, tuple[BulkPlan, list[PlanRun]]]
    )
    attributes_set: list[tuple[UUID, Mapping[str, Any], tuple[str, ...]]] = field(
        default_factory=list[tuple[UUID, Mapping[str, Any], tuple[str, ...]]]
    )

    async def plan(
        self, act: BulkAct, selection: Selection, arguments: Mapping[str, Any], reason: str | None
    ) -> BulkPlan:
        """Name the runs that are meant now."""
        if selection.ids:
            expression = f"id in ({', '.join(repr(str(each)) for each in selection.ids)})"
            query = RunsQuery(None, expression)
        else:
            query = RunsQuery(selection.namespace, selection.expression)
        runs: list[PlanRun] = []
        for run in self.matching(query):
            why = does_not_fit(act, run.state)
            outcome = PlanOutcome.PENDING if why is None else PlanOutcome.SKIPPED
            runs.append(PlanRun(len(runs), run.id, run.state, outcome, why))
        plan_id = UUID(int=(0x0199C2F4 << 96) | (7 << 76) | (2 << 62) | (len(self.plans) + 1))
        count = sum(run.outcome is PlanOutcome.PENDING for run in runs)
        plan = BulkPlan(
            id=plan_id, act=act, arguments=arguments, namespace=query.namespace,
            expression=query.expression or "true", count=count, matched=len(runs),
            sample=tuple(run.run_id for run in runs[:SAMPLE]), reason=reason, operator="ops",
            host="db1", program="console", created_at=self.now,
            expires_at=self.now + timedelta(hours=24), applied_at=None, pending=count, done=0,
            skipped=len(runs) - count, failed=0, read_at=self.now,
        )  # fmt: skip
        self.plans[plan_id] = plan, runs
        return plan

    async def groups(self, plan: BulkPlan) -> Groups:
        """What the runs of a plan are."""
        runs = self._pending(plan)
        found = Counter((run.namespace, run.workflow, run.state.value) for run in runs)
        return Groups(dict(found.most_common()))

    async def sample(self, plan: BulkPlan) -> Sequence[Run]:
        """The first runs of a plan."""
        return self._pending(plan)[:SAMPLE]

    def _pending(self, plan: BulkPlan) -> list[Run]:
        runs = self.plans[plan.id][1]
        return [self.find(run.run_id) for run in runs if run.outcome is PlanOutcome.PENDING]

    async def apply(self, plan: BulkPlan, on_progress: Callable[[int, int], None]) -> BulkPlan:
        """Do it to each run once."""
        runs = self.plans[plan.id][1]
        try:
            for number, run in enumerate(runs):
                if run.outcome is PlanOutcome.PENDING:
                    runs[number] = await self._settled(plan, run)
                if (number + 1) % BATCH == 0:
                    self._count(plan)
                    on_progress(number + 1, len(runs))
        except Stopped:
            pass
        return self._count(plan)

    async def _settled(self, plan: BulkPlan, run: PlanRun) -> PlanRun:
        outcome, detail = PlanOutcome.DONE, plan.act
        try:
            await self.act(run.run_id, plan)
        except RunTerminal as error:
            outcome, detail = PlanOutcome.SKIPPED, f"already {error.state}"
        except RunNotFound:
            outcome, detail = PlanOutcome.SKIPPED, "not found"
        return replace(run, outcome=outcome, detail=detail, at=self.now)

    def _count(self, plan: BulkPlan) -> BulkPlan:
        runs = self.plans[plan.id][1]
        counted = Counter(run.outcome for run in runs)
        numbers = {each.value: counted[each] for each in PlanOutcome}
        plan = replace(plan, applied_at=self.now, **numbers)
        self.plans[plan.id] = plan, runs
        return plan

    async def look(self, plan_id: UUID) -> BulkPlan:
        """A plan and how far it is."""
        if plan_id not in self.plans:
            raise PlanError(f"there is no plan {plan_id}")
        return self.plans[plan_id][0]

    async def outcomes(self, plan_id: UUID) -> Sequence[PlanRun]:
        """What became of its runs."""
        return self.plans[plan_id][1]

    async def set_attributes(
        self,
        run_id: UUID,
        attributes: Mapping[str, Any],
        unset: Sequence[str],
        reason: str | None,
    ) -> None:
        """Record it."""
        del reason
        self.find(run_id)
        self.attributes_set.append((run_id, attributes, tuple(unset)))
