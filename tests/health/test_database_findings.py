"""Findings about the database, each from the real condition."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import conninfo, errors

from continuum import Continuum
from continuum.health.doctor import Result
from continuum.health.report import Limits, Severity
from tests import servers
from tests.health.looking import codes, finding, report
from tests.worker import flows
from tests.worker.cluster import Cluster, eventually


@pytest.fixture
def admin(dsn: str) -> Iterator[psycopg.Connection]:
    """Somebody else in the same database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def reader(dsn: str, admin: psycopg.Connection) -> Iterator[str]:
    """The DSN of a role that may read our tables, and nothing more."""
    name = f"reader_{threading.get_native_id()}_{id(dsn) % 10**6}"
    admin.execute(f"CREATE ROLE {name} LOGIN".encode())
    admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}".encode())
    yield conninfo.make_conninfo(dsn, user=name)
    admin.execute(f"DROP OWNED BY {name}".encode())
    admin.execute(f"DROP ROLE {name}".encode())


async def test_a_transaction_that_stays_open(dsn: str, ct: Continuum) -> None:
    """Whoever holds the oldest snapshot is named, with how to end it."""
    with psycopg.connect(dsn, application_name="report tool") as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM continuum_runs")
        assert "old-snapshot" not in await codes(ct, snapshot_age=600)
        found = await finding(ct, "old-snapshot", snapshot_age=0)
        assert found.severity is Severity.WARNING
        assert "session report tool" in found.message
        assert found.fix == f"SELECT pg_terminate_backend({holder.info.backend_pid});"


async def test_a_slow_listener_fills_the_notify_queue(
    dsn: str, ct: Continuum, admin: psycopg.Connection
) -> None:
    """A session that listens with a transaction open keeps what was sent."""
    with psycopg.connect(dsn) as stuck:
        stuck.execute("LISTEN clogged")
        stuck.commit()
        stuck.execute("SELECT 1")
        for _ in range(20):
            admin.execute("SELECT pg_notify('clogged', repeat('x', 7900))")
        found = await finding(ct, "notify-queue", notify_usage=0)
    assert found.severity is Severity.WARNING
    assert "notify-queue" not in await codes(ct)


async def test_old_transaction_ids(ct: Continuum, admin: psycopg.Connection) -> None:
    """The distance to the server's stop is measured."""
    for _ in range(3):
        admin.execute("SELECT pg_current_xact_id()")
    found = await finding(ct, "not-frozen", frozen_age=1)
    assert found.fix == "VACUUM (FREEZE);"
    assert "not-frozen" not in await codes(ct)


async def test_autovacuum_that_somebody_switched_off(
    ct: Continuum, admin: psycopg.Connection
) -> None:
    """For one of our tables: a warning that names it."""
    admin.execute("ALTER TABLE continuum_inbox SET (autovacuum_enabled = off)")
    found = await finding(ct, "autovacuum-off")
    assert found.message == "autovacuum is off for continuum_inbox"
    admin.execute(found.fix.encode())
    assert "autovacuum-off" not in await codes(ct)


async def test_dead_rows_and_old_statistics(
    cluster: Cluster, ct: Continuum, admin: psycopg.Connection
) -> None:
    """A table full of dead rows, planned for with old numbers, is reported until it is kept."""
    admin.execute("ALTER TABLE continuum_deliveries SET (autovacuum_enabled = off)")
    run_id = await cluster.start(flows.waiting, 1)
    for round_ in range(3):
        admin.execute(
            "INSERT INTO continuum_deliveries SELECT %s, 'go', %s || n FROM"
            " generate_series(1, 400) AS n",
            [run_id, f"{round_}-"],
        )
        admin.execute("DELETE FROM continuum_deliveries WHERE delivery_id > '0-5'")
    with contextlib.suppress(errors.UndefinedFunction):
        admin.execute("SELECT pg_stat_force_next_flush()")
    found = await finding(ct, "dead-rows", dead_rows=100)
    assert "continuum_deliveries has" in found.message
    assert "last vacuum: never" in found.message
    assert "continuum_deliveries" in (await finding(ct, "old-statistics", unanalysed=100)).message
    admin.execute(found.fix.encode())
    with contextlib.suppress(errors.UndefinedFunction):
        admin.execute("SELECT pg_stat_force_next_flush()")

    async def kept() -> bool:
        left = await codes(ct, dead_rows=100, unanalysed=100)
        return not {"dead-rows", "old-statistics"} & set(left)

    await eventually(kept)


