"""What any store does for plans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from continuum.operators.acts import Act
from continuum.operators.plans import BulkPlan, NewPlan, PlanOutcome, PlanRun


class PlanStore(Protocol):
    """Plans are durable rows; whoever applies one leaves a result for each run.

    That a run was acted upon is written by the act itself (`Act.plan_id`), in its transaction.
    """

    async def put(self, plan: NewPlan, act: Act) -> BulkPlan:
        """Store a plan. Raises `ReasonRequired` when its namespace wants a reason."""
        ...

    async def get(self, plan_id: UUID) -> BulkPlan | None:
        """One plan, with its numbers."""
        ...

    async def list(
        self, namespace: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[BulkPlan]:
        """Plans (of a namespace), the newest first, without arguments and sample."""
        ...

    async def runs(
        self, plan_id: UUID, outcome: PlanOutcome | None, after: int, limit: int
    ) -> Sequence[PlanRun]:
        """Runs of a plan with a place greater than `after`, in order."""
        ...

    async def begin(self, plan_id: UUID, act: Act) -> None:
        """Somebody applies it."""
        ...

    async def settle(
        self, plan_id: UUID, outcomes: Sequence[tuple[UUID, PlanOutcome, str]]
    ) -> None:
        """Runs that were not acted upon, and why. One that has an outcome keeps it."""
        ...
