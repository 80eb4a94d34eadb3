"""Prunes now and then beside a worker, by what workflows declare: one worker of all at a time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from continuum.maintenance.prune import Prune, PruneReport, PruneWish
from continuum.store.retention import RetentionStore
from continuum.worker.service import Service, Signal

DUTY: Final = "prune"
MOST: Final = 60.0
"""Seconds between two looks at whether it is due, at most."""


class Sweeping(Service):
    """Deletes ended runs whose workflow declares a retention that is over.

    Whose turn it is, is decided in the store: whoever comes first when the last time is so long
    ago. A worker that dies meanwhile leaves the rest to the next time.

    Args:
        store: where to.
        every: seconds from one time to the next.

    Attributes:
        swept: what came of each time.
    """

    def __init__(self, store: RetentionStore, random: Random, every: float) -> None:
        super().__init__("sweeping", random)
        self.swept: Signal[PruneReport] = Signal()
        self._store = store
        self._random = random
        self._every = every

    async def iterate(self) -> None:
        """One look."""
        look = min(self._every, MOST)
        await asyncio.sleep(look * (0.5 + self._random.random() / 2))
        if not await self._store.take_duty(DUTY, self._every):
            return
        report = await Prune(self._store, PruneWish(execute=True), None).run()
        if report.runs or report.results or report.deliveries:
            self.log.info(
                "pruned %d runs, %d idempotency results, %d delivery ids",
                report.runs, report.results, report.deliveries,
            )  # fmt: skip
        self.swept.emit(report)
