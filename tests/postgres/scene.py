"""A store, and other people's connections to set the scene for an interleaving.

Nothing here sleeps: `blocked` asks the server until a session waits for a lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.journal.events import (
    ActivityCompleted,
    ActivityScheduled,
    Entry,
    EventKind,
    RunCompleted,
    RunStarted,
)
from continuum.journal.turn import NewRun, RunEnd, RunState, Turn, VersionPin
from continuum.store.postgres.pool import PostgresSettings, connect, open_pool
from continuum.store.postgres.session import Session
from continuum.store.postgres.store import PostgresStore
from continuum.store.postgres.turn_columns import TurnColumns, in_run_order
from continuum.store.protocol import ClaimedRun, NewMessage, NodeRegistration
from continuum.system import new_run_id

SESSION_LOCKS = (
    "pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""Session locks of this test's database; other tests share the server."""

PIN = VersionPin("shop:order", 1, "hash-a", "1-py3.11")
LOADED = [PIN.version_id, VersionPin(PIN.workflow).version_id]
BUILD = "build-m"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREATED_TOKEN = 1000

T = TypeVar("T")


class Scene:
    """One database, one store, and whatever else connects to it."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[Any], codec: PayloadCodec) -> None:
        self.settings = PostgresSettings(dsn)
        self.pool = pool
        self.store = PostgresStore(pool, self.connect, codec)
        self.codec = codec
        self.node = uuid4()
        self.observer: AsyncConnection[Any]
        self._opened: list[AsyncConnection[Any]] = []

    async def connect(self) -> AsyncConnection[Any]:
        """One more connection, closed with the scene."""
        connection = await connect(self.settings)
        self._opened.append(connection)
        return connection

    async def close(self) -> None:
        await self.store.close()
        for connection in self._opened:
            await connection.close()
        await self.pool.close()

    async def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a bystander sees."""
        return await (await self.observer.execute(query, parameters)).fetchall()

    async def value(self, query: str, *parameters: object) -> Any:
        return (await self.rows(query, *parameters))[0][0]

    async def seqs(self, run_id: UUID) -> list[int]:
        query = "SELECT seq FROM continuum_events WHERE run_id = %s ORDER BY seq"
        return [seq for (seq,) in await self.rows(query, run_id)]

    async def lease(self, run_id: UUID, column: str) -> Any:
        return await self.value(f"SELECT {column} FROM continuum_leases WHERE run_id = %s", run_id)

    async def blocked(self, call: asyncio.Task[Any], count: int = 1) -> None:
        """Until `count` sessions of this database wait for a lock; `call` must still run."""
        query = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while await self.value(query) < count:
            assert not call.done(), f"ended without waiting: {call}"

    async def create_owned(self, **changes: Any) -> Turn:
        """A run that this node created and owns: events 1 and 2 written. Answers that turn."""
        turn = first_turn(**changes)
        await self.store.commit_turns(self.node, [turn])
        return turn

    async def create_free(self, **changes: Any) -> UUID:
        """A run that a client started: unowned, ready, unpinned."""
        run = NewRun(new_run_id(), "default", PIN.workflow, b"[1]", **changes)
        assert await self.store.insert_runs([run]) == [None]
        return run.run_id

    async def claim(self, limit: int = 100, node: UUID | None = None) -> list[ClaimedRun]:
        return await self.store.claim(node or self.node, LOADED, BUILD, limit)

    async def claim_suspect(self, node: UUID | None = None) -> list[ClaimedRun]:
        return await self.store.claim_suspect(node or self.node, LOADED, BUILD)

    async def register(self, node: UUID | None = None, ttl: float = 30.0) -> UUID:
        """A node row, without any session lock."""
        registration = NodeRegistration(
            node or self.node, "host", 1, BUILD, 10, (), [PIN], {PIN.workflow: "shop.py:1"}
        )
        await self.store.register_node(registration, ttl)
        return registration.node_id

    async def signal(self, run_id: UUID, name: str = "go", **options: Any) -> Any:
        [outcome] = await self.store.post([NewMessage(run_id, "signal", name, b"1", **options)])
        return outcome


