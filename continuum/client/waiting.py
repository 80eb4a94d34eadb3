"""Waits for what runs bring about: all waiters of a kind share one listener, one poll, one read."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from itertools import islice
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

from continuum.errors import DatabaseUnavailable, QueryError, RunNotFound
from continuum.journal.ends import RunEnd
from continuum.model import RunState

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

POLL: Final = 1.0
"""Seconds after which a lost hint is made good."""
_BATCH: Final = 500
_REMEMBERED: Final = 10_000
_REMEMBERED_SIZE: Final = 4096


class Listener(Protocol):
    """Hears from other processes what happened to runs."""

    async def start(self) -> None:
        """Connect and listen; losses are repaired by itself."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


Listen = Callable[[Callable[[Sequence[UUID]], None], Callable[[], None]], Listener]
"""Builds a listener from its hint and reconnect callbacks."""


class Waiter(ABC, Generic[K, V]):
    """Wakes whoever waits for something that a run brings about.

    Args:
        find: looks at what is awaited: absent is what there is not, None what is to come.
        listener: builds the listener; started when it may happen in another process.
        poll: seconds between two looks at everything else that is waited for.
    """

    def __init__(
        self,
        find: Callable[[Sequence[K]], Awaitable[Mapping[K, V | None]]],
        listener: Listen,
        poll: float = POLL,
    ) -> None:
        self._find = find
        self._listener = listener(self.hint, self.look_at_all)
        self._poll = poll
        self._waiting: dict[K, set[asyncio.Future[V]]] = {}
        self._unlooked: dict[K, None] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = False
        self._idle = True

    @abstractmethod
    def hint(self, run_ids: Sequence[UUID]) -> None:
        """Something happened to these runs, or without ids: to some."""

    @abstractmethod
    def _overlooked(self) -> Collection[K]:
        """What the poll has to look at."""

    @abstractmethod
    def _run_of(self, key: K) -> UUID:
        """The run that brings it about."""

    def look_at_all(self) -> None:
        """Hints may have been lost."""
        self._unlooked.update(dict.fromkeys(self._waiting))
        self._wake.set()

    async def close(self) -> None:
        """Stop looking; whoever still waits is told that the client was closed."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._listening:
            await self._listener.close()
        for futures in list(self._waiting.values()):
            for future in futures:
                if not future.done():
                    future.set_exception(DatabaseUnavailable("the client was closed", hint=""))

    async def _wait(self, key: K, *, look: bool) -> V:
        """What is awaited; with `look` the database is asked before the next poll.

        Raises:
            RunNotFound: there is no such run.
        """
        future: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, set()).add(future)
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._look(), name="continuum-waiter"))
        if look:
            self._unlooked[key] = None
            self._wake.set()
            self._listen_from_now()
        elif self._idle:
            self._wake.set()
        try:
            return await future
        finally:
            self._forget(key, future)

    def _hint_at(self, keys: Iterable[K]) -> None:
        for key in keys:
            if self._is_awaited(key):
                self._unlooked[key] = None
                self._wake.set()

    def _give(self, key: K, found: V) -> None:
        for future in self._waiting.get(key, ()):
            if not future.done():
                future.set_result(found)

    def _listen_from_now(self) -> None:
        if not self._listening:
            self._listening = True
            task = asyncio.create_task(self._listen(), name="continuum-waiter-listener")
            self._tasks.append(task)

    async def _listen(self) -> None:
        """Until it listens, the poll alone has to do."""
        while True:
            try:
                await self._listener.start()
            except DatabaseUnavailable:
                await asyncio.sleep(self._poll)
            else:
                self.look_at_all()
                return

    def _forget(self, key: K, future: asyncio.Future[V]) -> None:
        futures = self._waiting.get(key)
        if futures is not None:
            futures.discard(future)
            if not futures:
                del self._waiting[key]

    def _is_awaited(self, key: K) -> bool:
        return any(not future.done() for future in self._waiting.get(key, ()))

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        poll_at = loop.time() + self._poll
        while True:
            self._idle = not self._waiting
            try:
                # Not `wait_for`: on 3.11 it swallows a cancellation that comes with the wake-up,
                # and `close` would wait for ever.
                async with asyncio.timeout_at(None if self._idle else poll_at):
                    await self._wake.wait()
            except TimeoutError:
                pass
            if self._idle or loop.time() >= poll_at:
                if not self._idle:
                    self._poll_all()
                poll_at = loop.time() + self._poll
            self._wake.clear()
            while self._unlooked:
                batch = list(islice(self._unlooked, _BATCH))
                for key in batch:
                    del self._unlooked[key]
                await self._read([key for key in batch if self._is_awaited(key)])

    def _poll_all(self) -> None:
        due = self._overlooked()
        if due:
            self._unlooked.update(dict.fromkeys(due))
            self._listen_from_now()

    async def _read(self, keys: Sequence[K]) -> None:
        if not keys:
            return
        try:
            found = await self._find(keys)
        except (DatabaseUnavailable, QueryError):
            return  # the run goes on without us; the next poll looks again
        except Exception as error:
            if len(keys) == 1:
                self._fail(keys[0], error)
                return
            for key in keys:  # one that is unreadable must not fail its neighbours
                await self._read([key])
            return
        for key in keys:
            answer = found.get(key)
            if answer is not None:
                self._give(key, answer)
            elif key not in found:
                self._fail(key, RunNotFound(self._run_of(key)))

    def _fail(self, key: K, error: Exception) -> None:
        for future in self._waiting.get(key, ()):
            if not future.done():
                future.set_exception(error)


class EndWaiter(Waiter[UUID, RunEnd]):
    """Wakes whoever waits for a run's end.

    Args:
        ends: reads how runs ended, as `ReadStore.ends`.
        listener: as of `Waiter`.
        elsewhere: which of these runs no worker of this process owns; the ends of the others will
            be delivered, so the poll leaves them out.
        poll: as of `Waiter`.
    """

    def __init__(
        self,
        ends: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, RunEnd | None]]],
        listener: Listen,
        elsewhere: Callable[[Iterable[UUID]], Collection[UUID]] = list,
        poll: float = POLL,
    ) -> None:
        super().__init__(ends, listener, poll)
        self._elsewhere = elsewhere
        self._here: set[UUID] = set()
        self._recent: OrderedDict[UUID, RunEnd] = OrderedDict()

    async def wait(self, run_id: UUID, *, here: bool = False) -> RunEnd:
        """The end of the run, as soon as it is committed.

        Args:
            run_id: of any run.
            here: a worker of this process took it, so most likely it will `deliver` the end;
                neither the database nor the listener is asked before the next poll.

        Raises:
            RunNotFound: there is no such run.
        """
        known = self._recent.get(run_id)
        if known is not None:
            if known.state is not RunState.FAILED:
                return known
            here = False  # an operator may have had it tried again since: ask
        if here:
            self._here.add(run_id)
        return await self._wait(run_id, look=not here)

    def deliver(self, run_id: UUID, end: RunEnd) -> None:
        """A worker of this process committed this end."""
        if end.result is None or len(end.result) <= _REMEMBERED_SIZE:
            self._recent[run_id] = end
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        self._give(run_id, end)

    def hint(self, run_ids: Sequence[UUID]) -> None:
        """These runs have ended, or without ids: some have."""
        # Most likely the many runs that a worker here has just ended and delivered.
        self._hint_at(run_ids or [each for each in self._waiting if each not in self._here])

    def _overlooked(self) -> Collection[UUID]:
        """Everything that no worker of this process owns."""
        return self._elsewhere(self._waiting)

    def _run_of(self, key: UUID) -> UUID:
        return key

    def _forget(self, key: UUID, future: asyncio.Future[RunEnd]) -> None:
        super()._forget(key, future)
        if key not in self._waiting:
            self._here.discard(key)
