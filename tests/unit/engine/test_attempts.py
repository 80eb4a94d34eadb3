"""Activity attempts are durable: retries, back-off, crashes, releases (rule 13)."""

from __future__ import annotations

import asyncio

import pytest

import continuum
from continuum import workflow
from continuum.errors import ActivityCrashed, ActivityFailed, ActivityTimeout
from continuum.model import RunState
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, once, retried


@workflow
async def one_retried() -> str:
    """One activity with three attempts."""
    try:
        return await retried()
    except ActivityFailed as error:
        return f"{type(error).__name__}:{error.type}:{error.attempts}"


@workflow
async def one_plain() -> str:
    """One activity without retry, but repeated after crashes."""
    try:
        return await a()
    except ActivityFailed as error:
        return f"{type(error).__name__}:{error.attempts}"


@workflow
async def one_once() -> str:
    """One at-most-once activity."""
    try:
        return await once()
    except ActivityFailed as error:
        return f"{type(error).__name__}:{error.attempts}"


def test_failed_attempt_backs_off_durably_and_is_retried() -> None:
    """A failure commits error and next_at, which feeds wake_at; the next attempt is announced."""
    run = Driver(one_retried).start().fail(1)
    assert run.kinds()[-1] == "activity_attempt_failed#1"
    assert run.execution.state is RunState.SUSPENDED
    assert run.execution.waiting_on == (
        "activity retried attempt 2 of 3, retry at 2026-11-22T10:00:10Z"
    )
    run.advance(10)
    assert run.kinds()[-1] == "activity_started#1"
    assert run.calls[1].attempt == 2
    assert run.execution.state is RunState.RUNNING
    assert run.complete(1, "done").result == "done"
    run.check_replays()


def test_attempts_run_out() -> None:
    """After max_attempts the last error reaches the await."""
    run = Driver(one_retried).start().fail(1).advance(10).fail(1).advance(20).fail(1, "last")
    assert run.result == "ActivityFailed:ValueError:3"
    run.check_replays()


def test_not_retryable_ends_at_once() -> None:
    """An error the policy excludes is final."""
    assert Driver(one_retried).start().fail(1, retryable=False).result.endswith(":1")


@pytest.mark.parametrize("reason", ["raised", "timeout"])
def test_reason_decides_the_exception(reason: str) -> None:
    """A timeout is an ActivityTimeout, which is also a TimeoutError."""
    run = Driver(one_plain).start().fail(1, reason=reason)
    expected = ActivityTimeout if reason == "timeout" else ActivityFailed
    assert run.result == f"{expected.__name__}:1"
    run.check_replays()


def test_rule_13_back_off_survives_takeover() -> None:
    """A new owner keeps next_at and the number of failed attempts."""
    run = Driver(one_retried).start().fail(1)
    wake_at = run.execution.wake_at
    taken = run.crashed().recover()
    assert taken.execution.wake_at == wake_at
    assert taken.journal == run.journal
    taken.advance(10).fail(1).advance(20).fail(1)
    assert taken.result == "ActivityFailed:ValueError:3"


def test_rule_13_begun_attempt_is_committed_as_crashed_before_the_next() -> None:
    """A new owner that finds an attempt begun records the crash, then announces attempt 2."""
    taken = Driver(one_plain).start().crashed().recover()
    assert taken.kinds()[-2:] == ["activity_attempt_crashed#1", "activity_started#1"]
    assert taken.calls[1].attempt == 2
    assert taken.complete(1, "ok").result == "ok"
    taken.check_replays()


def test_rule_13_crashes_do_not_use_up_attempts_but_are_bounded() -> None:
    """Ten crashes end the activity as ActivityCrashed, whatever max_attempts says."""
    run = Driver(one_plain).start()
    for _ in range(9):
        run = run.crashed().recover()
        assert run.execution.end is None
    run = run.crashed().recover()
    assert run.result == f"{ActivityCrashed.__name__}:10"
    assert run.kinds().count("activity_attempt_crashed#1") == 10
    run.check_replays()


def test_rule_13_at_most_once_commits_its_intent_and_fails_on_the_first_crash() -> None:
    """on_crash="fail": activity_started is committed before attempt 1; a crash is the end."""
    run = Driver(one_once).start()
    assert run.kinds()[-1] == "activity_started#1"
    taken = run.crashed().recover()
    assert taken.calls == {}
    assert taken.result == f"{ActivityCrashed.__name__}:1"
    taken.check_replays()


