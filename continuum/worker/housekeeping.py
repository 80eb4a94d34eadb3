"""What every worker does beside its runs: keeps house, starts what is due, ends what is overdue."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from continuum.store.activities import WorkerStore
from continuum.store.protocol import HintSender
from continuum.worker.deadlines import Deadlines
from continuum.worker.lifting import Lifting
from continuum.worker.pausing import Pausing
from continuum.worker.scheduler import Scheduler
from continuum.worker.service import Service
from continuum.worker.upkeep import Upkeep


class Housekeeping:
    """The services that belong to no run.

    Args:
        store, hints: as for `Worker`.
        random: source of their jitter.
        claim: this worker may take what they start.
        pausing: says when a pause was lifted.

    Attributes:
        upkeep, scheduler, deadlines, lifting: the services.
    """

    def __init__(
        self,
        store: WorkerStore,
        hints: HintSender,
        random: Random,
        claim: Callable[[], None],
        pausing: Pausing,
    ) -> None:
        self.upkeep = Upkeep(store, random)
        self.scheduler = Scheduler(store.schedules, random, hints=hints, claim=claim)
        self.lifting = Lifting(store.pauses, random, pausing=pausing, hints=hints, claim=claim)
        self.deadlines = Deadlines(store.timeouts, random, hints=hints)

    def services(self) -> list[Service]:
        """All of them."""
        return [self.upkeep, self.scheduler, self.deadlines, self.lifting]
