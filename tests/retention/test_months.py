"""Journals by month: made ahead, dropped when over and empty, and never in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import conninfo, errors

from continuum import ConfigurationError, Continuum
from continuum.client.duties import MakingMonths
from continuum.health.report import Severity
from continuum.store.postgres import migrate
from continuum.store.postgres.months import make_months
from continuum.store.postgres.pool import PostgresSettings, connect
from tests.cli.processes import new_shell
from tests.health.looking import codes, finding, report
from tests.retention import flows
from tests.retention.loading import assert_nothing_loose, load, partitions, past_months, rows

pytestmark = pytest.mark.every_server
DAY = timedelta(days=1)
BY_MONTH = 19
"""The migration."""

EVENT = """
INSERT INTO continuum_events (run_id, seq, incarnation, type, payload, at)
VALUES (%s, 1, 1, 'x', '{}', now())"""
WAITING = """
SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"""
FILL = """
INSERT INTO continuum_events (run_id, seq, incarnation, type, payload, at)
SELECT %s, n, 1, 'x', convert_to(repeat(md5(n::text), 30), 'UTF8'), now()
FROM generate_series(1, 10000) AS n"""
"""More than may be read under a lock."""


def coming(months: int = 3) -> list[str]:
    """This month and those after it."""
    now = datetime.now(UTC)
    places = [now.year * 12 + now.month - 1 + n for n in range(months)]
    return [f"{place // 12}-{place % 12 + 1:02}" for place in places]


def id_of(month: str) -> UUID:
    """The id of a run that starts in it."""
    started = datetime.fromisoformat(f"{month}-15").replace(tzinfo=UTC)
    return UUID(f"{int(started.timestamp() * 1000):012x}7{uuid4().hex[13:]}")


def part_of(dsn: str, run_id: UUID) -> str:
    """The partition that its journal is in."""
    [(name,)] = rows(
        dsn,
        "SELECT DISTINCT replace(substr(tableoid::regclass::text, 18), '_', '-')"
        " FROM continuum_events WHERE run_id = %s",
        run_id,
    )
    return name


def drop_months(dsn: str) -> None:
    """As a database is that nobody has made months in."""
    for part in partitions(dsn):
        if part != "default":
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"DROP TABLE continuum_events_{part.replace('-', '_')}".encode())


async def make(dsn: str) -> list[str]:
    """Make months as `continuum migrate` does."""
    async with await connect(PostgresSettings(dsn)) as connection:
        return await make_months(connection)


@pytest.fixture
async def ct(dsn: str) -> AsyncIterator[Continuum]:
    """A client of the database."""
    flows.reset()
    async with Continuum(dsn) as client:
        yield client


@pytest.fixture
def role(dsn: str) -> Iterator[str]:
    """The DSN of a worker that may read and write rows, and nothing else."""
    name = f"worker_{uuid4().hex[:12]}"
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        admin.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
            f" TO {name}".encode()
        )
        admin.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}".encode())
    yield conninfo.make_conninfo(dsn, user=name)
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"DROP OWNED BY {name}".encode())
        admin.execute(f"DROP ROLE {name}".encode())


def test_a_new_database_has_its_months(dsn: str) -> None:
    """This one and two ahead, and the default; each takes what is its own."""
    assert partitions(dsn) == [*coming(), "default"]
    places = {id_of(month): month for month in coming()}
    places |= {id_of("2024-02"): "default", uuid4(): "default", id_of("2090-01"): "default"}
    for run_id, place in places.items():
        rows(dsn, f"{EVENT} RETURNING 1", run_id)
        assert part_of(dsn, run_id) == place
    assert len(rows(dsn, "SELECT 1 FROM continuum_events")) == len(places)


async def test_an_upgrade_keeps_every_event(empty_dsn: str) -> None:
    """Of few journals, this month's move into its partition; nobody loses what they may do."""
    old, new, odd = id_of("2024-02"), id_of(coming()[0]), uuid4()
    name = f"reader_{uuid4().hex[:12]}"
    async with await connect(PostgresSettings(empty_dsn)) as connection:
        await migrate.migrate(connection, target=BY_MONTH - 1)
        await connection.execute(f"CREATE ROLE {name} LOGIN".encode())
        await connection.execute(f"GRANT SELECT, DELETE ON continuum_events TO {name}".encode())
        await connection.execute(f"GRANT UPDATE (payload) ON continuum_events TO {name}".encode())
        await connection.execute("ALTER TABLE continuum_events SET (fillfactor = 90)")
        for run_id in (old, new, odd):
            await connection.execute(EVENT, [run_id])
        before = await (await connection.execute("TABLE continuum_events")).fetchall()
        await migrate.migrate(connection)
        after = await (await connection.execute("TABLE continuum_events")).fetchall()
    assert sorted(before) == sorted(after)
    assert [part_of(empty_dsn, each) for each in (old, new, odd)] == [
        "default", coming()[0], "default",
    ]  # fmt: skip
    assert partitions(empty_dsn) == [*coming(), "default"]
    month = f"continuum_events_{coming()[2].replace('-', '_')}"
    for table in ("continuum_events", month):
        for privilege, held in (("SELECT", True), ("DELETE", True), ("INSERT", False)):
            assert rows(
                empty_dsn, "SELECT has_table_privilege(%s, %s, %s)", name, table, privilege
            ) == [(held,)], (table, privilege)
        assert rows(
            empty_dsn, "SELECT has_column_privilege(%s, %s, 'payload', 'UPDATE')", name, table
        ) == [(True,)]
    assert rows(empty_dsn, f"SELECT reloptions FROM pg_class WHERE relname = '{month}'") == [
        (["fillfactor=90"],)
    ]
    with psycopg.connect(empty_dsn, autocommit=True) as admin:
        admin.execute(f"DROP OWNED BY {name}".encode())
        admin.execute(f"DROP ROLE {name}".encode())


