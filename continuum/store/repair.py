"""What an operator does to runs that cannot help themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from continuum.model import RunState

QUARANTINED_FROM: Final = 4
"""Workers lost with a run, since it last committed, from which on nobody claims it (rule 23)."""

NOT_QUARANTINED: Final = "it is not in quarantine"


@dataclass(frozen=True, slots=True)
class RepairOutcome:
    """What became of one repair.

    Attributes:
        state: of the run before; None: there is no such run, or only in another namespace.
        refusal: why nothing was done; None when it was done.
    """

    state: RunState | None
    refusal: str | None = None


class RepairStore(Protocol):
    """Repairs of single runs, each in one transaction under the run's locks."""

    async def release_quarantined(self, run_id: UUID, namespace: str | None) -> RepairOutcome:
        """Let workers claim a run in quarantine again, as if none had been lost with it."""
        ...