@asynccontextmanager
async def open_scene(dsn: str, codec: PayloadCodec = IDENTITY) -> AsyncGenerator[Scene]:
    settings = PostgresSettings(dsn, min_size=2, max_size=4)
    scene = Scene(dsn, await open_pool(settings), codec)
    scene.observer = await scene.connect()
    try:
        yield scene
    finally:
        await scene.close()


def first_turn(**changes: Any) -> Turn:
    """Start and first turn in one: `run_started`, `activity_scheduled`."""
    run_id = changes.pop("run_id", None) or new_run_id()
    token = changes.pop("token", CREATED_TOKEN)
    turn = Turn(
        run_id, token, 1, 1,
        [
            Entry(EventKind.RUN_STARTED, None, RunStarted(1, PIN.version_hash, PIN.runtime), NOON),
            Entry(
                EventKind.ACTIVITY_SCHEDULED, 1,
                ActivityScheduled("shop:charge", msgspec.Raw(b"[1]")), NOON,
            ),
        ],
        pin=PIN, state=RunState.RUNNING, started_at=NOON,
        created=NewRun(run_id, "default", PIN.workflow, b"[1]"),
    )  # fmt: skip
    for name, value in changes.items():
        setattr(turn, name, value)
    return turn


def next_turn(turn: Turn, **changes: Any) -> Turn:
    """The turn after `turn`: one `activity_completed`."""
    following = Turn(
        turn.run_id, turn.token, turn.next_seq + len(turn.entries), 1,
        [
            Entry(
                EventKind.ACTIVITY_COMPLETED, 1, ActivityCompleted(1, msgspec.Raw(b"1")),
                datetime.now(UTC),
            )
        ],
    )  # fmt: skip
    for name, value in changes.items():
        setattr(following, name, value)
    return following


def last_turn(turn: Turn, result: bytes = b"7") -> Turn:
    """The turn after `turn` that completes the run."""
    following = next_turn(turn)
    at = following.entries[0].at
    following.entries.append(Entry(EventKind.RUN_COMPLETED, None, RunCompleted(), at))
    following.end = RunEnd(RunState.COMPLETED, result)
    return following


def claimed_turn(run: ClaimedRun, **changes: Any) -> Turn:
    """A turn of a claimed run that only settles how it waits."""
    turn = Turn(run.run_id, run.token, run.next_seq, run.incarnation, [], parked=True)
    for name, value in changes.items():
        setattr(turn, name, value)
    return turn


async def write_turns(connection: AsyncConnection[Any], node: UUID, turns: list[Turn]) -> None:
    """The turn statement on a connection of the test, inside whatever transaction it is in."""
    ordered = sorted(turns, key=in_run_order)
    text, parameters = TurnColumns(ordered, IDENTITY).statement(node, len(ordered))
    [(_, written, _)] = await Session(connection).rows(text, parameters)
    assert written == len(turns)


_GATE = """
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN new; END$$;
CREATE TRIGGER gate BEFORE INSERT ON continuum_inbox FOR EACH ROW EXECUTE FUNCTION gate()
"""


@asynccontextmanager
async def posts_stop_at_the_inbox(scene: Scene) -> AsyncGenerator[None]:
    """Until the end of the block every message waits just before its row is written."""
    await scene.observer.execute(_GATE)
    rival = await scene.connect()
    async with rival.transaction():
        await rival.execute("SELECT pg_advisory_xact_lock(7)")
        yield


def started(call: Awaitable[T]) -> asyncio.Task[T]:
    """Let it run beside the test."""
    return asyncio.ensure_future(call)


def walk(node: dict[str, Any]) -> list[dict[str, Any]]:
    """A query plan's nodes."""
    return [node] + [found for child in node.get("Plans", []) for found in walk(child)]
