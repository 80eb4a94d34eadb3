"""Calls about plans: an act upon many runs, named before it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from continuum.client.calls import Calls
from continuum.client.cursors import page_of, print_moment, read_moment, read_number
from continuum.client.identifiers import check_limit, optional_namespace, parse_run_id
from continuum.errors import ConfigurationError, PlanError
from continuum.system import EPOCH

if TYPE_CHECKING:
    from continuum.model import Page
    from continuum.operators.acts import Act
    from continuum.operators.plans import BulkPlan, PlannedAct, PlanRun

MAX_PLANS = 1000


class Planning(Calls):
    """The part of `Continuum` that acts upon many runs."""

    async def plan(
        self,
        act: PlannedAct,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        reason: str | None = None,
        expires_after: timedelta | float = timedelta(hours=24),
        save: bool = True,
    ) -> BulkPlan:
        """Say what is to be done to which runs, without doing it.

        The plan keeps the id of every run that matches now, and the state it is in. Runs that
        match later are not part of it, and a run that is not as it was when the plan is applied is
        left alone: running and suspended are one, unless the expression asks for a state.

        Args:
            act: what to do to each.
            expression: which runs, as in `query`; its order is that in which they are worked off.
            namespace: where to look; None is everywhere.
            where: conditions as data, as in `query`.
            arguments: of the act: for "signal" `name`, and perhaps `payload` and `delivery_id`;
                for "cancel" `force`; for "retry" `force` and `once`; for "restart" `once`; for
                "attributes" the objects `attributes` and `unset`, a list of keys.
            reason: why.
            expires_after: how long it can be applied; a timedelta or seconds.
            save: False only looks; the plan cannot be applied.

        Raises:
            QueryError: a bad condition.
            ConfigurationError, PayloadError, AttributesError: an argument that the act does not
                take, or a bad one.
            PlanError: more than 1,000,000 runs match.
            ReasonRequired.

        Example:
            plan = await ct.plan("cancel", "workflow = 'order'", namespace="billing")
            print(plan.id, plan.count, plan.sample)
            plan = await ct.apply_plan(plan.id, count=plan.count)
        """
        from continuum.client.freezing import freeze

        operator = self._acting.act(f"plan {act}", reason)
        new, seen_at = await freeze(
            self._backend.reads, act, expression, namespace, where, arguments or {}, operator,
            expires_after,
        )  # fmt: skip
        if not save:
            return new.unsaved(seen_at)
        return await self._backend.plans.put(new, self._of(new.id, operator.reason, f"plan {act}"))

    async def apply_plan(
        self,
        plan_id: UUID | str,
        *,
        count: int,
        rate: float | None = None,
        reason: str | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> BulkPlan:
        """Do what a plan says to each of its runs, once.

        A run that was left alone, and why, is part of the answer (`plan_runs`). After an
        interruption, also of this process, the same call goes on: no run is acted upon twice,
        whoever applies the plan beside it.

        Args:
            plan_id: of the plan.
            count: `BulkPlan.count`: how many runs you mean.
            rate: runs a second, at most.
            reason: why, if the plan gives none.
            on_progress: called with how many runs have an outcome, and how many there are.

        Raises:
            PlanError: there is no such plan, it expired, or it has another count.
            ReasonRequired, DatabaseUnavailable: what has an outcome by then keeps it.

        Example:
            plan = await ct.apply_plan(plan.id, count=1204, rate=50)
            print(plan.done, plan.skipped, plan.failed)
        """
        if rate is not None and not rate > 0:
            raise ConfigurationError(f"rate is more than 0 runs a second, not {rate!r}")
        plan = await self.get_plan(plan_id)
        if count != plan.count:
            raise PlanError(
                f"plan {plan.id} acts upon {plan.count} runs, not {count}; nothing was done",
                hint="look at it again: continuum plan show",
            )
        if plan.status == "expired":
            raise PlanError(
                f"plan {plan.id} expired at {plan.expires_at:%Y-%m-%d %H:%M} UTC",
                hint="make a new one: who knows what matches now",
            )
        if plan.pending:
            from continuum.client.applying import Applying

            store = self._backend.plans
            await store.begin(plan.id, self._of(plan.id, plan.reason or reason, "apply"))
            acting = self._acting.for_plan(plan.id, plan.reason or reason)
            applying = Applying(store, self._controls, self._repairs, plan, acting)
            await applying.run(rate, on_progress or _ignore)
        return await self.get_plan(plan.id)

    async def get_plan(self, plan_id: UUID | str) -> BulkPlan:
        """A plan, and how far it is.

        Raises:
            PlanError: there is none.

        Example:
            print((await ct.get_plan(plan_id)).status)
        """
        parsed = parse_run_id(plan_id)
        plan = await self._backend.plans.get(parsed)
        if plan is None:
            raise PlanError(f"there is no plan {parsed}", hint="see: continuum plan list")
        return plan

    async def plans(
        self, *, namespace: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[BulkPlan]:
        """One page of plans, newest first, without their arguments and samples.

        Args:
            namespace: only plans for it; None is every plan.
            limit: plans on a page, at most 1,000.
            cursor: `next_cursor` of the previous page.

        Example:
            for plan in (await ct.plans()).entries:
                print(plan.id, plan.act, plan.status, plan.count)
        """
        check_limit(limit, MAX_PLANS)
        store = self._backend.plans
        found = await store.list(optional_namespace(namespace), read_moment(cursor), limit + 1)
        at = found[0].read_at if found else EPOCH
        return page_of(found, limit, lambda plan: print_moment(plan.created_at, plan.id), at)

    async def plan_runs(
        self,
        plan_id: UUID | str,
        outcome: Literal["pending", "done", "skipped", "failed"] | None = None,
        *,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[PlanRun]:
        """One page of the runs of a plan, and what became of each.

        Args:
            plan_id: of the plan.
            outcome: only runs with this one.
            limit: runs on a page, at most 1,000.
            cursor: `next_cursor` of the previous page.

        Raises:
            PlanError: there is no such plan.
            ConfigurationError: no such outcome.

        Example:
            for run in (await ct.plan_runs(plan.id, "skipped")).entries:
                print(run.run_id, run.detail)
        """
        from continuum.operators.plans import MAX_PLAN, PlanOutcome

        if outcome is not None and outcome not in set(PlanOutcome):
            known = ", ".join(PlanOutcome)
            raise ConfigurationError(f"no outcome {outcome!r:.40}", hint=f"outcomes are {known}")
        check_limit(limit, MAX_PLANS)
        plan = await self.get_plan(plan_id)
        after = read_number(cursor, MAX_PLAN)
        found = await self._backend.plans.runs(
            plan.id, None if outcome is None else PlanOutcome(outcome),
            -1 if after is None else after, limit + 1,
        )  # fmt: skip
        return page_of(found, limit, lambda run: str(run.n), plan.read_at)

    def _of(self, plan_id: UUID, reason: str | None, kind: str) -> Act:
        return self._acting.for_plan(plan_id, reason).act(kind)


def _ignore(done: int, total: int) -> None:
    """Nobody wants to know."""
