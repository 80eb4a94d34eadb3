"""Months that are over and pruned give their disk back, and nothing that is needed goes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo, errors

from continuum import ConfigurationError, Continuum
from tests.cli.processes import new_shell
from tests.retention import flows
from tests.retention.loading import assert_nothing_loose, load, partitions, past_months, rows
from tests.retention.months import (
    EVENT,
    FILL,
    coming,
    drop_months,
    eventually_has_events,
    id_of,
    make,
    part_of,
)

pytestmark = pytest.mark.every_server
DAY = timedelta(days=1)
WAITING = """
SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"""


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


def test_the_commands_say_what_they_did(dsn: str, tmp_path: Path) -> None:
    """Months made, months dropped and the disk given back; in JSON as records of their own."""
    shell = new_shell(tmp_path, dsn)
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
