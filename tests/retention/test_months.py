"""Journals by month: made ahead by whoever comes first, and never in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from continuum import Continuum
from continuum.client.duties import MakingMonths
from continuum.health.report import Severity
from continuum.store.postgres import migrate
from continuum.store.postgres.months import make_months
from continuum.store.postgres.pool import PostgresSettings, connect
from tests.health.looking import codes, finding, report
from tests.retention import flows
from tests.retention.loading import partitions, past_months, rows
from tests.retention.months import EVENT, FILL, coming, drop_months, id_of, make, part_of

pytestmark = pytest.mark.every_server
BY_MONTH = 19
STEP = "SELECT continuum_make_months()"
"""The migration."""
DAY = timedelta(days=1)


@pytest.fixture
async def ct(dsn: str) -> AsyncIterator[Continuum]:
    """A client of the database."""
    flows.reset()
    async with Continuum(dsn) as client:
        yield client


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
        said: list[str] = []
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        await connection.execute("SET client_min_messages = debug1")
        made = await make_months(connection)
    # The default is not read again by the attachment, which keeps everybody waiting.
    implied = [text for text in said if "default" in text and "is implied by existing" in text]
    assert len(implied) == len(made)
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
        steps = [step for _ in range(10) for (step,) in admin.execute(STEP).fetchall()]
    assert sorted(steps[:2]) == ["freed 2024_03", f"freed {this}"]
    wanted = [
        f"{step} {month}"
        for month in (following, last)
        if datetime.strptime(month, "%Y_%m").replace(tzinfo=UTC) > datetime.now(UTC) + DAY
        for step in ("guarded", "validated", "made")
    ]
    assert steps[2:] == [*wanted, *[None] * (8 - len(wanted))]


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
