"""Waits for the ends of runs: all waiters share one listener, one poll, one read."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, Protocol
from uuid import UUID

from continuum.errors import DatabaseUnavailable, QueryError, RunNotFound
from continuum.journal.ends import RunEnd
from continuum.model import RunState

POLL: Final = 1.0
"""Seconds after which a lost hint is made good."""
_BATCH: Final = 500
_REMEMBERED: Final = 10_000
_REMEMBERED_SIZE: Final = 4096


class EndListener(Protocol):
    """Hears from other processes that runs have ended."""

    async def start(self) -> None:
        """Connect and listen; losses are repaired by itself."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


class EndWaiter:
    """Wakes whoever waits for a run's end.

    Args:
        ends: reads how runs ended, as `ReadStore.ends`.
        listener: builds the shared listener from its hint and reconnect callbacks; started when
            something may end in another process.
        elsewhere: which of these runs no worker of this process owns; the ends of the others will
            be delivered, so the poll leaves them out.
        poll: seconds between two looks at everything else that is waited for.
    """

    def __init__(
        self,
        ends: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, RunEnd | None]]],
        listener: Callable[[Callable[[Sequence[UUID]], None], Callable[[], None]], EndListener],
        elsewhere: Callable[[Iterable[UUID]], Collection[UUID]] = list,
        poll: float = POLL,
    ) -> None:
        self._ends = ends
        self._elsewhere = elsewhere
        self._listener = listener(self.hint, self.look_at_all)
        self._poll = poll
        self._waiting: dict[UUID, set[asyncio.Future[RunEnd]]] = {}
        self._here: set[UUID] = set()
        self._unlooked: dict[UUID, None] = {}
        self._recent: OrderedDict[UUID, RunEnd] = OrderedDict()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = False
        self._idle = True

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
        future: asyncio.Future[RunEnd] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(run_id, set()).add(future)
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._look(), name="continuum-ends"))
        if here:
            self._here.add(run_id)
            if self._idle:
                self._wake.set()
        else:
            self._unlooked[run_id] = None
            self._wake.set()
            self._listen_from_now()
        try:
            return await future
        finally:
            self._forget(run_id, future)

    def deliver(self, run_id: UUID, end: RunEnd) -> None:
        """A worker of this process committed this end."""
        if end.result is None or len(end.result) <= _REMEMBERED_SIZE:
            self._recent[run_id] = end
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        for future in self._waiting.get(run_id, ()):
            if not future.done():
                future.set_result(end)

    def hint(self, run_ids: Sequence[UUID]) -> None:
        """These runs have ended, or without ids: some have."""
        if not run_ids:
            # Most likely the many runs that a worker here has just ended and delivered.
            run_ids = [run_id for run_id in self._waiting if run_id not in self._here]
        for run_id in run_ids:
            if self._is_awaited(run_id):
                self._unlooked[run_id] = None
                self._wake.set()

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

    def _listen_from_now(self) -> None:
        if not self._listening:
            self._listening = True
            task = asyncio.create_task(self._listen(), name="continuum-ends-listener")
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

    def _forget(self, run_id: UUID, future: asyncio.Future[RunEnd]) -> None:
        futures = self._waiting.get(run_id)
        if futures is not None:
            futures.discard(future)
            if not futures:
                del self._waiting[run_id]
                self._here.discard(run_id)

    def _is_awaited(self, run_id: UUID) -> bool:
        return any(not future.done() for future in self._waiting.get(run_id, ()))

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
                for run_id in batch:
                    del self._unlooked[run_id]
                await self._read([run_id for run_id in batch if self._is_awaited(run_id)])

    def _poll_all(self) -> None:
        """Everything that no worker of this process owns."""
        due = self._elsewhere(self._waiting)
        if due:
            self._unlooked.update(dict.fromkeys(due))
            self._listen_from_now()

    async def _read(self, run_ids: Sequence[UUID]) -> None:
        if not run_ids:
            return
        try:
            ends = await self._ends(run_ids)
        except (DatabaseUnavailable, QueryError):
            return  # the run goes on without us; the next poll looks again
        except Exception as error:
            if len(run_ids) == 1:
                self._fail(run_ids[0], error)
                return
            for run_id in run_ids:  # one unreadable result must not fail its neighbours
                await self._read([run_id])
            return
        for run_id in run_ids:
            end = ends.get(run_id)
            for future in self._waiting.get(run_id, ()):
                if future.done():
                    continue
                if end is not None:
                    future.set_result(end)
                elif run_id not in ends:
                    future.set_exception(RunNotFound(run_id))

    def _fail(self, run_id: UUID, error: Exception) -> None:
        for future in self._waiting.get(run_id, ()):
            if not future.done():
                future.set_exception(error)
