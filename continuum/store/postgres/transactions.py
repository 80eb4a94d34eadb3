"""Transactional activities: user effects and the result in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg_pool import AsyncConnectionPool

from continuum.codec.hooks import PayloadCodec
from continuum.journal.tasks import attempt_name
from continuum.store.activities import AttemptFence, AttemptFenced
from continuum.store.postgres.arrays import Packed, int8_item
from continuum.store.postgres.inbox import PostgresInbox
from continuum.store.postgres.keys import PostgresKeys, hold_attempt
from continuum.store.postgres.session import Session, Sessions
from continuum.store.postgres.statements import statements
from continuum.store.postgres.tasks import PostgresTasks, answer_message
from continuum.store.protocol import InboxMessage, StoreUnavailable

_SQL: Final = statements("keys")

AT_ONCE: Final = 2
"""Transactional attempts at the same time; they share the pool with everything but commits."""


class PostgresTransactions:
    """Lends pool connections to transactional activities."""

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        sessions: Sessions,
        inbox: PostgresInbox,
        tasks: PostgresTasks,
        keys: PostgresKeys,
        codec: PayloadCodec,
    ) -> None:
        self._pool = pool
        self._sessions = sessions
        self._codec = codec
        self.inbox, self.tasks, self.keys = inbox, tasks, keys
        self._slots = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def transaction(self, fence: AttemptFence) -> AsyncGenerator[_Transaction]:
        """See `ActivityStore.transaction`. Errors of user code and of the database pass, except
        that a lost connection is `StoreUnavailable`: then the outcome may be unknown."""
        async with self._slots, self._pool.connection() as connection:
            if connection.isolation_level is None:
                await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
            try:
                async with connection.transaction():
                    yield _Transaction(self, connection, fence)
            except (psycopg.Error, OSError) as error:
                if not connection.closed:
                    raise
                raise StoreUnavailable("the connection of a transaction was lost") from error

    async def find_answer(self, fence: AttemptFence) -> InboxMessage | None:
        """See `ActivityStore.find_answer`."""
        token = Packed(int8_item(fence.token)[4:])
        name = attempt_name(fence.incarnation, fence.command, fence.attempt)
        async with self._sessions.transaction() as session:
            if fence.task:  # its task row goes with the answer; the lease lock waits for both
                await self.tasks.lock_runs(session, [fence])
            elif not await session.rows(_SQL["wait_for_run"], [fence.run_id, fence.node_id, token]):
                raise AttemptFenced(f"run {fence.run_id} is not of this node")
            rows = await session.rows(_SQL["find_answer"], [fence.run_id, name])
        for message_id, run_id, kind, found, payload in rows:
            return InboxMessage(message_id, run_id, kind, found, self._codec.open(payload))
        return None


class _Transaction:
    """An `AttemptTransaction`."""

    def __init__(
        self, owner: PostgresTransactions, connection: AsyncConnection[Any], fence: AttemptFence
    ) -> None:
        self._owner = owner
        self._fence = fence
        self.connection = connection
        self.posted: list[InboxMessage] = []

    async def answer(self, result: bytes, key: tuple[str, str, bytes] | None) -> None:
        """See `AttemptTransaction.answer`."""
        owner, fence = self._owner, self._fence
        session = Session(self.connection)
        await session.run(_SQL["bounded"])
        await hold_attempt(session, fence)
        if key is not None:
            activity, name, value = key
            await owner.keys.complete_on(session, fence, (fence.namespace, activity, name), value)
        if fence.task:
            self.posted = await owner.tasks.finish_on(session, [(fence, result)])
        else:
            message = answer_message(fence, result)
            self.posted = await owner.inbox.deliver_on(session, [message])
        if not self.posted:
            raise AttemptFenced(f"attempt {fence.attempt} of run {fence.run_id} is not current")
