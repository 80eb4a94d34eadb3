"""What is decided about the times of a schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from continuum.journal.turn import RunState
from continuum.schedules.deciding import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    DueSchedule,
    LastRun,
    Outcome,
    Overlap,
    Progress,
    decide,
)
from continuum.schedules.times import checked_times

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def schedule(**changes: object) -> DueSchedule:
    made = DueSchedule(
        "default", "tick", checked_times(every=60), Overlap.SKIP, timedelta(hours=1), True,
        Progress(NOON), None,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def last(state: RunState, ended_at: datetime | None = None) -> LastRun:
    return LastRun(uuid4(), state, False, ended_at, "boom")


def outcomes(found: DueSchedule, now: datetime) -> list[str]:
    return [str(each.outcome) for each in decide(found, now).firings]


def test_a_time_that_has_come_starts_one_run() -> None:
    """And the next look is at the next time."""
    decision = decide(schedule(), NOON)
    assert [(each.due_at, each.outcome) for each in decision.firings] == [(NOON, Outcome.STARTED)]
    assert decision.look_at == decision.progress.due_at == NOON + MINUTE


def test_a_time_that_has_not_come_starts_nothing() -> None:
    """Also when it is asked a moment too early: clocks are the database's."""
    decision = decide(schedule(), NOON - timedelta(microseconds=1))
    assert decision.firings == []
    assert decision.look_at == NOON


def test_overlap_decides_what_happens_beside_a_live_run() -> None:
    """Skip, wait, cancel and wait, or start both."""
    live = last(RunState.SUSPENDED)
    assert outcomes(schedule(last=live), NOON) == ["overlapped"]
    assert outcomes(schedule(last=live, overlap=Overlap.ALLOW), NOON) == ["started"]
    waiting = decide(schedule(last=live, overlap=Overlap.BUFFER), NOON)
    assert (waiting.firings, waiting.progress.waiting_at, waiting.cancel) == ([], NOON, None)
    assert waiting.look_at == NOON + timedelta(seconds=1)
    assert decide(schedule(last=live, overlap=Overlap.CANCEL), NOON).cancel == live.run_id
    asked = replace(live, cancelling=True)
    assert decide(schedule(last=asked, overlap=Overlap.CANCEL), NOON).cancel is None


def test_a_buffered_time_starts_when_the_run_before_has_ended() -> None:
    """One time waits; further ones meanwhile are overlapped."""
    found = schedule(
        overlap=Overlap.BUFFER, last=last(RunState.RUNNING), progress=Progress(NOON, NOON - MINUTE)
    )
    assert outcomes(found, NOON) == ["overlapped"]
    ended = replace(found, last=last(RunState.COMPLETED, NOON))
    decision = decide(ended, NOON)
    assert [(each.due_at, each.outcome) for each in decision.firings] == [
        (NOON - MINUTE, Outcome.STARTED)
    ]
    assert decision.progress.waiting_at == NOON  # the run just started is live


def test_an_outage_is_caught_up_within_bounds() -> None:
    """What is older than `catch_up` is missed and counts as one; the rest is made up for."""
    found = schedule(overlap=Overlap.ALLOW, catch_up=timedelta(minutes=3))
    decision = decide(found, NOON + timedelta(days=30))
    assert [str(each.outcome) for each in decision.firings] == ["missed", *["started"] * 4][:5]
    assert decision.progress.due_at == NOON + timedelta(days=30, minutes=1)
    skipping = schedule(catch_up=timedelta(minutes=3))
    assert outcomes(skipping, NOON + MINUTE * 2) == ["started", "overlapped", "overlapped"]


def test_many_missed_times_come_in_portions() -> None:
    """A second's interval over a day is not decided in one transaction."""
    found = schedule(
        times=checked_times(every=1), overlap=Overlap.ALLOW, catch_up=timedelta(days=2)
    )
    seen, now = 0, NOON + timedelta(hours=1)
    while found.progress.due_at is not None and found.progress.due_at <= now:
        decision = decide(found, now)
        assert 0 < len(decision.firings) <= 501
        seen += len(decision.firings)
        found = replace(found, progress=decision.progress)
    assert seen == 3601


def test_failures_put_the_next_start_off_and_a_success_forgives() -> None:
    """Doubling from a minute to an hour; each run's end is counted once."""
    progress, pauses = Progress(NOON, judged=False), []
    for _ in range(9):
        found = schedule(progress=progress, last=last(RunState.FAILED, NOON))
        decision = decide(found, NOON)
        assert decision.progress.resting_until is not None
        pauses.append(decision.progress.resting_until - NOON)
        assert [each.outcome for each in decision.firings] == [Outcome.BACKED_OFF]
        assert decide(replace(found, progress=decision.progress), NOON).progress.failures == len(
            pauses
        )
        progress = replace(decision.progress, due_at=NOON, judged=False)
    assert pauses == [min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(9)]
    assert progress.failures == 9
    well = decide(schedule(progress=progress, last=last(RunState.COMPLETED, NOON)), NOON)
    assert (well.progress.failures, well.progress.resting_until) == (0, None)
    assert [each.outcome for each in well.firings] == [Outcome.STARTED]


def test_without_back_off_failures_only_count() -> None:
    """`back_off=False` starts at each time, and says how often it failed in a row."""
    found = schedule(
        back_off=False, progress=Progress(NOON, judged=False), last=last(RunState.FAILED, NOON)
    )
    decision = decide(found, NOON)
    assert [each.outcome for each in decision.firings] == [Outcome.STARTED]
    assert (decision.progress.failures, decision.progress.last_error) == (1, "boom")


def test_a_clock_that_goes_back_fires_nothing_twice() -> None:
    """The next time only rises, whatever the clock does."""
    decision = decide(schedule(), NOON + MINUTE * 5)
    back = schedule(progress=decision.progress, overlap=Overlap.ALLOW)
    assert decide(back, NOON).firings == []


def test_the_last_time_ends_it() -> None:
    """After `ends_at` there is no next look."""
    found = schedule(times=checked_times(every=60, ends_at=NOON))
    decision = decide(found, NOON)
    assert len(decision.firings) == 1
    assert (decision.progress.due_at, decision.look_at) == (None, None)


@given(
    st.sampled_from(list(Overlap)),
    st.integers(1, 4000),
    st.integers(0, 90),
    st.lists(st.integers(0, 5000), max_size=8),
    st.integers(0, 59),
)
def test_every_time_is_decided_once(
    overlap: Overlap, every: int, catch_up: int, steps: list[int], jitter: int
) -> None:
    """However often and late one looks, no time comes twice, and none is started too early."""
    found = schedule(
        times=checked_times(every=every, jitter=jitter), overlap=overlap,
        catch_up=timedelta(minutes=catch_up),
    )  # fmt: skip
    found = replace(found, progress=Progress(found.times.after(NOON)))
    now, seen = NOON, []
    for step in steps:
        now += timedelta(seconds=step)
        decision = decide(found, now)
        seen += [each.due_at for each in decision.firings]
        for each in decision.firings:
            assert found.times.start_of(each.due_at, "default", "tick") <= now
        found = replace(found, progress=decision.progress)
        assert decision.look_at is None or decision.look_at > now or len(decision.firings) > 498
    waiting = found.progress.waiting_at
    assert len(seen) == len(set(seen))
    assert waiting is None or waiting not in seen
