"""Runs with an execution timeout: asks them to end when their time is over, then ends them."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from continuum.store.protocol import HintSender
from continuum.store.starts import TimeoutStore
from continuum.worker.service import Service, Signal

EVERY: Final = 1.0
"""Seconds between two looks, up to half of it more, so that workers do not come all at once."""

BATCH: Final = 200


class Deadlines(Service):
    """Looks for runs that are out of time, whoever owns them, and whether anybody does.

    Attributes:
        looked: after each look, how many runs it found.
    """

    def __init__(
        self, store: TimeoutStore, random: Random, *, hints: HintSender, every: float = EVERY
    ) -> None:
        super().__init__("deadlines", random)
        self.looked: Signal[int] = Signal()
        self._store = store
        self._random = random
        self._hints = hints
        self._every = every

    async def iterate(self) -> None:
        """One look."""
        await asyncio.sleep(self._every * (1 + self._random.random() / 2))
        found = BATCH
        while found >= BATCH:
            overdue = await self._store.end_overdue(BATCH)
            if overdue.ended:
                self._hints.runs_ended(overdue.ended)
            changed = [*overdue.asked, *overdue.touched]
            if changed:
                self._hints.runs_changed(changed)
            found = max(len(overdue.asked), len(overdue.ended))
            self.looked.emit(len(overdue.asked) + len(overdue.ended))
