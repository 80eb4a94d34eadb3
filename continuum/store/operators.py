"""What any store keeps of what operators do.

Whoever acts hands an `Act` to the call that does it, and the store records it in the same
transaction. A store refuses an act before anything is written: `ReasonRequired` when its namespace
wants a reason, `ActSkipped` when it belongs to a plan that does not have the run to act upon any
more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from continuum.errors import ReasonRequired
from continuum.operators.acts import Act, OperatorAct


class ActSkipped(Exception):
    """The run is not as its plan expects, or was done already.

    Attributes:
        state: what the run is now; None when the plan has an outcome for it.
    """

    def __init__(self, run_id: UUID | None, state: str | None) -> None:
        self.state = state
        super().__init__(f"run {run_id}: {state or 'done already'}")


def reason_required(namespace: str) -> ReasonRequired:
    """The refusal of an act without a reason."""
    return ReasonRequired(f"namespace {namespace} wants a reason for this; nothing was changed")


@dataclass(frozen=True, slots=True)
class ActFilter:
    """Which entries are asked for; None is any.

    Attributes:
        since: only entries made at or after that time.
        within: only entries that are not older than this.
    """

    run_id: UUID | None = None
    operator: str | None = None
    namespace: str | None = None
    act: str | None = None
    plan_id: UUID | None = None
    since: datetime | None = None
    within: timedelta | None = None


class OperatorStore(Protocol):
    """The operator journal, and which namespaces want reasons."""

    async def acts(
        self, wanted: ActFilter, before: int | None, limit: int
    ) -> tuple[Sequence[OperatorAct], datetime]:
        """The newest entries with an id below `before`, newest first, and the store's clock."""
        ...

    async def reasons_required(self) -> Sequence[str]:
        """Namespaces in which acts need a reason, in order."""
        ...

    async def require_reasons(self, namespace: str, act: Act, *, required: bool) -> None:
        """Refuse acts without a reason there from now on, or no longer."""
        ...
