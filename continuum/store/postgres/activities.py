"""The `ActivityStore` of PostgreSQL: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from continuum.codec.hooks import PayloadCodec
from continuum.declare.queue import Queue
from continuum.store.activities import (
    AttemptFence,
    AttemptTransaction,
    Beat,
    ClaimedTask,
    Reservation,
)
from continuum.store.postgres.inbox import PostgresInbox
from continuum.store.postgres.keys import PostgresKeys
from continuum.store.postgres.session import Sessions
from continuum.store.postgres.tasks import PostgresTasks
from continuum.store.postgres.transactions import PostgresTransactions
from continuum.store.protocol import InboxMessage


class PostgresActivities:
    """Delegates to `tasks`, `keys` and `transactions`; see `ActivityStore` for every method."""

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        sessions: Sessions,
        inbox: PostgresInbox,
        codec: PayloadCodec,
    ) -> None:
        self._tasks = PostgresTasks(sessions, inbox, codec)
        self._keys = PostgresKeys(sessions, inbox, codec)
        self._transactions = PostgresTransactions(
            pool, sessions, inbox, self._tasks, self._keys, codec
        )

    async def set_queues(self, queues: Sequence[Queue]) -> None:
        """See `ActivityStore`."""
        await self._tasks.set_queues(queues)

    async def claim_tasks(
        self, node_id: UUID, queue: str, activities: Sequence[str], limit: int
    ) -> list[ClaimedTask]:
        """See `ActivityStore`."""
        return await self._tasks.claim_tasks(node_id, queue, activities, limit)

    async def finish_tasks(
        self, results: Sequence[tuple[AttemptFence, bytes]]
    ) -> list[InboxMessage]:
        """See `ActivityStore`."""
        return await self._tasks.finish_tasks(results)

    async def give_tasks_back(self, fences: Sequence[AttemptFence], delay: float) -> None:
        """See `ActivityStore`."""
        await self._tasks.give_tasks_back(fences, delay)

    async def look_at_tasks(
        self, fences: Sequence[AttemptFence]
    ) -> tuple[list[AttemptFence], list[AttemptFence]]:
        """See `ActivityStore`."""
        return await self._tasks.look_at_tasks(fences)

    async def sweep_tasks(self, limit: int) -> list[InboxMessage]:
        """See `ActivityStore`."""
        return await self._tasks.sweep_tasks(limit)

    async def save_beats(self, beats: Sequence[Beat]) -> None:
        """See `ActivityStore`."""
        await self._tasks.save_beats(beats)

    async def reserve_key(self, fence: AttemptFence, activity: str, key: str) -> Reservation:
        """See `ActivityStore`."""
        return await self._keys.reserve_key(fence, activity, key)

    async def complete_key(
        self, fence: AttemptFence, activity: str, key: str, value: bytes
    ) -> list[InboxMessage]:
        """See `ActivityStore`."""
        return await self._keys.complete_key(fence, activity, key, value)

    async def release_key(self, fence: AttemptFence, activity: str, key: str) -> list[InboxMessage]:
        """See `ActivityStore`."""
        return await self._keys.release_key(fence, activity, key)

    async def sweep_keys(self, limit: int) -> list[InboxMessage]:
        """See `ActivityStore`."""
        return await self._keys.sweep_keys(limit)

    async def wake_key(self, namespace: str, activity: str, key: str) -> list[InboxMessage]:
        """See `ActivityStore`."""
        return await self._keys.wake((namespace, activity, key))

    def transaction(self, fence: AttemptFence) -> AbstractAsyncContextManager[AttemptTransaction]:
        """See `ActivityStore`."""
        return self._transactions.transaction(fence)

    async def find_answer(self, fence: AttemptFence) -> InboxMessage | None:
        """See `ActivityStore`."""
        return await self._transactions.find_answer(fence)