async def test_many_journals_are_not_read_under_a_lock(empty_dsn: str) -> None:
    """They stay the default partition; months to come are made beside those who write."""
    this, following, last = coming()
    async with await connect(PostgresSettings(empty_dsn)) as connection:
        await migrate.migrate(connection, target=BY_MONTH - 1)
        await connection.execute(FILL, [id_of(this)])
        await migrate.migrate(connection)
        assert "default" in partitions(empty_dsn)
        assert this not in partitions(empty_dsn)
        made = await make_months(connection)
    close = (datetime.now(UTC) + DAY).strftime("%Y-%m") == following  # to the end of this month
    assert made == ([last] if close else [following, last])
    assert (
        rows(
            empty_dsn,
            "SELECT conname FROM pg_constraint WHERE conname LIKE 'continuum_events_not%%'",
        )
        == []
    )
    async with Continuum(empty_dsn) as ct:
        found = next(each for each in (await report(ct)).findings if each.code == "no-month")
        assert found.severity is Severity.INFO
        assert f"10,000 or more events of runs of {this}" in found.message
        async with ct.worker(flows.ALL):
            run = await ct.start(flows.short, "a")
            assert await run.result(30) == "a"
    assert part_of(empty_dsn, run.id) == "default"


async def test_what_a_dead_process_left_refuses_nothing(dsn: str) -> None:
    """A guard of a month that begins is taken away; one that was proved is used."""
    drop_months(dsn)
    this, following, last = (month.replace("-", "_") for month in coming())
    rows(dsn, f"{FILL} RETURNING 1", id_of("2024-02"))
    with psycopg.connect(dsn, autocommit=True) as admin:
        for month in (this, "2024_03"):
            admin.execute(
                f"ALTER TABLE continuum_events_default ADD CONSTRAINT continuum_events_not_{month}"
                " CHECK (run_id < continuum_first_id(now()::timestamp)) NOT VALID".encode()
            )
        for expected in ["freed"] * 2:
            assert (
                admin.execute("SELECT continuum_make_months()").fetchone()[0].startswith(expected)
            )
        steps = [admin.execute("SELECT continuum_make_months()").fetchone()[0] for _ in range(8)]
    wanted = [
        f"{step} {month}"
        for month in (following, last)
        if datetime.strptime(month, "%Y_%m").replace(tzinfo=UTC) > datetime.now(UTC) + DAY
        for step in ("guarded", "validated", "made")
    ]
    assert steps == [*wanted, *[None] * (8 - len(wanted))]


