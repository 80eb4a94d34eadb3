"""The run counters: exact at every moment, whatever happens to runs, and put together safely."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import AsyncConnection

from continuum.errors import DatabaseUnavailable
from continuum.journal.turn import NewRun, Turn, TurnStatus
from continuum.query.structured import parse_where
from continuum.query.tree import Field, Query
from continuum.store.postgres import migrate
from continuum.store.postgres.counters import COUNTERS, RUNS, count_source
from continuum.store.postgres.pool import PostgresSettings, connect
from continuum.store.postgres.reads import PostgresReads
from continuum.store.postgres.session import Session
from continuum.store.postgres.starts import inserting
from continuum.system import new_run_id
from tests.conformance.stage import parked
from tests.postgres.scene import PIN, Scene, first_turn, last_turn, next_turn, open_scene
from tests.servers import TestServer

GROUPED = "SELECT namespace, workflow, state, count(*) FROM continuum_runs GROUP BY 1, 2, 3"
COUNTED = f"""
SELECT r.namespace, r.workflow, r.state, {COUNTERS.number} FROM {COUNTERS.tables}
GROUP BY 1, 2, 3 HAVING {COUNTERS.number} <> 0"""
DIFFERENCE = "(TABLE a EXCEPT TABLE b) UNION ALL (TABLE b EXCEPT TABLE a)"
DIFFERENT = f"WITH a AS ({GROUPED}), b AS ({COUNTED}) {DIFFERENCE}"
"""One statement, so one snapshot."""

NAMESPACES = ("default", "billing", "ops")
DEEDS = (
    "start", "create", "turn", "end", "park", "kill", "cancel", "delete", "compact", "fenced",
    "check",
)  # fmt: skip


async def assert_exact(scene: Scene) -> None:
    """The counters say what `count(*)` says, in one snapshot."""
    assert await scene.rows(DIFFERENT) == []


async def counts(scene: Scene) -> Counter[tuple[str, str, str]]:
    """What the counters say."""
    return Counter({tuple(row[:3]): row[3] for row in await scene.rows(COUNTED)})


def new_run(**changes: Any) -> NewRun:
    """A run that nobody has started yet."""
    return NewRun(
        new_run_id(), changes.pop("namespace", "default"), PIN.workflow, b"[1]", **changes
    )


def created_turn(namespace: str) -> Turn:
    """Start and first turn of a run of that namespace."""
    turn = first_turn()
    assert turn.created is not None
    turn.created = replace(turn.created, namespace=namespace)
    return turn


async def test_every_change_of_a_run_is_counted(scene: Scene) -> None:
    """Started, parked, ended, cancelled by force, deleted: one number goes down, one up."""
    here = ("default", PIN.workflow)
    run = await scene.create_owned()
    assert await counts(scene) == {(*here, "running"): 1}
    await scene.store.commit_turns(scene.node, [parked(run, 3)])
    assert await counts(scene) == {(*here, "suspended"): 1}
    await scene.store.force_cancel(run.run_id, None, None)
    assert await counts(scene) == {(*here, "cancelled"): 1}
    ended = await scene.create_owned()
    await scene.store.commit_turns(scene.node, [last_turn(ended)])
    await scene.store.insert_runs([new_run(namespace="billing") for _ in range(3)])
    assert await counts(scene) == {
        (*here, "cancelled"): 1, (*here, "completed"): 1, ("billing", PIN.workflow, "running"): 3,
    }  # fmt: skip
    await scene.observer.execute("DELETE FROM continuum_runs WHERE namespace = 'default'")
    assert await counts(scene) == {("billing", PIN.workflow, "running"): 3}
    await scene.observer.execute("UPDATE continuum_runs SET namespace = 'ops'")
    assert await counts(scene) == {("ops", PIN.workflow, "running"): 3}
    await scene.observer.execute("TRUNCATE continuum_runs CASCADE")
    assert await counts(scene) == {}


async def test_what_changes_no_state_appends_nothing(scene: Scene) -> None:
    """Attributes, refused starts, fenced turns and rolled-back transactions leave no trace."""
    run = await scene.create_owned()
    known = new_run(idempotency_key="k")
    await scene.store.insert_runs([known])
    before = await scene.value("SELECT count(*) FROM continuum_count_deltas")
    reads = PostgresReads(scene.pool, scene.codec)
    await reads.set_attributes(run.run_id, None, {"plan": "pro"}, ())
    assert await scene.store.insert_runs([new_run(idempotency_key="k")]) != [None]
    stale = last_turn(run)
    stale.token += 1
    result = await scene.store.commit_turns(scene.node, [stale])
    assert result.statuses == {run.run_id: TurnStatus.FENCED}
    with suppress(ZeroDivisionError):
        async with scene.observer.transaction():
            await Session(scene.observer).carry_out(
                inserting([new_run()], scene.codec, notify=True)
            )
            raise ZeroDivisionError
    assert await scene.value("SELECT count(*) FROM continuum_count_deltas") == before
    await assert_exact(scene)


async def test_a_writer_waits_for_no_other_writer(scene: Scene) -> None:
    """A transaction that started a run and is still open holds nobody up, uncounted."""
    other = await scene.connect()
    async with other.transaction():
        await Session(other).carry_out(inserting([new_run()], scene.codec, notify=True))
        await scene.store.insert_runs([new_run()])
        assert await scene.store.compact_counts(100) == 1
        assert sum((await counts(scene)).values()) == 1
    assert sum((await counts(scene)).values()) == 2


async def test_compaction_changes_no_snapshot(scene: Scene) -> None:
    """A reader in the middle of a transaction sees the same numbers before and after."""
    await scene.store.insert_runs([new_run() for _ in range(5)])
    reader = await scene.connect()
    await reader.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
    async with reader.transaction():
        before = await (await reader.execute(COUNTED.encode())).fetchall()
        assert await scene.store.compact_counts(100) == 1
        assert await (await reader.execute(COUNTED.encode())).fetchall() == before
    assert await scene.value("SELECT count(*) FROM continuum_count_deltas") == 0
    assert [row[3] for row in await scene.rows(COUNTED)] == [5]


async def test_compaction_is_bounded_and_shared(scene: Scene) -> None:
    """At most so many at once; what another worker is moving is left to it."""
    for _ in range(5):
        await scene.store.insert_runs([new_run()])
    other = await scene.connect()
    async with other.transaction():
        await other.execute("SELECT FROM continuum_count_deltas ORDER BY id LIMIT 2 FOR UPDATE")
        assert await scene.store.compact_counts(2) == 2
        assert await scene.store.compact_counts(10) == 1
        await assert_exact(scene)
    assert await scene.store.compact_counts(10) == 2
    assert await scene.store.compact_counts(10) == 0
    await assert_exact(scene)


async def test_killed_compaction_loses_nothing(scene: Scene) -> None:
    """A session that dies in the middle of moving has moved nothing."""
    await scene.store.insert_runs([new_run() for _ in range(3)])
    doomed = await scene.connect()
    await doomed.execute("BEGIN")
    await doomed.execute("DELETE FROM continuum_count_deltas")
    await scene.observer.execute(
        "SELECT pg_terminate_backend(%s, 20000)", [doomed.info.backend_pid]
    )
    assert await scene.store.compact_counts(10) == 1
    await assert_exact(scene)


async def storm(dsn: str, seed: int, steps: int) -> None:
    """One worker's and one client's random life, on connections of their own."""
    random = Random(seed)
    owned: list[Turn] = []
    known: list[UUID] = []
    async with open_scene(dsn) as scene:
        commit = partial(scene.store.commit_turns, scene.node)
        for _ in range(steps):
            namespace = random.choice(NAMESPACES)
            match random.choice(DEEDS):
                case "start":
                    runs = [new_run(namespace=namespace) for _ in range(3)]
                    known += [run.run_id for run in runs]
                    await scene.store.insert_runs(runs)
                case "create":
                    owned += [created_turn(namespace) for _ in range(4)]
                    await commit(owned[-4:])
                case "turn" if owned:
                    owned[-1] = next_turn(owned[-1])
                    await commit(owned[-1:])
                case "park" if owned:
                    owned[-2:] = [
                        parked(run, run.next_seq + len(run.entries)) for run in owned[-2:]
                    ]
                    await commit(owned[-2:])
                case "end" if owned:
                    await commit([last_turn(owned.pop())])
                case "fenced" if owned:
                    stale = last_turn(owned[-1])
                    result = await scene.store.commit_turns(uuid4(), [stale])
                    assert result.statuses == {stale.run_id: TurnStatus.FENCED}
                case "cancel" if known:
                    await scene.store.force_cancel(random.choice(known), None, None)
                case "delete" if known:
                    gone, known = known[:2], known[2:]
                    await scene.rows(
                        "DELETE FROM continuum_runs WHERE id = ANY (%s) RETURNING id", gone
                    )
                case "kill":
                    await insert_in_a_killed_transaction(scene)
                case "compact":
                    await scene.store.compact_counts(random.randrange(1, 20))
                case _:
                    await assert_exact(scene)


async def insert_in_a_killed_transaction(scene: Scene) -> None:
    """A client that inserts runs and whose session is ended before it can commit."""
    doomed = await scene.connect()
    await doomed.execute("BEGIN")
    await Session(doomed).carry_out(inserting([new_run(), new_run()], scene.codec, notify=True))
    await scene.value("SELECT pg_terminate_backend(%s)", doomed.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        await doomed.execute("COMMIT")


@pytest.mark.parametrize("seed", range(3))
async def test_counters_survive_a_storm(scene: Scene, dsn: str, seed: int) -> None:
    """Starts, turns, deletes, forced cancels, killed sessions and compaction at once: exact."""
    async with asyncio.TaskGroup() as tasks:
        for n in range(5):
            tasks.create_task(storm(dsn, 100 * seed + n, 40))
    await assert_exact(scene)
    while await scene.store.compact_counts(50):
        await assert_exact(scene)
    assert await scene.value("SELECT count(*) FROM continuum_count_deltas") == 0
    await assert_exact(scene)
    assert await scene.value("SELECT count(*) > 20 FROM continuum_runs")


async def test_counters_survive_a_crash_of_the_server(own_server: TestServer) -> None:
    """The server is killed in the middle of a storm: what it then has, it has counted."""
    dsn = await asyncio.to_thread(own_server.new_database)
    storms = [asyncio.create_task(storm(dsn, 900 + n, 100_000)) for n in range(3)]
    async with open_scene(dsn) as scene:
        while await scene.value("SELECT count(*) FROM continuum_runs") < 100:
            assert not any(each.done() for each in storms)
    await asyncio.to_thread(own_server.restart_immediately)
    for ended in await asyncio.gather(*storms, return_exceptions=True):
        assert isinstance(ended, DatabaseUnavailable | psycopg.OperationalError), ended
    async with open_scene(dsn) as scene:
        await assert_exact(scene)
        while await scene.store.compact_counts(1000):
            await assert_exact(scene)
        assert sum((await counts(scene)).values()) >= 100


@pytest.mark.every_server
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_migration_counts_what_is_there_while_others_write(
    empty_dsn: str, isolation: str
) -> None:
    """Runs written before, and by a transaction that the migration had to wait for, are counted."""
    async with (
        await connect(PostgresSettings(empty_dsn)) as migrating,
        await connect(PostgresSettings(empty_dsn)) as writer,
    ):
        await migrate.migrate(migrating, target=5)
        await migrating.execute(f"SET default_transaction_isolation = '{isolation}'".encode())
        insert = partial(
            writer.execute,
            "INSERT INTO continuum_runs (id, workflow, state, input)"
            " VALUES (gen_random_uuid(), 'w', 'running', '')",
        )
        await insert()
        async with writer.transaction():
            await insert()
            migration = asyncio.create_task(migrate.migrate(migrating))
            while not await waits(writer, migrating.info.backend_pid):
                assert not migration.done()
        await migration
        await insert()
        rows = await (await writer.execute(COUNTED.encode())).fetchall()
        assert rows == [("default", "w", "running", 3)]


async def waits(connection: AsyncConnection[Any], pid: int) -> bool:
    """Whether that session waits for a lock."""
    query = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
    [row] = await (await connection.execute(query, [pid])).fetchall()
    return row[0]


async def test_counts_without_attributes_read_the_counters_only(scene: Scene) -> None:
    """Any condition on namespace, workflow and state; nothing else."""
    for where in (
        [],
        [("eq", "state", "failed")],
        [("not", ("or", [("like", "workflow", "shop:%"), ("in", "namespace", ["a"])]))],
    ):
        condition = parse_where(where)
        assert count_source(condition, [Field("state"), Field("workflow")]) is COUNTERS
        assert count_source(condition, [Field("version")]) is RUNS
    for where in ([("eq", ["attributes", "plan"], "pro")], [("or", [("eq", "stuck", True)])]):
        assert count_source(parse_where(where), []) is RUNS


async def test_counting_reads_no_run(scene: Scene) -> None:
    """With the table of runs out of reach, counts by state are still answered."""
    await scene.store.insert_runs([new_run() for _ in range(4)])
    reads = PostgresReads(scene.pool, scene.codec)
    locker = await scene.connect()
    async with locker.transaction():
        await locker.execute("LOCK TABLE continuum_runs IN ACCESS EXCLUSIVE MODE")
        query = Query("default", parse_where([("eq", "state", "running")]))
        [group] = (await reads.count(query, [])).groups
        assert group.count == 4
        assert [g.key for g in (await reads.count(Query(None), [Field("state")])).groups] == [
            ("running",)
        ]
