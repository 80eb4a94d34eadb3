"""A client over the memory store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from continuum.client.answers import AnswerWaiter
from continuum.client.client import Continuum
from continuum.client.waiting import EndWaiter
from continuum.errors import ConfigurationError
from continuum.journal.turn import RunEnd
from continuum.store.journals import ReplaySource
from continuum.store.memory.reads import MemoryReads
from continuum.store.memory.store import MemoryStore
from continuum.store.memory.wake import Hear, MemoryHints, MemoryListener, MemoryLiveness
from continuum.store.questions import QuestionKey, Reply
from continuum.store.starts import StartOrder, StartOutcome
from continuum.testing.skipping import Stalled, TimeSkipper

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

    from continuum.client.backend import Backend
    from continuum.client.local_worker import LocalWorker


T = TypeVar("T")


class MemoryBackend:
    """An open memory store and what works on it (`Backend`)."""

    def __init__(self, store: MemoryStore, hints: MemoryHints, skipper: TimeSkipper) -> None:
        self.store: MemoryStore = store
        self.reads: MemoryReads = store.reads
        self.attributes = store.attributes
        self.audits = store.audits
        self.journals = store.journals
        self.health = store.health
        self.repair = store.repair
        self.operators = store.operators
        self.plans = store.plans
        self.pauses = store.pauses
        self.retention = store.retention
        self.schedules = store.schedules
        self.clock = store.clock
        self.hints = hints
        self.waiter: EndWaiter = _SkippingWaiter(store, hints, skipper)
        self.answers: AnswerWaiter = _SkippingAnswers(store, hints, skipper)
        self.workers: list[LocalWorker] = []

    async def close(self) -> None:
        """Let workers give everything back."""
        for worker in list(self.workers):
            await worker.close()
        await self.waiter.close()
        await self.answers.close()

    async def start_on(self, connection: AsyncConnection[Any], order: StartOrder) -> StartOutcome:
        """There is no transaction to join."""
        raise _no_transaction()

    def start_on_blocking(self, connection: Connection[Any], order: StartOrder) -> StartOutcome:
        """There is no transaction to join."""
        raise _no_transaction()

    def elsewhere(self) -> Callable[[], AbstractAsyncContextManager[ReplaySource]]:
        """There is nothing that another process could open."""
        raise ConfigurationError("replays in other processes need PostgreSQL")

    def node_listener(
        self, node_id: UUID, on_hint: Hear, on_reconnect: Callable[[], None]
    ) -> MemoryListener:
        """A `ListenerFactory`."""
        return MemoryListener(self.hints, node_id, on_hint)

    def liveness(
        self,
        node_id: UUID,
        ttl: float,
        heartbeat: float,
        on_beat: Callable[[datetime], None],
        on_lost: Callable[[], None],
        on_reconnect: Callable[[], None],
    ) -> MemoryLiveness:
        """A `LivenessFactory`."""
        return MemoryLiveness(self.store.tables, node_id, on_beat)


class MemoryClient(Continuum):
    """The public client, on a store that is open already."""

    def __init__(self, backend: MemoryBackend, operator: str | None = None) -> None:
        super().__init__(operator=operator)
        self._memory = backend

    async def _open_backend(self) -> Backend:
        return self._memory


class _EndListener:
    """Hears that runs have ended."""

    def __init__(self, hints: MemoryHints, on_hint: Hear) -> None:
        self._hints = hints
        self._on_hint = on_hint

    async def start(self) -> None:
        self._hints.join_waiter(self._on_hint)

    async def close(self) -> None:
        self._hints.leave_waiter(self._on_hint)


class _SkippingWaiter(EndWaiter):
    """Lets time pass while results are awaited."""

    def __init__(self, store: MemoryStore, hints: MemoryHints, skipper: TimeSkipper) -> None:
        super().__init__(store.reads.ends, lambda on_hint, _: _EndListener(hints, on_hint))
        self._skipper = skipper

    async def wait(self, run_id: UUID, *, here: bool = False) -> RunEnd:
        hint = "send what it waits for before asking for the result"
        return await _skipping(self._skipper, super().wait(run_id, here=here), hint)


class _SkippingAnswers(AnswerWaiter):
    """Lets time pass while answers are awaited."""

    def __init__(self, store: MemoryStore, hints: MemoryHints, skipper: TimeSkipper) -> None:
        super().__init__(store.questions.replies, lambda on_hint, _: _EndListener(hints, on_hint))
        self._skipper = skipper

    async def wait(self, key: QuestionKey) -> Reply:
        hint = "it answers only what it waits for with wait_question"
        return await _skipping(self._skipper, super().wait(key), hint)


async def _skipping(skipper: TimeSkipper, waiting: Coroutine[Any, Any, T], hint: str) -> T:
    """Wait, and let time pass; what nothing can bring any more is given up."""
    wait = asyncio.ensure_future(waiting)
    with skipper.somebody_waits() as stalled:
        try:
            await asyncio.wait((wait, stalled), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not wait.done():
                wait.cancel()
    if not wait.cancelled() and wait.done():
        return wait.result()
    raise Stalled(stalled.result(), hint=hint)


def _no_transaction() -> ConfigurationError:
    return ConfigurationError(
        "start(connection=...) needs PostgreSQL", hint="test it against a real database"
    )