async def test_a_prune_drops_what_is_over(dsn: str, ct: Continuum) -> None:
    """While runs start and end, and leave what others need: live runs, and what they wait for."""
    newer, kept, gone = past_months(dsn, 3)
    load(dsn, 400, events=20, month=gone)
    load(dsn, 400, month=newer)
    live = id_of(kept)
    load(dsn, 200, month=kept)
    async with ct.worker(flows.ALL):
        await ct.start(flows.waiting, run_id=live)
        await eventually_has_events(dsn, live)
        stop = asyncio.Event()
        begun: list[str] = []

        async def start_some() -> None:
            while not stop.is_set():
                run = await ct.start(flows.short, f"{len(begun)}")
                begun.append(await run.result(30))

        starting = [asyncio.ensure_future(start_some()) for _ in range(4)]
        report = await ct.prune(older_than=DAY, execute=True)
        dry = await ct.prune(older_than=DAY)
        stop.set()
        await asyncio.gather(*starting)
        assert report.runs == 1000
        assert [month.month for month in report.months] == [gone, newer]
        assert report.given_back == sum(month.given_back for month in report.months) > 2**16
        assert dry.months == ()
        assert partitions(dsn) == [kept, *coming(), "default"]
        assert part_of(dsn, live) == kept
        assert begun
        assert await ct.count("state = 'completed'") == len(begun)
        await ct.signal(live, "go", "on")
        assert await ct.result(live, 30) == "on"
    assert (await ct.prune(older_than=0, execute=True)).runs == len(begun) + 1
    assert partitions(dsn) == [*coming(), "default"]
    assert_nothing_loose(dsn)


async def eventually_has_events(dsn: str, run_id: UUID) -> None:
    """Wait until its journal begins."""
    async with asyncio.timeout(30):
        while not rows(dsn, "SELECT 1 FROM continuum_events WHERE run_id = %s", run_id):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_run_whose_month_is_gone_goes_on(dsn: str, ct: Continuum) -> None:
    """It had no journal yet; what it writes goes to the default partition."""
    [month] = past_months(dsn, 1)
    run = await ct.start(flows.waiting, run_id=id_of(month))
    report = await ct.prune(older_than=0, execute=True)
    assert [each.month for each in report.months] == [month]
    async with ct.worker(flows.ALL):
        await run.signal("go", "on")
        assert await run.result(30) == "on"
    assert part_of(dsn, run.id) == "default"


async def test_nothing_is_dropped_that_somebody_writes_to(dsn: str, ct: Continuum) -> None:
    """The second look is under a lock: it sees what was written after the first."""
    [month] = past_months(dsn, 1)
    async with await psycopg.AsyncConnection.connect(dsn) as writer:
        await writer.execute(EVENT, [id_of(month)])
        pruning = asyncio.ensure_future(ct.prune(older_than=DAY, execute=True))
        async with asyncio.timeout(10):
            while not rows(dsn, WAITING):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await writer.commit()
        assert (await pruning).months == ()
    assert month in partitions(dsn)


