"""Prunes now and then beside a worker, by what workflows declare: one worker of all at a time."""

from __future__ import annotations

from random import Random

from continuum.client.duties import Duty
from continuum.maintenance.prune import Prune, PruneReport, PruneWish
from continuum.store.retention import RetentionStore
from continuum.worker.service import Signal


class Sweeping(Duty):
    """Deletes ended runs whose workflow declares a retention that is over.

    Args:
        store: where to.
        every: seconds from one time to the next.

    Attributes:
        swept: what came of each time.
    """

    def __init__(self, store: RetentionStore, random: Random, every: float) -> None:
        super().__init__("sweeping", "prune", store, random, every)
        self.swept: Signal[PruneReport] = Signal()

    async def perform(self) -> None:
        """See `Duty`."""
        report = await Prune(self._store, PruneWish(execute=True), None).run()
        if report.runs or report.results or report.deliveries or report.months:
            self.log.info(
                "pruned %d runs, %d idempotency results, %d delivery ids; %d bytes of %d months"
                " given back",
                report.runs, report.results, report.deliveries, report.given_back,
                len(report.months),
            )  # fmt: skip
        self.swept.emit(report)
