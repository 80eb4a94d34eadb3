"""Workers start what is scheduled; clients say what that is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

import continuum
from continuum import Continuum
from continuum.errors import (
    AttributesError,
    NamespaceError,
    PayloadError,
    ScheduleError,
    ScheduleExists,
    ScheduleNotFound,
    WorkflowNotFound,
)
from continuum.testing import environment
from tests.schedules.flows import failing, slow, tick
from tests.worker.cluster import Cluster, eventually
from tests.worker.conftest import cluster as cluster


async def test_a_schedule_made_beside_a_worker_fires_at_once_when_due(dsn: str) -> None:
    """The hint shortens the worker's sleep; the run gets the time at which it was due."""
    async with Continuum(dsn) as ct, ct.worker([tick]):
        made = await ct.create_schedule(
            "tick", tick, continuum.SCHEDULED_AT, every=1, attributes={"plan": "pro"}
        )
        assert made.status == "active"
        await eventually(lambda: _ended(ct, 2))
        newest, second = (await ct.schedule_firings("tick"))[:2]
        assert newest.due_at - second.due_at == timedelta(seconds=1)
        assert second.run_id is not None
        assert await ct.result(second.run_id) == second.due_at.isoformat()
        assert second.fired_at - second.due_at < timedelta(seconds=5)
        await ct.delete_schedule("tick")
        assert await ct.schedules(namespace=None) == []


async def _ended(ct: Continuum, number: int) -> bool:
    firings = await ct.schedule_firings("tick")
    return [each.state for each in firings].count("completed") >= number


async def test_ten_thousand_schedules_due_at_once_fire_once_each(cluster: Cluster) -> None:
    """Three workers share them, one dies in the middle: each schedule has one run, none has two."""
    async with Continuum(cluster.dsn) as ct:
        await ct.create_schedule("first", tick, every=3600, overlap="allow", paused=True)
    async with await psycopg.AsyncConnection.connect(cluster.dsn, autocommit=True) as connection:
        await connection.execute(
            """INSERT INTO continuum_schedules
                 (namespace, name, workflow, input, attributes, every, overlap, catch_up, back_off,
                  due_at, look_at)
               SELECT namespace, 's' || n, 'nowhere:' || workflow, input, attributes, every,
                      overlap, catch_up, back_off, now(), now()
               FROM continuum_schedules, generate_series(1, 10000) n"""
        )
        members = [await cluster.join(tick) for _ in range(3)]
        await eventually(lambda: _fired(connection, 1000))
        await members[0].die()
        await eventually(lambda: _fired(connection, 10_000))
        found = await connection.execute(
            """SELECT count(*), count(DISTINCT name), count(DISTINCT run_id),
                      (SELECT count(*) FROM continuum_runs)
               FROM continuum_schedule_firings WHERE outcome = 'started'"""
        )
        assert await found.fetchone() == (10_000, 10_000, 10_000, 10_000)


async def _fired(connection: psycopg.AsyncConnection, number: int) -> bool:
    row = await (
        await connection.execute("SELECT count(*) FROM continuum_schedule_firings")
    ).fetchone()
    return row is not None and row[0] >= number


async def test_a_failing_schedule_backs_off_and_says_so() -> None:
    """In a day of every-minute failures it starts about 30 runs; `resume` ends the pause."""
    async with environment([failing]) as env:
        ct = env.client
        await ct.create_schedule("bad", failing, every=60)
        await env.sleep(timedelta(days=1))
        found = await ct.get_schedule("bad")
        assert found.status == "backing off"
        assert found.last_error is not None
        assert "no paper left" in found.last_error
        assert 20 < await ct.count() < 40
        assert found.failures == await ct.count()
        resumed = await ct.resume_schedule("bad")
        assert (resumed.status, resumed.failures) == ("active", 0)


async def test_time_skipping_fires_schedules_in_order() -> None:
    """A night of schedules takes no time in a test."""
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    async with environment([tick], start_at=start) as env:
        ct = env.client
        await ct.create_schedule(
            "early", tick, continuum.SCHEDULED_AT, cron="30 2 * * *", timezone="Europe/Berlin"
        )
        await env.sleep(timedelta(days=2))
        firings = await ct.schedule_firings("early")
        assert [f"{each.due_at:%d %H:%M}" for each in reversed(firings)] == ["29 01:00", "30 00:30"]
        assert {each.state for each in firings} == {"completed"}