async def test_a_drop_waits_for_nobody_for_long(dsn: str, ct: Continuum) -> None:
    """Somebody reads all journals in a long transaction: turns go on, the month goes next time."""
    [month] = past_months(dsn, 1)
    async with (
        await psycopg.AsyncConnection.connect(dsn) as reader,
        ct.worker(flows.ALL),
    ):
        await reader.execute("SELECT count(*) FROM continuum_events")
        pruning = asyncio.ensure_future(ct.prune(older_than=DAY, execute=True))
        taken: list[float] = []
        while not pruning.done():
            began = time.monotonic()
            await (await ct.start(flows.short, "a")).result(30)
            taken.append(time.monotonic() - began)
        assert (await pruning).months == ()
        assert len(taken) > 2
        assert max(taken) < 2
        await reader.rollback()
        assert [each.month for each in (await ct.prune(older_than=DAY, execute=True)).months] == [
            month
        ]


async def test_two_that_make_months_at_once(dsn: str) -> None:
    """Each month is made by one of them, and nobody fails."""
    drop_months(dsn)
    answers = await asyncio.gather(*(make(dsn) for _ in range(4)))
    assert sorted(month for made in answers for month in made) == coming()
    assert partitions(dsn) == [*coming(), "default"]
    assert await make(dsn) == []


async def test_without_a_partition_everything_works(dsn: str, ct: Continuum) -> None:
    """Workers that were never there to make months, and ids that callers give."""
    drop_months(dsn)
    assert await codes(ct) == ["no-month"] * 2
    runs: list[UUID] = []
    async with ct.worker(flows.ALL):
        for run_id in (None, uuid4(), id_of("2024-02"), id_of("2090-01")):
            run = await ct.start(flows.short, "a", run_id=run_id)
            assert await run.result(30) == "a"
            runs.append(run.id)
    assert {part_of(dsn, run_id) for run_id in runs} == {"default"}
    assert await make(dsn) == coming()
    assert part_of(dsn, runs[0]) == coming()[0]  # few rows move with their month
    assert len({len(await ct.history(run_id)) for run_id in runs}) == 1
    assert (await ct.prune(older_than=0, execute=True)).runs == 4
    assert rows(dsn, "SELECT 1 FROM continuum_events") == []


async def test_a_month_with_strays_stays_with_the_default(dsn: str) -> None:
    """Its rows are too many to move, and none is lost or seen twice."""
    drop_months(dsn)
    this, *others = coming()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            EVENT.replace("VALUES (%s, 1, 1, 'x', '{}', now())",
                          "SELECT %s, n, 1, 'x', '{}', now() FROM generate_series(1, 5001) n")
            .encode(), [id_of(this)],
        )  # fmt: skip
    assert await make(dsn) == others
    assert rows(dsn, "SELECT count(*) FROM continuum_events") == [(5001,)]


async def test_a_worker_makes_months(dsn: str) -> None:
    """Without being asked, as a role that may touch rows only."""
    drop_months(dsn)
    async with Continuum(dsn) as ct:
        worker = ct.worker(flows.ALL)
        async with worker:
            assert worker.months is not None
            assert worker.months.running
        assert not worker.months.running
        duty = MakingMonths(ct._backend.retention, Random(1), every=0.05)
        made = duty.made.listen()
        duty.start()
        assert await asyncio.wait_for(made.get(), 30) == tuple(coming())
        assert await asyncio.wait_for(made.get(), 30) == ()
        await duty.stop()


