"""Stores what running attempts said in their heartbeats, about once a second.

A heartbeat itself writes nothing: it notes the details in memory. One statement a second stores
the latest details of all attempts that had any, without waiting for the disk. So a thousand beats
a second cost one small transaction, and a crash loses at most the last second of progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from random import Random

from continuum.store.activities import ActivityStore, AttemptFence, Beat
from continuum.worker.attempt import Attempt
from continuum.worker.service import Service, Signal

INTERVAL = 1.0


class Heartbeats(Service):
    """Looks at the attempts in progress and stores what is new.

    Args:
        attempts: those in progress.
        fence: by which right this worker runs one.
    """

    def __init__(
        self,
        store: ActivityStore,
        random: Random,
        *,
        attempts: Callable[[], Collection[Attempt]],
        fence: Callable[[Attempt], AttemptFence],
        interval: float = INTERVAL,
    ) -> None:
        super().__init__("heartbeats", random)
        self.saved: Signal[int] = Signal()
        self._store = store
        self._attempts = attempts
        self._fence = fence
        self._interval = interval
        self._stored: dict[Attempt, AttemptFence] = {}

    async def iterate(self) -> None:
        """Wait, then store."""
        await asyncio.sleep(self._interval)
        await self.flush()

    async def flush(self) -> None:
        """Store the new details of running attempts; forget those of ended ones."""
        running = self._attempts()
        beats: list[Beat] = []
        noted: list[tuple[Attempt, bytes]] = []
        for attempt in running:
            details = attempt.details
            if details is not None and details is not attempt.stored:
                fence = self._fence(attempt)
                beats.append(Beat(fence, details))
                noted.append((attempt, details))
                self._stored[attempt] = fence
        over = [attempt for attempt in self._stored if attempt not in running]
        # One that was dropped is somebody else's by now: its details are what they need.
        beats += [Beat(self._stored[a], None) for a in over if a.ended_as == "reported"]
        if beats:
            await self._store.save_beats(beats)
            self.saved.emit(len(beats))
        for attempt, details in noted:
            attempt.stored = details
        for attempt in over:
            del self._stored[attempt]
