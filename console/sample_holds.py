"""Pauses of the sample world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from console.hold_source import Held
from continuum.model import Pause


@dataclass(slots=True)
class SampleHolds:
    """`Holds` over what is in memory.

    Args:
        hold: pauses a run or lets it go on.
        now: the clock, which stands still.
    """

    hold: Callable[[UUID, bool], bool]
    now: datetime
    held: list[Pause] = field(default_factory=list[Pause])

    async def pauses(self) -> Sequence[Pause]:
        """What is paused besides single runs."""
        return list(self.held)

    async def pause(self, held: Held, reason: str | None) -> bool:
        """Pause it."""
        if held.run_id is not None:
            return self.hold(held.run_id, True)
        if held.among(self.held):
            return False
        made = Pause(held.namespace, held.workflow, held.queue, "ops", reason, self.now)
        self.held.append(made)
        return True

    async def resume(self, held: Held, reason: str | None) -> bool:
        """Let it go on."""
        del reason
        if held.run_id is not None:
            return self.hold(held.run_id, False)
        kept = [
            each
            for each in self.held
            if (each.namespace, each.workflow, each.queue)
            != (held.namespace, held.workflow, held.queue)
        ]
        changed = len(kept) != len(self.held)
        self.held[:] = kept
        return changed