async def test_a_role_without_ddl_makes_and_drops(dsn: str, role: str) -> None:
    """What takes an owner is done as one, for those who may delete journals."""
    drop_months(dsn)
    assert await make(role) == coming()
    past = past_months(dsn, 2)
    async with Continuum(role) as ct:
        load(dsn, 3, month=past[0])
        report = await ct.prune(older_than=DAY, execute=True)
        assert [each.month for each in report.months] == sorted(past)
        async with ct.worker(flows.ALL):
            assert await (await ct.start(flows.short, "a")).result(30) == "a"
    with psycopg.connect(role, autocommit=True) as connection:
        for month in coming():
            part = f"continuum_events_{month.replace('-', '_')}"
            assert connection.execute(f"SELECT count(*) FROM {part}".encode()).fetchone()
        for statement in ("DROP TABLE continuum_events", "CREATE TABLE mine (n int)"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        assert connection.execute(
            "SELECT continuum_drop_month('continuum_runs'), continuum_drop_month(%s)", [part]
        ).fetchone() == (None, None)


async def test_who_may_not_delete_makes_and_drops_nothing(dsn: str, role: str) -> None:
    """Not even what is empty; the error says what is needed."""
    past_months(dsn, 1)
    with psycopg.connect(dsn, autocommit=True) as admin:
        user = conninfo.conninfo_to_dict(role)["user"]
        admin.execute(f"REVOKE DELETE ON continuum_events FROM {user}".encode())
    with pytest.raises(ConfigurationError, match="may not delete journals"):
        await make(role)
    async with Continuum(role) as ct:
        with pytest.raises(ConfigurationError, match="may not delete journals"):
            await ct.prune(older_than=DAY, execute=True)
        async with ct.worker(flows.ALL):
            assert await (await ct.start(flows.short, "a")).result(30) == "a"
    assert len(partitions(dsn)) == 5


async def test_the_default_gives_its_disk_back_when_it_is_empty(dsn: str, ct: Continuum) -> None:
    """After an upgrade all journals are in it; with the last of them its files are emptied."""
    load(dsn, 300, events=40)
    rows(dsn, f"{FILL} RETURNING 1", id_of("2024-02"))
    kept = await ct.prune(older_than=DAY, execute=True, rest=0)
    assert (kept.runs, kept.months) == (300, ())
    rows(dsn, "DELETE FROM continuum_events RETURNING 1")
    report = await ct.prune(older_than=DAY, execute=True)
    [month] = report.months
    assert (month.month, month.given_back > 8 * 2**20) == ("default", True)
    [(size,)] = rows(dsn, "SELECT pg_relation_size('continuum_events_default')")
    assert size == 0
    assert (await ct.prune(older_than=DAY, execute=True)).months == ()


def test_the_commands_say_what_they_did(dsn: str, tmp_path: object) -> None:
    """Months made, months dropped and the disk given back; in JSON as records of their own."""
    from pathlib import Path

    shell = new_shell(Path(str(tmp_path)), dsn)
    drop_months(dsn)
    done = shell.run("migrate")
    assert done.returncode == 0
    assert f"made room for the journals of {', '.join(coming())}" in done.stderr
    [month] = past_months(dsn, 1)
    load(dsn, 3, month=month)
    done = shell.run("prune", "--older-than", "30d", "--execute", "--format", "json")
    group, dropped = json.loads(done.stdout)
    assert (group["runs"], group["month"], group["given_back"]) == (3, None, None)
    assert (dropped["workflow"], dropped["month"]) == (None, month)
    assert dropped["given_back"] > 0
    assert f"of disk given back: journals of {month} (" in done.stderr
    past_months(dsn, 1)
    done = shell.run("prune", "--older-than", "30d", "--execute", "--format", "ids")
    assert done.stdout == ""
    assert f"journals of {month}" in done.stderr


async def test_tables_are_told_as_one(dsn: str, ct: Continuum) -> None:
    """Partitions are no tables of their own in the health report, but for one that is not kept."""
    past_months(dsn, 2)

    async def names() -> set[str]:
        facts = (await ct.health(sample=0)).facts
        assert facts.tables is not None
        return {fact.table for fact in facts.tables if "events" in fact.table}

    assert await names() == {"continuum_events"}
    assert await codes(ct) == []
    part = f"continuum_events_{coming()[0].replace('-', '_')}"
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"ALTER TABLE {part} SET (autovacuum_enabled = off)".encode())
        found = await finding(ct, "autovacuum-off")
        assert found.message == f"autovacuum is off for {part}"
        with contextlib.suppress(errors.UndefinedFunction):
            admin.execute("SELECT pg_stat_force_next_flush()")
        admin.execute(found.fix.encode())
    assert await names() == {"continuum_events"}
