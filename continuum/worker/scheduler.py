"""Starts the runs of schedules when they are due, whichever worker comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from continuum.store.protocol import HintSender
from continuum.store.schedules import ScheduleStore
from continuum.worker.service import Service, Signal, wait_event

BATCH: Final = 500
"""Schedules decided about in one transaction."""

LONGEST_SLEEP: Final = 5.0
"""Seconds until the next look at the latest: the hint of a new schedule may be lost."""

SHORTEST_SLEEP: Final = 0.1
"""What is due and was not decided is another worker's, who decides about it right now."""


class Scheduler(Service):
    """Decides about the schedules that are due, and sleeps until the next one is.

    Args:
        store: where they are.
        hints: wake whoever can run what was started.
        claim: this worker may be the one.

    Attributes:
        looked: after each look, how many schedules were due.
    """

    def __init__(
        self,
        store: ScheduleStore,
        random: Random,
        *,
        hints: HintSender,
        claim: Callable[[], None],
    ) -> None:
        super().__init__("scheduler", random)
        self.looked: Signal[int] = Signal()
        self._store = store
        self._hints = hints
        self._claim = claim
        self._asked = asyncio.Event()

    def request(self) -> None:
        """A schedule may be due earlier than was known."""
        self._asked.set()

    async def iterate(self) -> None:
        """Decide about everything that is due, then sleep until the next."""
        fired = await self._store.fire_due(BATCH)
        changed = [*fired.started, *fired.cancelled]
        if changed:
            self._claim()
            self._hints.runs_changed(changed)
        self.looked.emit(fired.decided)
        if fired.decided == BATCH:
            return
        pause = LONGEST_SLEEP
        if fired.next_at is not None:
            until = (fired.next_at - fired.now).total_seconds()
            pause = min(max(until, SHORTEST_SLEEP if until < 0 else 0.0), LONGEST_SLEEP)
        await wait_event(self._asked, pause)
