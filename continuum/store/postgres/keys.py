"""Idempotency keys of activities: results that outlive history (`ActivityStore`, keys half)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from continuum.codec.hooks import PayloadCodec
from continuum.journal.events import NULL
from continuum.journal.tasks import KEY_SETTLED, attempt_name
from continuum.store.activities import AttemptFence, AttemptFenced, Reservation
from continuum.store.postgres.arrays import Packed, int4_item, int8_item, uuids
from continuum.store.postgres.inbox import PostgresInbox
from continuum.store.postgres.session import Row, Session, Sessions
from continuum.store.postgres.statements import statements
from continuum.store.protocol import InboxMessage, NewMessage

_SQL: Final = statements("keys")
_INBOX: Final = statements("inbox")

Key = tuple[str, str, str]


class PostgresKeys:
    """Reserves keys, stores results under them and wakes who waits."""

    def __init__(self, sessions: Sessions, inbox: PostgresInbox, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._inbox = inbox
        self._codec = codec

    async def reserve_key(self, fence: AttemptFence, activity: str, key: str) -> Reservation:
        """See `ActivityStore.reserve_key`."""
        name = (fence.namespace, activity, key)
        while True:
            async with self._sessions.transaction() as session:
                await hold_attempt(session, fence)
                if await session.rows(_SQL["reserve"], _holder(name, fence)):
                    return Reservation(mine=True)
                rows = await session.rows(_SQL["look"], list(name))
                if rows:
                    return await self._contended(session, fence, name, rows[0])
            # Released between the two statements: try again.

    async def complete_key(
        self, fence: AttemptFence, activity: str, key: str, value: bytes
    ) -> list[InboxMessage]:
        """See `ActivityStore.complete_key`."""
        name = (fence.namespace, activity, key)
        async with self._sessions.autocommit() as session:
            await self.complete_on(session, fence, name, value)
        return await self.wake(name)

    async def complete_on(
        self, session: Session, fence: AttemptFence, name: Key, value: bytes
    ) -> None:
        """Store the result, perhaps inside an open transaction."""
        await session.run(_SQL["complete"], [*_holder(name, fence), self._codec.seal(value)])

    async def release_key(self, fence: AttemptFence, activity: str, key: str) -> list[InboxMessage]:
        """See `ActivityStore.release_key`."""
        name = (fence.namespace, activity, key)
        async with self._sessions.autocommit() as session:
            await session.run(_SQL["release"], _holder(name, fence))
        return await self.wake(name)

    async def sweep_keys(self, limit: int) -> list[InboxMessage]:
        """See `ActivityStore.sweep_keys`."""
        async with self._sessions.autocommit() as session:
            names = await session.rows(_SQL["settled_keys"], [_int4(limit)])
        return [
            message
            for namespace, activity, key in names
            for message in await self.wake((namespace, activity, key))
        ]

    async def wake(self, name: Key) -> list[InboxMessage]:
        """Tell all who wait for this key to try again: their leases first (rule 11)."""
        async with self._sessions.autocommit() as session:
            found = await session.rows(_SQL["waiters"], list(name))
        if not found:
            return []
        run_ids = uuids({run_id: None for (run_id,) in found})
        async with self._sessions.transaction() as session:
            await session.rows(_INBOX["lock_live"], [run_ids])
            taken = await session.rows(_SQL["take_waiters"], [*name, run_ids])
            messages = [
                NewMessage(run_id, KEY_SETTLED, attempt_name(incarnation, command, attempt), NULL)
                for run_id, incarnation, command, attempt in taken
            ]
            return await self._inbox.deliver_on(session, messages)

    async def _contended(
        self, session: Session, fence: AttemptFence, name: Key, row: Row
    ) -> Reservation:
        """Somebody was first: an earlier attempt of this call, or another call."""
        run_id, incarnation, command, completed, result = row
        if completed:
            return Reservation(mine=False, value=self._codec.open(result))
        ours = (run_id, incarnation, command) == (fence.run_id, fence.incarnation, fence.command)
        if not ours:
            holder: Sequence[object] = [run_id, _int4(incarnation), _int4(command)]
            [(alive,)] = await session.rows(_SQL["holder_lives"], holder)
            if alive:
                if not fence.task:
                    await session.run(_SQL["wait_for_key"], _holder(name, fence))
                return Reservation(mine=False)
        await session.run(_SQL["take_over"], _holder(name, fence))
        return Reservation(mine=True)


async def hold_attempt(session: Session, fence: AttemptFence) -> None:
    """Lock what makes the attempt current, lease before task, to the end of the transaction.

    Raises:
        AttemptFenced: it is not current any more.
    """
    token = Packed(int8_item(fence.token)[4:])
    if not fence.task:
        held = await session.rows(_SQL["fence_run"], [fence.run_id, fence.node_id, token])
    else:
        await session.rows(_INBOX["lock_live"], [uuids([fence.run_id])])
        held = await session.rows(
            _SQL["fence_task"],
            [
                fence.run_id, fence.node_id, token, _int4(fence.incarnation),
                _int4(fence.command), _int4(fence.attempt),
            ],
        )  # fmt: skip
    if not held:
        raise AttemptFenced(f"attempt {fence.attempt} of run {fence.run_id} is not current")


def _holder(name: Key, fence: AttemptFence) -> list[object]:
    numbers = (fence.incarnation, fence.command, fence.attempt)
    return [*name, fence.run_id, *map(_int4, numbers)]


def _int4(value: int) -> Packed:
    return Packed(int4_item(value)[4:])
