"""A store under test, seen through the protocols only, and turns to write to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from msgspec.structs import replace

from continuum.client.backend import Store
from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.journal.turn import NewRun, RunState, Turn, TurnStatus, VersionPin
from continuum.model import Run
from continuum.store.attributes import AttributeStore
from continuum.store.auditing import AuditStore
from continuum.store.health import HealthStore
from continuum.store.journals import JournalStore
from continuum.store.memory.store import MemoryStore
from continuum.store.postgres.attributes import PostgresAttributes
from continuum.store.postgres.auditing import PostgresAudit
from continuum.store.postgres.health import PostgresHealth
from continuum.store.postgres.journals import PostgresJournals
from continuum.store.postgres.pool import PostgresSettings, connect, open_pool
from continuum.store.postgres.reads import PostgresReads
from continuum.store.postgres.store import PostgresStore
from continuum.store.protocol import ClaimedRun, NewMessage, NodeRegistration, PostOutcome
from continuum.store.reading import ReadStore, Stretch
from continuum.store.starts import StartOrder, StartOutcome
from continuum.system import new_run_id
from tests.postgres.scene import BUILD, LOADED, PIN, first_turn

MEMORY = "memory"
LONG_AGO = -1.0
"""A node's TTL with which it has expired already."""


@dataclass
class Stage:
    """One store, and a node that works on it."""

    store: Store
    reads: ReadStore
    attributes: AttributeStore
    audits: AuditStore
    journals: JournalStore
    health: HealthStore
    node: UUID = field(default_factory=uuid4)

    async def created(self, **changes: Any) -> Turn:
        """A run that this node created and owns: events 1 and 2 written. Answers that turn."""
        [token] = await self.store.allocate_tokens(1)
        turn = first_turn(token=token, **changes)
        result = await self.store.commit_turns(self.node, [turn])
        assert result.statuses == {turn.run_id: TurnStatus.COMMITTED}
        return turn

    async def started(self, workflow: str = PIN.workflow, **changes: Any) -> UUID:
        """A run that a client started: unowned, ready, unpinned."""
        run = NewRun(new_run_id(), changes.pop("namespace", "default"), workflow, b"[1]", **changes)
        assert await self.store.insert_runs([run]) == [None]
        return run.run_id

    async def order(self, **changes: Any) -> StartOutcome:
        """What becomes of one start; see `order_of`."""
        [outcome] = await self.store.orders.start_orders([order_of(**changes)])
        return outcome

    async def commit(self, *turns: Turn, node: UUID | None = None) -> list[TurnStatus]:
        """Statuses in the order of the turns."""
        result = await self.store.commit_turns(node or self.node, turns)
        return [result.statuses[turn.run_id] for turn in turns]

    async def claim(
        self, limit: int = 100, *, node: UUID | None = None, build: str = BUILD,
        versions: list[int] = LOADED,
    ) -> list[ClaimedRun]:  # fmt: skip
        return await self.store.claim(node or self.node, versions, build, limit)

    async def claim_suspect(self, *, build: str = BUILD) -> list[ClaimedRun]:
        return await self.store.claim_suspect(self.node, LOADED, build)

    async def post(
        self, run_id: UUID, name: str = "go", kind: str = "signal", **options: Any
    ) -> PostOutcome:
        [outcome] = await self.store.post([NewMessage(run_id, kind, name, b"1", **options)])
        return outcome

    async def register(self, node: UUID | None = None, ttl: float = 60.0) -> UUID:
        """A node without a session: only its TTL judges it."""
        registration = NodeRegistration(
            node or self.node, "host", 1, BUILD, 10, (), [PIN], {PIN.workflow: "shop.py:1"}
        )
        await self.store.register_node(registration, ttl)
        return registration.node_id

    async def run(self, run_id: UUID) -> Run:
        found = await self.reads.get_run(run_id, None)
        assert found is not None
        return found

    async def state(self, run_id: UUID) -> RunState:
        return (await self.run(run_id)).state

    async def journal(self, run_id: UUID) -> list[tuple[int, str]]:
        events = await self.reads.history(run_id, None, Stretch(limit=1000))
        assert events is not None
        return [(event.seq, event.type) for event in events]

    async def now(self) -> datetime:
        return (await self.store.attend(self.node, LOADED, BUILD)).now

    async def past(self) -> datetime:
        return await self.now() - timedelta(hours=1)

    async def reach(self, moment: datetime) -> None:
        """Let the store's clock show `moment`, which is near."""
        if isinstance(self.store, MemoryStore):
            self.store.clock.move_to(moment)
        left = (moment - await self.now()).total_seconds()
        await asyncio.sleep(max(left, 0.0) + 0.01)

    async def future(self) -> datetime:
        return await self.now() + timedelta(hours=1)


@asynccontextmanager
async def open_stage(dsn: str | None, codec: PayloadCodec = IDENTITY) -> AsyncGenerator[Stage]:
    """The memory store, or PostgreSQL at `dsn`."""
    if dsn is None:
        memory = MemoryStore(codec=codec)
        yield Stage(
            memory, memory.reads, memory.attributes, memory.audits, memory.journals, memory.health
        )
        return
    settings = PostgresSettings(dsn, min_size=2, max_size=4)
    pool = await open_pool(settings)
    store = PostgresStore(pool, partial(connect, settings), codec)
    try:
        attributes = PostgresAttributes(pool, partial(connect, settings))
        journals = PostgresJournals(pool, codec)
        reads, audits = PostgresReads(pool, codec), PostgresAudit(pool)
        yield Stage(store, reads, attributes, audits, journals, PostgresHealth(pool))
    finally:
        await store.close()
        await pool.close()


def order_of(workflow: str = PIN.workflow, **changes: Any) -> StartOrder:
    """A start; `key`, `namespace`, `input`, `run_id` and `idempotency_key` are those of its run."""
    about = ("key", "namespace", "input", "run_id", "idempotency_key")
    given = {name: changes.pop(name) for name in about if name in changes}
    run = NewRun(new_run_id(), "default", workflow, b"[1]")
    return StartOrder(replace(run, **given), **changes)


def parked(run: ClaimedRun | Turn, next_seq: int | None = None, **changes: Any) -> Turn:
    """A turn without entries that lets a run wait."""
    turn = Turn(
        run.run_id, run.token, next_seq or run.next_seq, run.incarnation, [], parked=True,
        state=RunState.SUSPENDED,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(turn, name, value)
    return turn


OTHER_PIN = VersionPin("shop:order", 2, "hash-b", "1-py3.11")
