"""One live loop per screen: load, wait, load again; never two loads at once.

The loop is a plain coroutine that a screen runs as its one worker. It knows nothing of widgets:
`load` reads, `show` and `fail` tell the screen. A failed load keeps whatever is on screen and is
retried with back-off; a load that no longer matters is cancelled, which cancels its query on the
server too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final, Generic, TypeVar

from continuum.errors import ContinuumError, DatabaseUnavailable

T = TypeVar("T")

INTERVALS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
RETRIES: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
NO_ANSWER_AFTER: Final = 10.0


@dataclass(slots=True)
class Trouble:
    """Why the data is old: since when, the last error, and when the next try is due."""

    error: Exception
    since: float
    failures: int
    retry_at: float

    @property
    def unreachable(self) -> bool:
        """Whether the database is away, as opposed to refusing this one question."""
        return isinstance(self.error, (DatabaseUnavailable, OSError, TimeoutError))


class LiveLoop(Generic[T]):
    """Loads again and again.

    Args:
        load: reads everything the screen shows.
        show: gets what was loaded.
        fail: told after each failed load; `trouble` is set.
        interval: seconds between the end of a load and the start of the next.
        patience: seconds that a load may take.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[T]],
        show: Callable[[T], None],
        fail: Callable[[Trouble], None],
        *,
        interval: float = 2.0,
        patience: float = NO_ANSWER_AFTER,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._load = load
        self._show = show
        self._fail = fail
        self._clock = clock
        self._patience = patience
        self._wake = asyncio.Event()
        self._loading: asyncio.Task[T] | None = None
        self._stale = False
        self._asked = True
        self.interval = interval
        self.paused = False
        self.suspended = False
        self.trouble: Trouble | None = None
        self.loaded_at: float | None = None
        self.loads = 0

    async def run(self) -> None:
        """Load until cancelled."""
        try:
            while True:
                self._wake.clear()
                if not self.suspended and (self._asked or not self.paused):
                    self._asked = False
                    await self._load_once()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._delay()):
                        await self._wake.wait()
        finally:
            if self._loading is not None:
                self._loading.cancel()

    def refresh(self) -> None:
        """Load now (or as soon as the load in flight is done)."""
        self._asked = True
        self._wake.set()

    def restart(self) -> None:
        """The question changed: drop the load in flight and load at once."""
        self._stale = True
        self._asked = True
        if self._loading is not None:
            self._loading.cancel()
        self._wake.set()

    def suspend(self) -> None:
        """Another screen is on top: load nothing."""
        self.suspended = True

    def resume(self, *, at_once: bool = True) -> None:
        """On top again: load at once, or only if the data is older than the interval."""
        self.suspended = False
        old = self.age is None or self.age >= self.interval
        self._asked = not self.paused and (at_once or old)
        self._wake.set()

    def toggle_pause(self) -> bool:
        """Stop or go on by itself; `refresh` still works while paused."""
        self.paused = not self.paused
        self._wake.set()
        return self.paused

    def change_interval(self, step: int) -> float:
        """Move to the next longer (1) or shorter (-1) interval."""
        index = INTERVALS.index(self.interval) if self.interval in INTERVALS else 1
        self.interval = INTERVALS[max(0, min(len(INTERVALS) - 1, index + step))]
        self._wake.set()
        return self.interval

    @property
    def idle(self) -> bool:
        """Whether no load is in flight or wanted."""
        return self._loading is None and not self._asked

    @property
    def age(self) -> float | None:
        """Seconds since the data on screen was read; None before the first."""
        return None if self.loaded_at is None else self._clock() - self.loaded_at

    @property
    def retry_in(self) -> float:
        """Seconds until the next try after a failure."""
        return 0.0 if self.trouble is None else max(0.0, self.trouble.retry_at - self._clock())

    @property
    def trouble_for(self) -> float:
        """Seconds since the first failure in a row."""
        return 0.0 if self.trouble is None else self._clock() - self.trouble.since

    def _delay(self) -> float | None:
        if self.suspended:
            return None
        if self.trouble is not None:
            return self.retry_in
        return None if self.paused else self.interval

    async def _load_once(self) -> None:
        self._stale = False
        self._loading = asyncio.ensure_future(self._bounded())
        try:
            loaded = await self._loading
            self.trouble = None
            self.loaded_at = self._clock()
            self.loads += 1
            self._show(loaded)
        except asyncio.CancelledError:
            if not self._stale:
                raise
        except Exception as error:
            self._failed(error)
        finally:
            self._loading = None

    async def _bounded(self) -> T:
        try:
            async with asyncio.timeout(self._patience):
                return await self._load()
        except TimeoutError as error:
            if isinstance(error, ContinuumError):
                raise
            raise DatabaseUnavailable(f"no answer within {self._patience:.0f} s") from None

    def _failed(self, error: Exception) -> None:
        now = self._clock()
        failures = 1 if self.trouble is None else self.trouble.failures + 1
        since = now if self.trouble is None else self.trouble.since
        wait = RETRIES[min(failures, len(RETRIES)) - 1]
        self.trouble = Trouble(error, since, failures, now + wait)
        self._fail(self.trouble)
