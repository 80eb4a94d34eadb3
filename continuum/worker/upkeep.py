"""What any worker does for the store now and then: keeps the run counters short."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from continuum.store.protocol import UpkeepStore
from continuum.worker.service import Service, Signal

EVERY: Final = 2.0
"""Seconds between two looks, up to half of it more, so that workers do not come all at once."""

BATCH: Final = 10_000
"""Changes put together in one transaction, about 50 ms."""


class Upkeep(Service):
    """Puts gathered changes of the run counters together, in bounded batches.

    Attributes:
        compacted: after each look, how many changes it found.
    """

    def __init__(self, store: UpkeepStore, random: Random, *, every: float = EVERY) -> None:
        super().__init__("upkeep", random)
        self.compacted: Signal[int] = Signal()
        self._store = store
        self._random = random
        self._every = every

    async def iterate(self) -> None:
        """One look."""
        await asyncio.sleep(self._every * (1 + self._random.random() / 2))
        found = moved = await self._store.compact_counts(BATCH)
        while moved == BATCH:
            moved = await self._store.compact_counts(BATCH)
            found += moved
        self.compacted.emit(found)
