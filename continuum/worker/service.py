"""What every background service of a worker shares: a supervised loop and test signals."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from random import Random
from typing import Generic, TypeVar

from continuum.store.protocol import StoreUnavailable

T = TypeVar("T")

STOP_LOOK = 0.5
"""Seconds after which a task that has not ended is cancelled again."""


class Signal(Generic[T]):
    """Something that happened, for tests to wait on; costs nothing while nobody listens.

    Example:
        committed = worker.committer.committed.listen()
        await committed.get()
    """

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: asyncio.Queue[T] | None = None

    def emit(self, value: T) -> None:
        """Tell the listener, if there is one."""
        if self._queue is not None:
            self._queue.put_nowait(value)

    def listen(self) -> asyncio.Queue[T]:
        """The queue into which all later values go."""
        if self._queue is None:
            self._queue = asyncio.Queue()
        return self._queue


class Backoff:
    """Growing, jittered pauses between tries while something is unavailable.

    Args:
        initial, limit: seconds.
        random: source of the jitter, so that nodes do not come back all at once.
    """

    def __init__(self, random: Random, *, initial: float = 0.05, limit: float = 2.0) -> None:
        self._random = random
        self._initial = initial
        self._limit = limit
        self._next = initial

    def reset(self) -> None:
        """The last try worked."""
        self._next = self._initial

    def pause(self) -> float:
        """Seconds to wait before the next try."""
        pause = self._next * (0.5 + self._random.random() / 2)
        self._next = min(self._next * 2, self._limit)
        return pause


class Service(ABC):
    """A loop that survives everything but `stop`: an outage, and a bug in one iteration.

    Subclasses implement `iterate`, one bounded piece of work including its own waiting.
    """

    def __init__(self, name: str, random: Random) -> None:
        self.name = name
        self.log = logging.getLogger(f"continuum.worker.{name}")
        self._backoff = Backoff(random)
        self._task: asyncio.Task[None] | None = None
        self._unavailable = False

    @property
    def running(self) -> bool:
        """Whether the loop has been started and not stopped."""
        return self._task is not None

    def start(self) -> None:
        """Start the loop; a second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._main(), name=f"continuum:{self.name}")

    async def stop(self) -> None:
        """Stop the loop wherever it waits; returns when it has ended."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()  # again, should a library have swallowed the first
            await asyncio.wait([task], timeout=STOP_LOOK)

    @abstractmethod
    async def iterate(self) -> None:
        """One piece of work."""

    async def _main(self) -> None:
        while True:
            try:
                await self.iterate()
            except StoreUnavailable as error:
                if not self._unavailable:
                    self.log.warning("%s: the database does not answer: %s", self.name, error)
                self._unavailable = True
                await asyncio.sleep(self._backoff.pause())
            except Exception:
                self.log.exception("%s: unexpected error; going on", self.name)
                await asyncio.sleep(self._backoff.pause())
            else:
                if self._unavailable:
                    self.log.info("%s: the database answers again", self.name)
                self._unavailable = False
                self._backoff.reset()


async def wait_event(event: asyncio.Event, timeout: float) -> bool:
    """Wait for `event` at most `timeout` seconds; whether it came. Clears it."""
    try:
        # Not `wait_for`: on 3.11 it swallows a cancellation that comes together with the event.
        async with asyncio.timeout(timeout):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