async def test_overlap_skip_waits_for_nobody() -> None:
    """While a run waits for a signal its next times are overlapped; then it goes on."""
    async with environment([slow]) as env:
        ct = env.client
        await ct.create_schedule("slow", slow, every=60)
        await env.sleep(timedelta(minutes=3, seconds=30))
        outcomes = [str(each.outcome) for each in await ct.schedule_firings("slow")]
        assert outcomes == ["overlapped", "overlapped", "started"]
        [run] = (await ct.query()).entries
        await ct.signal(run.id, "end", "x")
        await env.sleep(60)
        assert await ct.count() == 2


async def test_trigger_starts_a_run_whatever_the_times_say(dsn: str) -> None:
    """Also of a paused schedule; it is recorded as such."""
    async with Continuum(dsn) as ct, ct.worker([tick]):
        await ct.create_schedule("tick", tick, every=3600, paused=True)
        run_id = await ct.trigger_schedule("tick")
        assert await ct.result(run_id, timeout=20) is None
        [firing] = await ct.schedule_firings("tick")
        assert (str(firing.outcome), firing.run_id) == ("triggered", run_id)


async def test_bad_schedules_are_refused_before_anything_is_written(dsn: str) -> None:
    """Each with an error of its own kind."""
    async with Continuum(dsn) as ct:
        await ct.create_schedule("tick", tick, every=3600, paused=True)
        for error, call in [
            (ScheduleExists, ct.create_schedule("tick", tick, every=60)),
            (ScheduleError, ct.create_schedule("a", tick, cron="nonsense")),
            (ScheduleError, ct.create_schedule("a", tick, every=60, overlap="both")),  # type: ignore[arg-type]
            (ScheduleError, ct.create_schedule("a", tick, every=60, catch_up=-1)),
            (PayloadError, ct.create_schedule("a", tick, object(), every=60)),
            (AttributesError, ct.create_schedule("a", tick, every=60, attributes={"a": {1, 2}})),
            (NamespaceError, ct.create_schedule("a", tick, every=60, namespace="")),
            (WorkflowNotFound, ct.create_schedule("a", "nobody", every=60)),
            (ScheduleNotFound, ct.get_schedule("tick", namespace="other")),
            (ScheduleNotFound, ct.pause_schedule("a")),
            (ScheduleNotFound, ct.resume_schedule("a")),
            (ScheduleNotFound, ct.trigger_schedule("a")),
            (ScheduleNotFound, ct.delete_schedule("a")),
            (ScheduleNotFound, ct.schedule_firings("a")),
        ]:
            with pytest.raises(error):
                await call
        assert [each.name for each in await ct.schedules(namespace=None)] == ["tick"]
        assert await ct.count(namespace=None) == 0


def test_synchronous_code_has_the_same_calls(dsn: str) -> None:
    """Create, look, pause, resume, trigger and delete."""
    with Continuum.blocking(dsn) as ct:
        ct.create_schedule("tick", tick, cron="0 3 * * *", note="nightly")
        assert [each.name for each in ct.schedules()] == ["tick"]
        assert ct.pause_schedule("tick").status == "paused"
        assert ct.resume_schedule("tick").status == "active"
        run_id = ct.trigger_schedule("tick")
        assert ct.get_run(run_id).workflow == tick.name
        assert len(ct.schedule_firings("tick")) == 1
        ct.delete_schedule("tick")
        with pytest.raises(ScheduleNotFound):
            ct.get_schedule("tick")


async def test_a_lost_hint_costs_seconds_not_the_start(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without notifications a worker finds a new schedule by looking."""
    monkeypatch.setattr("continuum.worker.scheduler.LONGEST_SLEEP", 0.2)
    monkeypatch.setenv("CONTINUUM_HINTS", "off")
    async with Continuum(dsn) as ct, ct.worker([tick]):
        await asyncio.sleep(0.05)
        await ct.create_schedule("tick", tick, every=1)
        await eventually(lambda: _ended(ct, 1))
