"""Schedules in the store: the same in memory and on every PostgreSQL found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from continuum.journal.turn import RunState
from continuum.schedules.deciding import Outcome, Overlap
from continuum.schedules.model import NewSchedule
from continuum.schedules.times import ScheduleTimes, checked_times
from tests.conformance.conftest import place as place
from tests.conformance.stage import Stage, open_stage
from tests.postgres.scene import PIN


@pytest.fixture
async def stage(place: str | None) -> AsyncIterator[Stage]:
    async with open_stage(place) as stage:
        yield stage


def new(name: str = "tick", **changes: object) -> NewSchedule:
    times = changes.pop("times", checked_times(every=3600))
    assert isinstance(times, ScheduleTimes)
    return NewSchedule(
        "default", name, PIN.workflow, b'["x",null]', [1], {"plan": "pro"}, times, **changes
    )  # type: ignore[arg-type]


async def come(stage: Stage, place: str | None) -> None:
    """Let an hour pass, as far as schedules can tell."""
    if place is None:
        stage.store.clock.advance(3600.0)  # type: ignore[attr-defined]
        return
    async with await psycopg.AsyncConnection.connect(place) as connection:
        await connection.execute(
            "UPDATE continuum_schedules SET due_at = due_at - interval '1 hour',"
            " look_at = look_at - interval '1 hour'"
        )


async def be_late(stage: Stage, place: str | None, seconds: int) -> None:
    """Nobody has looked for so long."""
    if place is None:
        stage.store.clock.advance(float(seconds))  # type: ignore[attr-defined]
        return
    async with await psycopg.AsyncConnection.connect(place) as connection:
        await connection.execute(
            "UPDATE continuum_schedules SET look_at = now(),"
            " due_at = date_trunc('second', now()) - make_interval(secs => %s)",
            [seconds],
        )


async def test_what_is_stored_comes_back(stage: Stage) -> None:
    """Every part of a schedule is kept."""
    made = new(
        times=checked_times(
            cron="0 3 * * *", zone="Europe/Berlin", jitter=60,
            starts_at=datetime(2020, 1, 1, tzinfo=UTC), ends_at=datetime(2999, 1, 1, tzinfo=UTC),
        ),
        overlap=Overlap.BUFFER, catch_up=timedelta(minutes=7), back_off=False, note="why",
    )  # fmt: skip
    stored = await stage.store.schedules.put(made, replace=False)
    assert stored is not None
    assert stored == await stage.store.schedules.get("default", "tick")
    assert (stored.times, stored.overlap, stored.catch_up) == (
        made.times, Overlap.BUFFER, timedelta(minutes=7),
    )  # fmt: skip
    assert (stored.back_off, stored.note, dict(stored.attributes)) == (
        False, "why", {"plan": "pro"},
    )  # fmt: skip
    assert (stored.status, stored.failures, stored.last_run_id) == ("active", 0, None)
    assert stored.next_at is not None
    due = made.times.after(stored.read_at)
    assert due is not None
    assert timedelta(0) <= stored.next_at - due < timedelta(minutes=1)


async def test_a_name_is_taken_once_per_namespace(stage: Stage) -> None:
    """A second one is refused, or replaces the first when asked to."""
    assert await stage.store.schedules.put(new(), replace=False) is not None
    assert await stage.store.schedules.put(new(note="2"), replace=False) is None
    replaced = await stage.store.schedules.put(new(note="2"), replace=True)
    assert replaced is not None
    assert replaced.note == "2"
    assert [each.name for each in await stage.store.schedules.list(None)] == ["tick"]
    assert await stage.store.schedules.list("other") == []
    assert await stage.store.schedules.get("other", "tick") is None


async def test_a_due_schedule_starts_one_run(stage: Stage, place: str | None) -> None:
    """Unowned and ready, with the time it was due among its arguments, and recorded."""
    await stage.store.schedules.put(new(), replace=False)
    early = await stage.store.schedules.fire_due(10)
    assert (early.decided, list(early.started)) == (0, [])
    await come(stage, place)
    fired = await stage.store.schedules.fire_due(10)
    [run_id] = fired.started
    again = await stage.store.schedules.fire_due(10)
    assert (again.decided, list(again.started)) == (0, [])
    run = await stage.run(run_id)
    [firing] = await stage.store.schedules.firings("default", "tick", 10)
    assert run.input == ["x", firing.due_at.isoformat().replace("+00:00", "Z")]
    assert (run.state, run.workflow, dict(run.attributes)) == (
        RunState.RUNNING, PIN.workflow, {"plan": "pro"},
    )  # fmt: skip
    assert (firing.outcome, firing.run_id, firing.state) == (
        Outcome.STARTED, run_id, RunState.RUNNING,
    )  # fmt: skip
    found = await stage.store.schedules.get("default", "tick")
    assert found is not None
    assert (found.last_run_id, found.last_fired_at) == (run_id, firing.due_at)
    assert fired.next_at == found.next_at
    await stage.register()
    assert [claimed.run_id for claimed in await stage.claim()] == [run_id]


async def test_paused_it_starts_nothing_and_makes_up_for_nothing(
    stage: Stage, place: str | None
) -> None:
    """Resumed, it is due from then on."""
    schedules = stage.store.schedules
    await schedules.put(new(), replace=False)
    paused = await schedules.pause("default", "tick", "strike")
    assert paused is not None
    assert (paused.status, paused.note, paused.next_at) == ("paused", "strike", None)
    await come(stage, place)
    assert (await schedules.fire_due(10)).decided == 0
    resumed = await schedules.resume("default", "tick", None)
    assert resumed is not None
    assert (resumed.status, resumed.note) == ("active", None)
    assert resumed.next_at is not None
    assert resumed.next_at > resumed.read_at
    assert (await schedules.fire_due(10)).decided == 0
    for missing in (schedules.pause("default", "x", None), schedules.resume("default", "x", None)):
        assert await missing is None


async def test_cancel_makes_room_and_the_buffered_run_follows(
    stage: Stage, place: str | None
) -> None:
    """The live run is asked once; when it has ended the next one starts."""
    schedules = stage.store.schedules
    await schedules.put(new(overlap=Overlap.CANCEL), replace=False)
    before = await schedules.trigger("default", "tick")
    assert before is not None
    await come(stage, place)
    fired = await schedules.fire_due(10)
    assert (list(fired.started), list(fired.cancelled)) == ([], [before])
    found = await schedules.get("default", "tick")
    assert found is not None
    assert (found.status, found.waiting_at is not None) == ("waiting", True)
    await stage.store.force_cancel(before, None, None)
    await come(stage, place)
    fired = await schedules.fire_due(10)
    assert (len(fired.started), list(fired.cancelled)) == (1, [])
    outcomes = {str(each.outcome) for each in await schedules.firings("default", "tick", 9)}
    assert outcomes >= {"started", "triggered"}


async def test_the_oldest_firings_are_forgotten(stage: Stage, place: str | None) -> None:
    """A hundred are kept, the newest ones; a schedule that is removed leaves none."""
    schedules = stage.store.schedules
    made = new(times=checked_times(every=1), overlap=Overlap.ALLOW, catch_up=timedelta(days=1))
    await schedules.put(made, replace=False)
    await be_late(stage, place, 300)
    fired = await schedules.fire_due(10)
    assert 299 <= len(fired.started) <= 302
    kept = await schedules.firings("default", "tick", 1000)
    assert len(kept) == 100
    assert [each.run_id for each in reversed(kept)] == list(fired.started[-100:])
    assert await schedules.delete("default", "tick")
    assert not await schedules.delete("default", "tick")
    assert await schedules.put(made, replace=False) is not None
    assert await schedules.firings("default", "tick", 1000) == []
