"""Wakes owned runs when their earliest timer or retry is due, by the database's clock.

The durable truth is `wake_at` on the lease; this heap only makes it prompt. The poll's list of
overdue runs overrides it, because a host's clock can stand still (rule 24).
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

from continuum.system import Clock
from continuum.worker.owned import OwnedRun
from continuum.worker.service import Signal

MAX_SLEEP = 60.0
"""Seconds; the clock estimate is refreshed more often than this."""

REBUILD_ABOVE = 1000
"""Forgotten entries are swept when the heap is larger than this and mostly forgotten."""


class Timers:
    """A heap of (wake_at, run); an entry counts only while the run still wants that time."""

    def __init__(self, clock: Clock, on_due: Callable[[OwnedRun], None]) -> None:
        self.fired: Signal[OwnedRun] = Signal()
        self._clock = clock
        self._on_due = on_due
        self._heap: list[tuple[datetime, int, OwnedRun]] = []
        self._order = count()
        self._armed = 0
        self._handle: asyncio.TimerHandle | None = None
        self._handle_due: datetime | None = None
        self._stopped = False

    def arm(self, run: OwnedRun, wake_at: datetime | None) -> None:
        """Make `run` due at `wake_at`, replacing what it had; None for never."""
        if run.timer_at == wake_at:
            return
        if run.timer_at is None:
            self._armed += 1
        elif wake_at is None:
            self._armed -= 1
        run.timer_at = wake_at
        if wake_at is None:
            return
        heapq.heappush(self._heap, (wake_at, next(self._order), run))
        if len(self._heap) > REBUILD_ABOVE and len(self._heap) > 2 * self._armed:
            self._sweep()
        if self._handle_due is None or wake_at < self._handle_due:
            self._schedule()

    def stop(self) -> None:
        """Fire nothing any more."""
        self._stopped = True
        if self._handle is not None:
            self._handle.cancel()

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].timer_at == entry[0]]
        heapq.heapify(self._heap)

    def _schedule(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle, self._handle_due = None, None
        if self._stopped or not self._heap:
            return
        due = self._heap[0][0]
        delay = (due - self._clock.now()).total_seconds()
        self._handle_due = due
        self._handle = asyncio.get_running_loop().call_later(
            min(max(delay, 0.0), MAX_SLEEP), self._fire
        )

    def _fire(self) -> None:
        self._handle, self._handle_due = None, None
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            due, _, run = heapq.heappop(self._heap)
            if run.timer_at == due:
                self._armed -= 1
                run.timer_at = None
                self._on_due(run)
                self.fired.emit(run)
        self._schedule()
