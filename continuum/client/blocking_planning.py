"""The calls about plans for synchronous code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from continuum.client.blocking_calls import BlockingCalls
from continuum.model import Page

if TYPE_CHECKING:
    from continuum.operators.plans import BulkPlan, PlannedAct, PlanRun


class BlockingPlanning(BlockingCalls):
    """The part of `BlockingContinuum` that acts upon many runs."""

    def plan(
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
        """Say what is to be done to which runs; see `Continuum.plan`."""
        return self.call(
            self._client.plan(
                act, expression, namespace=namespace, where=where, arguments=arguments,
                reason=reason, expires_after=expires_after, save=save,
            )
        )  # fmt: skip

    def apply_plan(
        self,
        plan_id: UUID | str,
        *,
        count: int,
        rate: float | None = None,
        reason: str | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> BulkPlan:
        """Do what a plan says to each of its runs; see `Continuum.apply_plan`."""
        return self.call(
            self._client.apply_plan(
                plan_id, count=count, rate=rate, reason=reason, on_progress=on_progress
            )
        )

    def get_plan(self, plan_id: UUID | str) -> BulkPlan:
        """A plan, and how far it is."""
        return self.call(self._client.get_plan(plan_id))

    def plans(
        self, *, namespace: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[BulkPlan]:
        """One page of plans; see `Continuum.plans`."""
        return self.call(self._client.plans(namespace=namespace, limit=limit, cursor=cursor))

    def plan_runs(
        self,
        plan_id: UUID | str,
        outcome: Literal["pending", "done", "skipped", "failed"] | None = None,
        *,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[PlanRun]:
        """One page of the runs of a plan; see `Continuum.plan_runs`."""
        return self.call(self._client.plan_runs(plan_id, outcome, limit=limit, cursor=cursor))
