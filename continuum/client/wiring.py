"""Builds the pieces a client works with, each when it is first asked for.

At most 10 connections a process: pool (4), committer, hints, ends; of a worker listener, heartbeat
and a probe. Committer, listeners and heartbeat go around a transaction pooler."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from psycopg import AsyncConnection, Connection

from continuum.client.listening import SharedListener
from continuum.client.waiting import EndWaiter
from continuum.codec.hooks import PayloadCodec
from continuum.errors import ConfigurationError
from continuum.settings import Dsn, resolve_dsn
from continuum.store.postgres import migrate
from continuum.store.postgres.pool import (
    PostgresSettings,
    connect,
    connect_blocking,
    open_pool,
)
from continuum.store.postgres.poolers import allow_for_pooler
from continuum.store.postgres.reads import PostgresReads
from continuum.store.postgres.session import BlockingSession, Session, Sessions
from continuum.system import ObservedClock

if TYPE_CHECKING:
    from continuum.client.answers import AnswerWaiter
    from continuum.client.local_worker import LocalWorker
    from continuum.store.pauses import PauseStore
    from continuum.store.postgres.attributes import PostgresAttributes
    from continuum.store.postgres.auditing import PostgresAudit
    from continuum.store.postgres.health import PostgresHealth
    from continuum.store.postgres.hints import PostgresHints
    from continuum.store.postgres.journals import PostgresJournals
    from continuum.store.postgres.listen import ChannelListener, PostgresListener
    from continuum.store.postgres.liveness import PostgresLiveness
    from continuum.store.postgres.operators import PostgresOperators
    from continuum.store.postgres.plans import PostgresPlans
    from continuum.store.postgres.repair import PostgresRepair
    from continuum.store.postgres.store import PostgresStore
    from continuum.store.retention import RetentionStore
    from continuum.store.schedules import ScheduleStore
    from continuum.store.starts import StartOrder, StartOutcome

    kept = property  # a protocol's property is not to be had of a cached_property
else:
    from functools import cached_property as kept

HINTS_VARIABLE: Final = "CONTINUUM_HINTS"
"""`off` sends and hears no notifications: everything is then found by polling."""

POOL_SIZE: Final = 4
READ_POOL_SIZE: Final = 2
"""Connections to a replica, besides those to the primary."""


class PostgresBackend:
    """An open database and what works on it: a `Backend`.

    Attributes:
        store, reads: the two halves of the store.
        hints: wakes workers and waiters of other processes.
        waiter: waits for the ends of runs.
        workers: those of this process that are at work.
        clock: none; each worker follows the database's.
    """

    clock: ObservedClock | None = None

    def __init__(
        self, settings: PostgresSettings, codec: PayloadCodec, pool: Any, search_pool: Any = None
    ) -> None:
        self._settings = settings
        self._codec = codec
        self._pool = pool
        self._hints_on = os.environ.get(HINTS_VARIABLE, "on").lower() != "off"
        self._sessions = Sessions(pool)
        self.reads = PostgresReads(pool, codec, search_pool=search_pool)
        self.workers: list[LocalWorker] = []
        self._resources = AsyncExitStack()

    @kept
    def store(self) -> PostgresStore:
        """The half that writes; a process that only reads never loads it."""
        from continuum.store.postgres.store import PostgresStore

        store = PostgresStore(self._pool, self._connect_direct, self._codec)
        self._resources.push_async_callback(store.close)
        return store

    @kept
    def attributes(self) -> PostgresAttributes:
        """Which attribute keys there are, and indexes on them."""
        from continuum.store.postgres.attributes import PostgresAttributes

        return PostgresAttributes(self._pool, self._connect_direct)

    @kept
    def audits(self) -> PostgresAudit:
        """Which versions there are, and which runs need them."""
        from continuum.store.postgres.auditing import PostgresAudit

        return PostgresAudit(self._pool)

    @kept
    def journals(self) -> PostgresJournals:
        """What a replay reads."""
        from continuum.store.postgres.journals import PostgresJournals

        return PostgresJournals(self._pool, self._codec)

    def elsewhere(self) -> Callable[[], AbstractAsyncContextManager[PostgresBackend]]:
        """What another process can call to open the same store for replays."""
        return partial(_opened, self._settings, self._codec)

    @kept
    def health(self) -> PostgresHealth:
        """What the database knows of its health."""
        from continuum.store.postgres.health import PostgresHealth

        return PostgresHealth(self._pool)

    @kept
    def repair(self) -> PostgresRepair:
        """Puts runs right."""
        from continuum.store.postgres.repair import PostgresRepair

        return PostgresRepair(self._sessions, self._codec)

    @kept
    def operators(self) -> PostgresOperators:
        """What operators did, and which namespaces want reasons."""
        from continuum.store.postgres.operators import PostgresOperators

        return PostgresOperators(self._pool)

    @kept
    def plans(self) -> PostgresPlans:
        """Plans of acts upon many runs."""
        from continuum.store.postgres.plans import PostgresPlans

        return PostgresPlans(self._sessions, self._codec)

    @property
    def pauses(self) -> PauseStore:
        """Who may not go on."""
        return self.store.pauses

    @property
    def retention(self) -> RetentionStore:
        """Forgets what ended long ago."""
        return self.store.retention

    @property
    def schedules(self) -> ScheduleStore:
        """Schedules."""
        return self.store.schedules

    @kept
    def hints(self) -> PostgresHints:
        """Wakes workers and waiters of other processes."""
        from continuum.store.postgres.hints import PostgresHints

        hints = PostgresHints(self._connect, enabled=self._hints_on)
        self._resources.push_async_callback(hints.close)
        return hints

    @kept
    def waiter(self) -> EndWaiter:
        """Waits for the ends of runs."""
        waiter = EndWaiter(self.reads.ends, self._news.join, self._elsewhere)
        self._resources.push_async_callback(waiter.close)
        return waiter

    @kept
    def answers(self) -> AnswerWaiter:
        """Waits for answers to questions."""
        from continuum.client.answers import AnswerWaiter

        waiter = AnswerWaiter(self.store.questions.replies, self._news.join)
        self._resources.push_async_callback(waiter.close)
        return waiter

    @kept
    def _news(self) -> SharedListener:
        return SharedListener(self._ended_listener)

    @classmethod
    async def open(
        cls,
        dsn: str | None,
        codec: PayloadCodec,
        read_dsn: str | None = None,
        direct_dsn: str | None = None,
    ) -> PostgresBackend:
        """Connect, or start the embedded server, and check the schema.

        Args:
            dsn: as for `Continuum`.
            codec: opens and seals stored payloads.
            read_dsn: a replica that answers queries and counts.
            direct_dsn: the way around a transaction pooler, if not that of the environment.

        Raises:
            ConfigurationError, DatabaseUnavailable, SchemaError.
        """
        found = resolve_dsn(dsn, direct=direct_dsn)
        async with AsyncExitStack() as stack:
            settings = await stack.enter_async_context(reach_server(found))
            pool = await open_pool(
                settings,
                migrate.migrate if found.text is None else migrate.check,
                allow_for_pooler,
            )
            stack.push_async_callback(pool.close)
            search_pool = None
            if read_dsn is not None:
                search_pool = await open_pool(
                    PostgresSettings(read_dsn, max_size=READ_POOL_SIZE),
                    fit=partial(allow_for_pooler, only_read=True),
                )
                stack.push_async_callback(search_pool.close)
            backend = cls(settings, codec, pool, search_pool)
            backend._resources = stack.pop_all()
        return backend

    async def close(self) -> None:
        """Let workers give everything back and close all connections."""
        for worker in list(self.workers):
            await worker.close()
        await self._resources.aclose()

    async def start_on(self, connection: AsyncConnection[Any], order: StartOrder) -> StartOutcome:
        """Start a run in the caller's transaction."""
        if not isinstance(connection, AsyncConnection):
            raise ConfigurationError("connection must be a psycopg AsyncConnection")
        from continuum.store.postgres.orders import starting

        procedure = starting(order, self._codec, notify=self._hints_on)
        return await Session(connection).carry_out(procedure)

    def start_on_blocking(self, connection: Connection[Any], order: StartOrder) -> StartOutcome:
        """Start a run in the transaction of a synchronous caller, on its thread."""
        if not isinstance(connection, Connection):
            raise ConfigurationError("connection must be a psycopg Connection")
        from continuum.store.postgres.orders import starting

        procedure = starting(order, self._codec, notify=self._hints_on)
        return BlockingSession(connection).carry_out(procedure)

    def node_listener(
        self,
        node_id: UUID,
        on_hint: Callable[[Sequence[UUID]], None],
        on_reconnect: Callable[[], None],
    ) -> PostgresListener:
        """A `ListenerFactory`."""
        from continuum.store.postgres.listen import PostgresListener

        heard = on_hint if self._hints_on else _ignore
        return PostgresListener(self._connect_direct, self._connect, node_id, heard, on_reconnect)

    def liveness(
        self,
        node_id: UUID,
        ttl: float,
        heartbeat: float,
        on_beat: Callable[[datetime], None],
        on_lost: Callable[[], None],
        on_reconnect: Callable[[], None],
    ) -> PostgresLiveness:
        """A `LivenessFactory`."""
        from continuum.store.postgres.liveness import PostgresLiveness

        return PostgresLiveness(
            self._connect_heartbeat, node_id, ttl, heartbeat, on_beat, on_lost, on_reconnect
        )

    def _elsewhere(self, run_ids: Iterable[UUID]) -> Collection[UUID]:
        for worker in self.workers:
            owned = worker.owned
            run_ids = [run_id for run_id in run_ids if run_id not in owned]
        return list(run_ids)

    def _ended_listener(
        self, on_hint: Callable[[Sequence[UUID]], None], on_reconnect: Callable[[], None]
    ) -> ChannelListener:
        from continuum.store.postgres.hints import ENDED_CHANNEL, decode_hint
        from continuum.store.postgres.listen import ChannelListener

        heard = on_hint if self._hints_on else _ignore
        return ChannelListener(
            self._connect_direct,
            ENDED_CHANNEL,
            lambda payload: heard(decode_hint(payload)),
            on_reconnect,
        )

    async def _connect(self) -> AsyncConnection[Any]:
        return await connect(self._settings)

    async def _connect_direct(self) -> AsyncConnection[Any]:
        return await connect(self._settings, direct=True)

    def _connect_heartbeat(self) -> Connection[Any]:
        return connect_blocking(self._settings, direct=True)


def _ignore(run_ids: Sequence[UUID]) -> None:
    """With hints off, a notification is as good as lost."""


@asynccontextmanager
async def _opened(
    settings: PostgresSettings, codec: PayloadCodec
) -> AsyncGenerator[PostgresBackend]:
    """An open store, closed afterwards."""
    backend = await PostgresBackend.open(settings.dsn, codec, direct_dsn=settings.direct_dsn)
    try:
        yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def reach_server(found: Dsn) -> AsyncGenerator[PostgresSettings]:
    """How to reach the named database, or the embedded server, whatever its schema."""
    if found.text is not None:
        yield PostgresSettings(found.text, found.direct, max_size=POOL_SIZE)
        return
    from continuum.store.postgres.embedded import EmbeddedServer

    server = EmbeddedServer()
    await asyncio.to_thread(server.join)
    try:
        yield PostgresSettings(server.dsn, max_size=POOL_SIZE)
    finally:
        await asyncio.to_thread(server.leave)
