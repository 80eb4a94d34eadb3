"""Inserting runs, also inside a caller's own transaction."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg.rows import dict_row

from continuum.codec.hooks import IDENTITY
from continuum.journal.turn import NewRun
from continuum.store.postgres.listen import ChannelListener
from continuum.store.postgres.nodes import node_channel
from continuum.store.postgres.session import BlockingSession, Session
from continuum.store.postgres.starts import inserting
from continuum.system import new_run_id
from tests.postgres.scene import PIN, Scene, started

pytestmark = pytest.mark.every_server


def new_run(**changes: object) -> NewRun:
    values: dict[str, object] = {"run_id": new_run_id(), "input": b"[1]"} | changes
    return NewRun(namespace="default", workflow=PIN.workflow, **values)  # type: ignore[arg-type]


async def test_inserted_run_is_free_ready_and_unpinned(scene: Scene) -> None:
    """A started run has a lease without owner or version, and keeps its attributes."""
    run = new_run(attributes={"plan": "pro", "n": 1.5})
    assert await scene.store.insert_runs([run]) == [None]
    assert await scene.lease(run.run_id, "lease_owner IS NULL AND ready")
    assert await scene.lease(run.run_id, "version_id") == run.unpinned.version_id
    assert await scene.rows("SELECT state, version_hash, attributes FROM continuum_runs") == [
        ("running", "", {"plan": "pro", "n": 1.5})
    ]


async def test_same_key_or_id_answers_the_run_that_exists(scene: Scene) -> None:
    """A second start with the same key or id inserts nothing and shows the first one's input."""
    first = new_run(idempotency_key="k")
    fresh = new_run()
    assert await scene.store.insert_runs([first]) == [None]
    again = new_run(idempotency_key="k", input=b"[2]")
    same_id = new_run(run_id=first.run_id, input=b"[3]")
    assert await scene.store.insert_runs([again, fresh, same_id]) == [first, None, first]
    assert await scene.value("SELECT count(*) FROM continuum_runs") == 2


async def test_one_key_twice_in_a_batch_starts_one_run(scene: Scene) -> None:
    """Two starts that share a commit and a key are one run."""
    runs = [new_run(idempotency_key="k"), new_run(idempotency_key="k")]
    assert await scene.store.insert_runs(runs) == [None, runs[0]]
    assert await scene.store.insert_runs([runs[0], runs[0]]) == [runs[0], runs[0]]


async def test_concurrent_start_with_the_same_key_waits_and_finds_the_first(scene: Scene) -> None:
    """A start that meets an uncommitted one with its key waits for it and answers that run."""
    first, second = new_run(idempotency_key="k"), new_run(idempotency_key="k")
    other = await scene.connect()
    async with other.transaction():
        await Session(other).carry_out(inserting([first], IDENTITY, notify=True))
        call = started(scene.store.insert_runs([second]))
        await scene.blocked(call)
    assert await call == [first]


async def test_start_joins_the_callers_transaction(scene: Scene) -> None:
    """The run appears with the caller's commit and not at all with a rollback; the hint too."""
    await scene.register()
    heard: asyncio.Queue[str] = asyncio.Queue()
    channel = node_channel(scene.node)
    listener = ChannelListener(scene.connect, channel, heard.put_nowait, lambda: None)
    await listener.start()
    caller = await psycopg.AsyncConnection.connect(scene.settings.dsn, row_factory=dict_row)
    async with caller:
        await caller.execute("SET search_path = ''")
        assert await Session(caller).carry_out(inserting([new_run()], IDENTITY, notify=True)) == [
            None
        ]
        await caller.rollback()
        assert await Session(caller).carry_out(inserting([new_run()], IDENTITY, notify=True)) == [
            None
        ]
        assert await scene.value("SELECT count(*) FROM continuum_runs") == 0
        await scene.observer.execute("SELECT pg_notify(%s, 'before')", [channel])
    assert await scene.value("SELECT count(*) FROM continuum_runs") == 1
    assert [await asyncio.wait_for(heard.get(), 10) for _ in range(2)] == ["before", "poll"]
    await listener.close()


def test_start_joins_a_synchronous_transaction(dsn: str) -> None:
    """The same for a blocking connection, whatever its row factory."""
    run = new_run()
    with psycopg.connect(dsn, row_factory=dict_row) as caller:
        session = BlockingSession(caller)
        assert session.carry_out(inserting([run], IDENTITY, notify=True)) == [None]
        caller.rollback()
        assert session.carry_out(inserting([run], IDENTITY, notify=True)) == [None]
        assert session.carry_out(inserting([run], IDENTITY, notify=False)) == [run]
    with psycopg.connect(dsn) as bystander:
        assert bystander.execute("SELECT count(*) FROM continuum_leases").fetchone() == (1,)
