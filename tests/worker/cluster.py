"""Workers in one process on a real PostgreSQL, and a plain client for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.declare.workflow import Workflow
from continuum.journal.turn import NewRun
from continuum.store.postgres import pool as pools
from continuum.store.postgres.hints import PostgresHints
from continuum.store.postgres.listen import PostgresListener
from continuum.store.postgres.liveness import PostgresLiveness
from continuum.store.postgres.store import PostgresStore
from continuum.store.protocol import CommitResult, NewMessage, Turn
from continuum.system import new_run_id
from continuum.worker.node import Worker

PATIENCE = 20.0
"""Seconds after which a test gives up waiting."""


async def eventually(look: Callable[[], Any], within: float = PATIENCE) -> Any:
    """Look again until the answer is true; for what no event announces (another connection)."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        answer = look()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


@dataclass
class Member:
    """A worker with the connections that are its own."""

    worker: Worker
    store: Any
    real_store: PostgresStore
    hints: PostgresHints
    pool: AsyncConnectionPool[Any] | None
    """Its own, closed with it."""

    dead: bool = False

    async def die(self) -> None:
        """Vanish like a killed process: nothing is given back, nothing is said, locks are gone."""
        worker = self.worker
        self.dead = True
        worker.timers.stop()
        for service in worker._services():
            await service.stop()
        for run in list(worker.runner.runs.values()):
            worker.runner.drop(run)
        worker.watchdog.stop()
        await worker.tokens.close()
        await worker.membership.disconnect()
        await self.close_connections()

    async def close(self) -> None:
        """Leave in good order."""
        if not self.dead:
            await self.worker.drain(5.0)
            await self.close_connections()

    async def close_connections(self) -> None:
        await self.hints.close()
        await self.real_store.close()
        if self.pool is not None:
            await self.pool.close()


