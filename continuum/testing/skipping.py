"""Lets time pass at once while nothing else can happen."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count

from continuum.errors import ContinuumError
from continuum.store.memory.store import MemoryStore
from continuum.store.memory.wake import MemoryHints

PASSES = 25
"""Passes of the event loop without a change before everything counts as at rest."""

PATIENCE = 1.0
"""Seconds of real time after which a wait that nothing can end is given up."""

SETTLE_LOOK = 0.001
"""Seconds between two looks of `settle`."""


class Stalled(ContinuumError):
    """A test waits for a run that nothing can move any more."""


class TimeSkipper:
    """Moves the clock to the next wake-up whenever everything rests and somebody waits.

    The rows of the store are the evidence: a run with a step, a commit or an activity under way
    is not parked there. So time never passes over something that is still to happen now.

    Args:
        store: whose clock is moved.
        hints: wake the workers after each move.
        automatic: skip also while results are awaited, not only in `sleep`.
    """

    def __init__(self, store: MemoryStore, hints: MemoryHints, *, automatic: bool) -> None:
        self._store = store
        self._hints = hints
        self._automatic = automatic
        self._waiting: set[asyncio.Future[str]] = set()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = count()
        self._changes = 0
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._store.tables.observers.append(self._changed)
        self._task = asyncio.create_task(self._watch(), name="continuum-time-skipper")

    async def stop(self) -> None:
        """Let the clock stand."""
        self._store.tables.observers.remove(self._changed)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def sleep(self, seconds: float) -> None:
        """Until the clock has moved on by `seconds`; whatever is due on the way happens."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        until = self._store.clock.now() + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (until, next(self._order), future))
        self._stirred.set()
        await future

    @contextmanager
    def somebody_waits(self) -> Generator[asyncio.Future[str]]:
        """While a result is awaited; the future gets a text when nothing can bring it."""
        stalled: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.add(stalled)
        self._stirred.set()
        try:
            yield stalled
        finally:
            self._waiting.discard(stalled)

    async def settle(self) -> None:
        """Until everything that can happen now has happened."""
        while not await self._is_quiet():  # noqa: ASYNC110
            await asyncio.sleep(SETTLE_LOOK)

    def _changed(self) -> None:
        self._changes += 1
        self._stirred.set()

    async def _watch(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            while self._is_wanted() and await self._is_quiet():
                if not self._skip():
                    await self._be_patient()
                    break

    def _is_wanted(self) -> bool:
        return bool(self._sleepers) or bool(self._waiting)

    async def _is_quiet(self) -> bool:
        seen = self._changes
        for _ in range(PASSES):
            if not self._store.at_rest() or self._changes != seen:
                if self._changes != seen:
                    self._stirred.set()
                return False
            await asyncio.sleep(0)
        return self._changes == seen and self._store.at_rest()

    def _skip(self) -> bool:
        """To the next moment at which anything happens; whether there is one."""
        moments = [entry[0] for entry in self._sleepers[:1]]
        wake_at = self._store.next_wake()
        if wake_at is not None and (moments or (self._waiting and self._automatic)):
            moments.append(wake_at)
        if not moments:
            return False
        clock = self._store.clock
        moment = min(moments)
        clock.move_to(moment)
        if wake_at is not None and wake_at <= moment:
            self._hints.poll_now()  # its runs first, then who sleeps until the same moment
            return True
        while self._sleepers and self._sleepers[0][0] <= moment:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
        return True

    async def _be_patient(self) -> None:
        """Nothing is due: perhaps the test itself still does something."""
        if not self._waiting or not self._automatic:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._stirred.wait()
        except TimeoutError:
            for stalled in self._waiting:
                if not stalled.done():
                    stalled.set_result(self._picture())

    def _picture(self) -> str:
        """What every live run waits for."""
        tables = self._store.tables
        lines: list[str] = []
        for lease in tables.leases.values():
            row = tables.runs[lease.run_id]
            waits = lease.waiting_on or "a worker that has loaded it"
            lines.append(f"\n  {row.workflow} {row.run_id}: waits for {waits}")
        return "nothing can happen any more" + "".join(lines)