def test_rule_13_at_most_once_may_still_be_retried_after_a_raise() -> None:
    """A raise is not a crash: the next attempt is announced and runs."""
    run = Driver(one_once).start().fail(1).advance(10)
    assert run.calls[1].attempt == 2
    assert run.complete(1, "ok").result == "ok"
    run.check_replays()


def test_rule_13_released_attempt_runs_again_without_counting_a_crash() -> None:
    """A lease given back before the attempt began costs nothing, also with on_crash="fail"."""
    run = Driver(one_once).start()
    run.execution.release(run.now)
    run.commit()
    assert run.kinds()[-1] == "activity_released#1"
    taken = run.crashed().recover()
    assert taken.kinds()[-1] == "activity_started#1"
    assert taken.calls[1].attempt == 1
    assert taken.complete(1, "ok").result == "ok"
    taken.check_replays()


def test_rule_13_a_crash_after_a_release_counts() -> None:
    """The second owner announces the attempt again, so its death is seen by the third."""
    run = Driver(one_once).start()
    run.execution.release(run.now)
    second = run.commit().crashed().recover()
    third = second.crashed().recover()
    assert third.result == f"{ActivityCrashed.__name__}:1"


def test_release_does_not_give_back_what_had_begun() -> None:
    """A begun attempt is not marked as released."""
    run = Driver(one_plain).start()
    run.execution.attempt_begun(1, 1)
    run.execution.release(run.now)
    assert run.commit().kinds()[-1] == "activity_scheduled#1"


def test_stale_attempts_are_ignored() -> None:
    """Only the attempt in progress may end the command; a zombie changes nothing."""
    run = Driver(one_retried).start().fail(1).advance(10)
    before = run.kinds()
    run.execution.attempt_completed(1, 1, b'"zombie"', run.now)
    run.execution.attempt_completed(9, 1, b'"nobody"', run.now)
    assert run.commit().kinds() == before
    assert run.complete(1, "real").result == "real"
    run.execution.attempt_completed(1, 2, b'"late"', run.now)
    assert run.commit().kinds()[-1] == "run_completed"


def test_busy_only_while_an_attempt_is_local() -> None:
    """A run is evictable in back-off, not while this process runs an attempt."""
    run = Driver(one_retried).start()
    assert run.execution.busy
    run.fail(1)
    assert not run.execution.busy
    run.advance(10)
    assert run.execution.busy
    run.complete(1, "x")
    assert not run.execution.busy


@workflow
async def gives_up() -> str:
    """Starts two activities and gives up on both at once, then waits."""
    started = [asyncio.ensure_future(a()), asyncio.ensure_future(once())]
    await asyncio.sleep(0)
    for each in started:
        each.cancel()
    return await continuum.wait_signal("go", type=str)


def test_an_attempt_given_up_in_its_own_turn_decides_nothing() -> None:
    """Live it never begins and is closed; a replay cannot know, and nothing depends on it."""
    run = Driver(gives_up).start()
    assert run.calls == {}
    assert run.execution.open_activities == []
    taken = run.crashed()
    assert taken.execution.open_activities == [1, 2]
    assert taken.execution.picture == run.execution.picture
    before = run.kinds()
    assert taken.recover().kinds() == before, "whoever takes the run over journals nothing for it"
    assert taken.calls == {}
    for owner in (run, taken):
        owner.signal("go", "on")
        assert owner.result == "on"
        owner.check_replays()
    assert run.kinds() == taken.kinds()


def test_a_cancel_does_not_wait_for_what_was_given_up() -> None:
    """By the owner that took it back, and by one that found it in the journal."""
    run = Driver(gives_up).start()
    for owner in (run, run.crashed().recover()):
        owner.cancel()
        assert owner.kinds()[-2:] == ["cancel_requested", "run_cancelled"]
        owner.check_replays()


def test_the_end_of_an_attempt_given_up_later_finds_its_command() -> None:
    """It had begun, so its end is journaled and replayed, also to a new owner."""
    run = Driver(gives_up_later).start()
    run.signal("stop")
    assert run.stopped == [2]
    taken, live = run.crashed().execution, run.execution
    assert taken.open_activities == live.open_activities == [2]
    assert {what: taken.picture[what] for what in live.picture} == live.picture
    run.fail(2, "stopped", reason="cancelled")
    assert run.kinds()[-1] == "activity_failed#2"
    run.check_replays()


@workflow
async def gives_up_later() -> str:
    """Starts an activity and gives up on it when it is told so."""
    started = asyncio.ensure_future(a())
    await continuum.wait_signal("stop")
    started.cancel()
    return await continuum.wait_signal("go", type=str)
