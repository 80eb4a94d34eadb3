"""Replays in several processes: each loads the application and reads its share of the journals.

Only ids go there and only verdicts come back. The processes are fresh ones, not forks: what the
application has started in this one (threads, connections) would not survive a fork.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from continuum.audit.coverage import Coverage
from continuum.audit.replay import Progress, ReplayCode, replay_journal
from continuum.audit.replay_selection import Selection
from continuum.audit.replay_watch import LIMIT, Endless, ReplayWatch
from continuum.audit.replayed import Replayed
from continuum.declare.registry import AnyWorkflow
from continuum.errors import ContinuumError
from continuum.query.tree import Query
from continuum.store.journals import ReplaySource

OpenSource = Callable[[], AbstractAsyncContextManager[ReplaySource]]
LoadFlows = Callable[[], Iterable[AnyWorkflow]]

_COLLECT: Final = 50
"""Batches between two collections of what reference cycles user code has made."""


class ReplayProcessDied(ContinuumError):
    """A process that replayed runs ended by itself."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The runs of a batch, and by workflow the branches that they came through."""

    replayed: Sequence[Replayed]
    seen: Mapping[str, int]


class ReplayPool:
    """Processes that replay batches of runs; an async context manager.

    Args:
        open_source: opens the store; it is pickled and called in each process.
        load: gives the workflows; likewise.
        processes: how many; default one for each core that this process may use.
        limit: seconds for the replay of one run.
    """

    def __init__(
        self,
        open_source: OpenSource,
        load: LoadFlows,
        processes: int | None = None,
        limit: float = LIMIT,
    ) -> None:
        self.processes = processes or len(os.sched_getaffinity(0))
        context = multiprocessing.get_context("spawn")
        self._endless: SimpleQueue[Endless] = context.SimpleQueue()
        self._executor = ProcessPoolExecutor(
            self.processes,
            mp_context=context,
            initializer=_prepare,
            initargs=(open_source, load, self._endless, limit),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._executor.shutdown(wait=exc is None, cancel_futures=True)

    async def replay(self, batch: Sequence[UUID]) -> Answer:
        """Those of these runs that are live.

        Raises:
            ReplayProcessDied: the workflow code ended the process, or went on beyond the limit, or
                somebody killed it.
        """
        try:
            return await asyncio.wrap_future(self._submit(batch))
        except BrokenProcessPool:
            raise self._why_it_died() from None

    def _why_it_died(self) -> ReplayProcessDied:
        if self._endless.empty():
            return ReplayProcessDied(
                "a process that replayed runs has died",
                hint="replay fewer runs with --where to find the one whose code ends it",
            )
        return ReplayProcessDied(
            str(self._endless.get()), hint="look for a loop there that this history does not end"
        )

    def _submit(self, batch: Sequence[UUID]) -> Future[Answer]:
        """A process may be started by this; it inherits that Ctrl-C is not for it."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._executor.submit(_replay, batch)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def replay_in_pool(
    pool: ReplayPool,
    source: ReplaySource,
    *,
    where: Query | None = None,
    sample: int | None = None,
    per_version: bool = False,
    progress: Progress | None = None,
    coverage: Coverage | None = None,
) -> AsyncGenerator[Replayed]:
    """As `replay_live`, in the processes of a pool; `coverage` need not be installed here.

    Raises:
        ReplayProcessDied: the workflow code ended a process, or somebody killed it.
        QueryError, StoreUnavailable.
    """
    selection = Selection(source, where, sample, per_version=per_version)
    total = 0 if progress is None else await selection.total()
    done = 0
    coming: deque[tuple[int, asyncio.Task[Answer]]] = deque()
    try:
        async with aclosing(selection.batches()) as batches:
            more = True
            while more or coming:
                while more and len(coming) < pool.processes + 1:
                    batch = await anext(batches, None)
                    more = batch is not None
                    if batch is not None:
                        coming.append((len(batch), asyncio.create_task(pool.replay(batch))))
                if not coming:
                    break
                size, task = coming.popleft()
                answer = await task
                for replayed in answer.replayed:
                    yield replayed
                if coverage is not None:
                    coverage.add(answer.seen)
                done += size
                if progress is not None:
                    progress(done, total)
    finally:
        for _, task in coming:
            task.cancel()


# In the processes.


class _Replayer:
    """What one of the processes keeps between batches."""

    def __init__(self, open_source: OpenSource, load: LoadFlows, watch: ReplayWatch) -> None:
        self._open_source = open_source
        self._watch = watch
        self._load = load
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._source: ReplaySource | None = None
        self._code: ReplayCode
        self._coverage: Coverage
        self._batches = 0

    def replay(self, batch: Sequence[UUID]) -> Answer:
        return self._loop.run_until_complete(self._replay(batch))

    async def _replay(self, batch: Sequence[UUID]) -> Answer:
        source = self._source or await self._open()
        replayed: list[Replayed] = []
        async with aclosing(source.journals.journals(batch)) as journals:
            async for journal in journals:
                self._watch.begin(journal.run_id)
                replayed.append(replay_journal(journal, self._code))
                self._watch.end()
                self._coverage.credit(journal.pin.workflow)
                del journal  # or two of them are in memory while the next one comes
        self._batches += 1
        if self._batches % _COLLECT == 0:
            gc.collect()
        return Answer(replayed, self._coverage.take())

    async def _open(self) -> ReplaySource:
        flows = list(self._load())
        source = await self._stack.enter_async_context(self._open_source())
        self._code = ReplayCode(flows, await source.journals.registered())
        self._coverage = self._stack.enter_context(Coverage(flows))
        self._source = source
        gc.collect()
        gc.freeze()
        gc.disable()  # an execution cuts its own cycles
        return source


_replayers: Final[list[_Replayer]] = []


def _prepare(
    open_source: OpenSource, load: LoadFlows, endless: SimpleQueue[Endless], limit: float
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _replayers.append(_Replayer(open_source, load, ReplayWatch(endless.put, limit)))


def _replay(batch: Sequence[UUID]) -> Answer:
    return _replayers[0].replay(batch)


def _end_with_parent() -> None:
    """A parent that was killed says nothing, and the queue to it never ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