@dataclass
class Cluster:
    """A database, the workers of a test on it, and what a client does."""

    dsn: str
    pool: AsyncConnectionPool[Any]
    store: PostgresStore
    hints: PostgresHints
    members: list[Member] = field(default_factory=list)
    codec: PayloadCodec = IDENTITY

    def seal_with(self, codec: PayloadCodec) -> None:
        """Clients and workers use it from now on."""
        direct = partial(pools.connect, pools.PostgresSettings(self.dsn))
        self.codec, self.store = codec, PostgresStore(self.pool, direct, codec)

    async def join(
        self,
        *workflows: Workflow[..., Any],
        wrap: Callable[[PostgresStore], Any] = lambda store: store,
        hints: bool = True,
        pool: AsyncConnectionPool[Any] | None = None,
        **options: Any,
    ) -> Member:
        """Start a worker. `wrap` puts something between it and the store; `pool` is lent to it."""
        settings = pools.PostgresSettings(self.dsn, max_size=3)
        own = await pools.open_pool(settings) if pool is None else None
        direct = partial(pools.connect, settings)
        real = PostgresStore(pool or own, direct, self.codec)
        sender = PostgresHints(direct, enabled=hints)
        store = wrap(real)
        worker = Worker(
            store,
            sender,
            partial(PostgresListener, direct, direct),
            partial(PostgresLiveness, partial(pools.connect_blocking, settings)),
            workflows,
            **{"ttl": 2.0, "heartbeat": 0.5, "drain_timeout": 5.0, **options},
        )
        member = Member(worker, store, real, sender, own)
        self.members.append(member)
        await worker.start()
        return member

    async def start(self, flow: Workflow[..., Any], *args: Any, hint: bool = True) -> UUID:
        """Start a run the way a client without a worker does."""
        run = new_run(flow, *args)
        assert await self.store.insert_runs([run]) == [None]
        if hint:
            self.hints.runs_changed([run.run_id])
        return run.run_id

    async def signal(self, run_id: UUID, name: str, value: Any = None, *, hint: bool = True) -> int:
        """Send a signal; answers the message's id."""
        return await self.post(run_id, "signal", name, json.dumps(value).encode(), hint=hint)

    async def cancel(self, run_id: UUID, reason: str | None = None) -> int:
        """Ask a run to end."""
        return await self.post(run_id, "cancel", "", json.dumps(reason).encode())

    async def post(
        self, run_id: UUID, kind: str, name: str, value: bytes, *, hint: bool = True
    ) -> int:
        [outcome] = await self.store.post([NewMessage(run_id, kind, name, value)])
        assert outcome.posted is not None
        if hint:
            self.hints.runs_changed([run_id])
        return outcome.posted.id

    async def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """Look at the database."""
        async with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            await cursor.execute(query, params or None)
            return await cursor.fetchall()

    async def execute(self, query: str, *params: Any) -> None:
        """Change the database."""
        async with self.pool.connection() as connection:
            await connection.execute(query, params or None)

    async def state(self, run_id: UUID) -> str:
        [(state,)] = await self.rows("SELECT state FROM continuum_runs WHERE id = %s", run_id)
        return state

    async def ended(self, run_id: UUID, within: float = PATIENCE) -> str:
        """Wait for the end; answers the final state."""

        async def look() -> str | None:
            state = await self.state(run_id)
            return state if state in ("completed", "failed", "cancelled") else None

        return await eventually(look, within)

    async def result(self, run_id: UUID, within: float = PATIENCE) -> Any:
        """Wait for a completed run's value."""
        state = await self.ended(run_id, within)
        [(value, error, details)] = await self.rows(
            "SELECT result, error_message, error_details FROM continuum_runs WHERE id = %s", run_id
        )
        assert state == "completed", f"{state}: {error}\n{details}"
        return json.loads(value)

    async def error(self, run_id: UUID) -> tuple[str, str]:
        """Wait for a failed run's error type and message."""
        assert await self.ended(run_id) == "failed"
        [row] = await self.rows(
            "SELECT error_type, error_message FROM continuum_runs WHERE id = %s", run_id
        )
        return row

    async def suspended(self, run_id: UUID, on: str = "") -> str:
        """Wait until the run is suspended, on what begins so; answers what it waits for."""

        async def look() -> str | None:
            rows = await self.rows(
                "SELECT waiting_on FROM continuum_leases JOIN continuum_runs ON id = run_id"
                " WHERE run_id = %s AND state = 'suspended' AND starts_with(waiting_on, %s)",
                run_id,
                on,
            )
            return rows[0][0] if rows else None

        return await eventually(look)

    async def events(self, run_id: UUID) -> list[str]:
        """The kinds in its journal, checked to be gapless."""
        rows = await self.rows(
            "SELECT seq, type FROM continuum_events WHERE run_id = %s ORDER BY seq", run_id
        )
        assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1)), "gap in the journal"
        return [kind for _, kind in rows]

    async def close(self) -> None:
        for member in self.members:
            await member.close()
        await self.hints.close()
        await self.store.close()
        await self.pool.close()


async def open_cluster(dsn: str) -> Cluster:
    """A cluster without workers yet."""
    settings = pools.PostgresSettings(dsn, max_size=4)
    pool = await pools.open_pool(settings)
    direct = partial(pools.connect, settings)
    hints = PostgresHints(direct)
    return Cluster(dsn, pool, PostgresStore(pool, direct, IDENTITY), hints)


def new_run(flow: Workflow[..., Any], *args: Any) -> NewRun:
    """A run of `flow` to be inserted."""
    return NewRun(new_run_id(), "default", flow.name, flow.signature.encode(args, {}))


class Between:
    """Stands between a worker and its store; everything not overridden passes."""

    def __init__(self, store: PostgresStore) -> None:
        self.inner = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class CommitGate(Between):
    """Holds the acknowledgement of each commit back while closed; the commit itself happens."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store)
        self.open = asyncio.Event()
        self.open.set()
        self.reached = asyncio.Event()
        self.sizes: list[int] = []

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        self.sizes.append(len(turns))
        result = await self.inner.commit_turns(node_id, turns)
        self.reached.set()
        await self.open.wait()
        return result
