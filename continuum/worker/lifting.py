"""Frees the runs that were held for a pause, when it was lifted and nobody did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from continuum.store.pauses import PauseStore
from continuum.store.protocol import HintSender
from continuum.worker.pausing import Pausing
from continuum.worker.service import Service, Signal

EVERY: Final = 1.0
"""Seconds between two looks at what the last poll found."""

BATCH: Final = 1000
"""Runs freed in one transaction."""


class Lifting(Service):
    """Whoever lifts a pause frees what it held. This goes on where that was interrupted.

    Args:
        pausing: says whether a pause was lifted.
        hints: wake whoever can run what was freed.
        claim: this worker may be the one.

    Attributes:
        freed: after each look, how many runs.
    """

    def __init__(
        self,
        store: PauseStore,
        random: Random,
        *,
        pausing: Pausing,
        hints: HintSender,
        claim: Callable[[], None],
        every: float = EVERY,
    ) -> None:
        super().__init__("lifting", random)
        self.freed: Signal[int] = Signal()
        self._store = store
        self._random = random
        self._pausing = pausing
        self._hints = hints
        self._claim = claim
        self._every = every

    async def iterate(self) -> None:
        """One look."""
        await asyncio.sleep(self._every * (1 + self._random.random() / 2))
        if not self._pausing.now.lifting:
            return
        freed = await self._store.let_go(BATCH)
        total = len(freed)
        while len(freed) == BATCH:
            freed = await self._store.let_go(BATCH)
            total += len(freed)
        if total:
            self._claim()
            self._hints.poll_now()
        self.freed.emit(total)
