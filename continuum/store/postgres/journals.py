"""Reads the journals of live runs for a replay (`JournalStore`); writes nothing.

Run and journal are read in one snapshot, in a transaction that could not write. Journals come
through a cursor, so many events at a time as make a few megabytes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, AsyncRawServerCursor
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from continuum.codec.hooks import PayloadCodec
from continuum.codec.opening import open_payload
from continuum.journal.events import Event, EventKind
from continuum.journal.turn import VersionPin
from continuum.store.journals import LiveRun, RegisteredVersion, RunJournal
from continuum.store.postgres.arrays import Element, Packed, int4_item, pack, uuids
from continuum.store.postgres.session import Row, Session, Sessions
from continuum.store.postgres.statements import statements

_SQL: Final = statements("journals")
_KINDS: Final = {kind.value: kind for kind in EventKind}
"""Many times as fast as calling the enumeration."""

FETCHED: Final = 2_000
"""Events fetched at a time at most."""
FIRST_FETCHED: Final = 25
"""Events fetched at first, to see how large they are; then four times as many each time."""
FETCHED_BYTES: Final = 4_000_000
"""Of the payloads fetched at a time, as far as those fetched before tell."""
_FIRST: Final = UUID(int=0)


class PostgresJournals:
    """Journals of live runs.

    Args:
        pool: autocommit connections.
        codec: opens stored payloads.
    """

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[Any]], codec: PayloadCodec
    ) -> None:
        self._sessions = Sessions(pool)
        self._codec = codec

    async def live_runs(self, after: UUID | None, limit: int) -> Sequence[LiveRun]:
        """See `JournalStore`."""
        parameters = [after or _FIRST, Packed(limit.to_bytes(4, "big"))]
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["live_runs"], parameters)
        return [LiveRun(*row) for row in rows]

    async def live_among(self, run_ids: Sequence[UUID]) -> Sequence[LiveRun]:
        """See `JournalStore`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["live_among"], [uuids(run_ids)])
        return [LiveRun(*row) for row in rows]

    async def registered(self) -> Sequence[RegisteredVersion]:
        """See `JournalStore`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["registered"])
        return [
            RegisteredVersion(VersionPin(*pin), source, frozenset(taken), first_seen_at)
            for *pin, source, taken, first_seen_at in rows
        ]

    async def journals(self, run_ids: Sequence[UUID]) -> AsyncGenerator[RunJournal]:
        """See `JournalStore`."""
        async with self._sessions.transaction() as session:
            await session.run(_SQL["read_only"])
            await session.run(_SQL["plan_by_key"])
            heads = await session.rows(_SQL["heads"], [uuids(run_ids)])
            done = 0
            async for place, events in self._events(session, heads):
                assert place > done, "journals in another order"
                for head in heads[done : place - 1]:
                    yield self._journal(head, ())
                yield self._journal(heads[place - 1], events)
                del events  # or two journals are in memory while the next one comes
                done = place
            for head in heads[done:]:
                yield self._journal(head, ())

    async def _events(
        self, session: Session, heads: Sequence[Row]
    ) -> AsyncGenerator[tuple[int, list[Event]]]:
        """The place of a run in `heads`, from 1, and its events; runs without any are left out."""
        parameters = [
            uuids(head[0] for head in heads),
            pack(Element.INT4, [int4_item(head[6]) for head in heads]),
        ]
        opened = partial(open_payload, self._codec)
        current, incarnation = 0, 0
        run_id: UUID = _FIRST
        events: list[Event] = []
        size = FIRST_FETCHED
        async with AsyncRawServerCursor(
            session.connection, "continuum_journals", row_factory=tuple_row
        ) as cursor:
            await cursor.execute(_SQL["events"], parameters, binary=True)
            while rows := await cursor.fetchmany(size):
                fetched = 0
                for place, seq, kind, command, payload, at in rows:
                    if place != current:
                        if events:
                            yield current, events
                        current, events = place, []
                        head: Any = heads[place - 1]
                        run_id, incarnation = head[0], head[6]
                    fetched += len(payload)
                    events.append(
                        Event(
                            run_id, seq, incarnation, _KINDS[kind], command, opened(payload), at
                        )
                    )  # fmt: skip
                if len(rows) < size:
                    break
                affordable = FETCHED_BYTES * len(rows) // max(fetched, 1)
                size = max(1, min(FETCHED, 4 * size, affordable))
        if events:
            yield current, events

    def _journal(self, head: Row, events: Sequence[Event]) -> RunJournal:
        run_id, namespace, workflow, version, version_hash, runtime, incarnation, *rest = head
        next_seq, owned, blocked_build, data, started_at, parent_id, depth = rest
        return RunJournal(
            run_id, namespace, VersionPin(workflow, version, version_hash, runtime), incarnation,
            next_seq, owned, blocked_build, open_payload(self._codec, data), started_at, parent_id,
            depth, events,
        )  # fmt: skip