async def test_an_index_whose_build_did_not_end(
    cluster: Cluster, ct: Continuum, admin: psycopg.Connection
) -> None:
    """An invalid index is named; one on an attribute with the command that builds it anew."""
    for _ in range(2):
        await cluster.start(flows.waiting, 1)
    with pytest.raises(errors.UniqueViolation):
        admin.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY continuum_odd_idx ON continuum_runs (workflow)"
        )
    found = await finding(ct, "invalid-index")
    assert found.fix == "REINDEX INDEX CONCURRENTLY continuum_odd_idx;"
    admin.execute("DROP INDEX continuum_odd_idx")
    [(declared,)] = admin.execute(
        "INSERT INTO continuum_attribute_indexes (path, type) VALUES ('{plan}', 'text')"
        " RETURNING id"
    ).fetchall()
    with pytest.raises(errors.UniqueViolation):
        admin.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY"
            f" continuum_runs_attribute_{declared}_idx ON continuum_runs (workflow)".encode()
        )
    found = await finding(ct, "invalid-index")
    assert found.fix == "continuum attributes index plan"


async def test_connections_run_out(ct: Continuum) -> None:
    """From the limit on, connections in use are reported against those there can be."""
    found = await finding(ct, "connections", connections=0)
    assert found.severity is Severity.WARNING
    facts = (await report(ct)).facts.connections
    assert facts is not None
    assert 0 < facts.ours <= facts.used < facts.limit


async def test_load_without_work(dsn: str, ct: Continuum) -> None:
    """Many transactions while no run is worked on are reported with their rate."""
    done = threading.Event()

    def busy() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not done.is_set():
                connection.execute("SELECT 1")

    thread = threading.Thread(target=busy)
    thread.start()
    try:

        async def look() -> list[str]:
            found = await ct.health(limits=Limits(idle_rate=20), sample=1.2)
            return [each.message for each in found.findings if each.code == "idle-load"]

        [message] = await eventually(look)
    finally:
        done.set()
        await asyncio.to_thread(thread.join)
    assert "transactions a second although no run is worked on" in message


async def test_what_a_role_may_not_see_is_unknown(reader: str, admin: psycopg.Connection) -> None:
    """Sessions without pg_read_all_stats, and a table without SELECT: each with the reason."""
    admin.execute(
        "REVOKE SELECT ON continuum_tasks FROM "  # type: ignore[arg-type]
        f"{conninfo.conninfo_to_dict(reader)['user']}"
    )
    async with Continuum(reader) as ct:
        found = await report(ct)
    assert set(found.facts.unknown) == {"snapshot", "queues"}
    assert "GRANT pg_read_all_stats TO" in found.facts.unknown["snapshot"]
    assert "permission denied for table continuum_tasks" in found.facts.unknown["queues"]
    assert found.facts.queues is None
    assert [each.code for each in found.findings] == ["queues-unknown", "snapshot-unknown"]
    assert found.status is Severity.UNKNOWN
    assert not found.needs_attention


async def test_a_part_that_takes_too_long_is_unknown(
    ct: Continuum, admin: psycopg.Connection
) -> None:
    """A table that somebody has locked costs half a second and one part, not the report."""
    with admin.transaction():
        admin.execute("LOCK TABLE continuum_inbox IN ACCESS EXCLUSIVE MODE")
        found = await report(ct)
    assert "inbox" in found.facts.unknown
    assert "lock timeout" in found.facts.unknown["inbox"]
    assert "inbox-unknown" in [each.code for each in found.findings]


@pytest.fixture
def odd_dsn() -> Iterator[str]:
    """A database of a server with slots, prepared transactions, and little else."""
    directory = servers.session_directory() / "holders"
    server = servers.open_server(
        servers.EMBEDDED,
        directory,
        wal_level="logical",
        max_prepared_transactions="2",
        autovacuum="off",
        max_connections="14",
    )
    try:
        yield server.new_database()
    finally:
        server.close()
        servers.wait_stopped(directory)


async def test_what_only_another_server_has(odd_dsn: str) -> None:
    """Slots and prepared transactions hold vacuum back and are named, with how to let go; that
    autovacuum is off for the server is said, too, and that connections are few."""
    with psycopg.connect(odd_dsn, autocommit=True) as admin:
        admin.execute("BEGIN")
        admin.execute("SELECT pg_current_xact_id()")
        admin.execute("PREPARE TRANSACTION 'half done'")
        async with Continuum(odd_dsn) as ct:
            found = await finding(ct, "old-snapshot", snapshot_age=0)
            assert found.fix == "ROLLBACK PREPARED 'half done';"
            assert "autovacuum is off" in (await finding(ct, "autovacuum-off")).message
            admin.execute(found.fix.encode())
            admin.execute("SELECT pg_create_logical_replication_slot('kept', 'pgoutput')")
            for _ in range(5):
                admin.execute("SELECT pg_current_xact_id()")
            found = await finding(ct, "old-snapshot", frozen_age=100)
            assert found.fix == "SELECT pg_drop_replication_slot('kept');"
            admin.execute(found.fix.encode())
            assert "old-snapshot" not in await codes(ct, snapshot_age=0, frozen_age=100)
        with psycopg.connect(odd_dsn):
            checks = await Continuum.doctor(odd_dsn)
        [few] = [check for check in checks if check.name == "connections"]
        assert few.result is Result.WARN
        assert "of 14 connections are free" in few.message
