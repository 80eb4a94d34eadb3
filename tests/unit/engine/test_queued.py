"""Attempts in named queues, attempts that wait for a key, and progress: live and in replay."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from continuum import Retry, activity, workflow
from continuum.errors import ActivityFailed, DefinitionError
from continuum.journal.events import EventKind, Failure
from continuum.journal.tasks import decode_payload
from continuum.model import RunState
from tests.unit.engine.driver import Driver


@activity(queue="gpu", priority=7, timeout=30, retry=Retry(3, 10, non_retryable=[KeyError]))
async def render(name: str) -> str:
    """Runs elsewhere."""
    return name


@activity(idempotency_key=lambda order: f"charge-{order}", on_crash="fail")
async def charge(order: str) -> str:
    """Runs here, once for each order."""
    return order


@activity(retry=Retry(3, 10))
async def scan() -> int:
    """Has progress."""
    return 1


@activity(idempotency_key=lambda: None)  # type: ignore[arg-type,return-value]
async def keyless() -> None:
    """Its key function is wrong."""


@workflow
async def rendering() -> str:
    try:
        return await render("cat")
    except ActivityFailed as error:
        return f"{error.type}:{error.attempts}"


@workflow
async def charging() -> str:
    return await charge("o1")


@workflow
async def scanning() -> int:
    return await scan()


@workflow
async def wrong_key() -> str:
    try:
        await keyless()
    except DefinitionError as error:
        return error.message
    return "fine"


def test_a_queued_attempt_is_a_task_and_nothing_local() -> None:
    """The run is suspended, not busy, and says what it waits for; the task says how to run it."""
    run = Driver(rendering)
    run.execution.start(run.now)
    [task] = run.execution.collect().tasks
    assert (task.queue, task.priority, task.attempt, task.activity) == ("gpu", 7, 1, render.name)
    payload = decode_payload(task.payload)
    assert (bytes(payload.args), payload.timeout) == (b'["cat"]', 30.0)
    assert payload.non_retryable == ("builtins.KeyError",)
    assert run.execution.state is RunState.SUSPENDED
    assert not run.execution.busy
    assert run.execution.waiting_on == f"activity {render.name} in queue gpu"


def test_the_queue_is_journaled_and_survives_a_change_of_the_code() -> None:
    """A deploy that moves the activity does not make its queued attempt look crashed."""
    run = Driver(rendering).start()
    scheduled = next(e for e in run.journal if e.kind is EventKind.ACTIVITY_SCHEDULED)
    assert scheduled.body().queue == "gpu"
    render.queue = None
    try:
        again = run.crashed().recover()
    finally:
        render.queue = "gpu"
    assert again.calls == {}
    assert again.execution.waiting_on == f"activity {render.name} in queue gpu"


def test_an_answer_completes_it_and_replays() -> None:
    """The result of the current attempt counts; a stale one does not."""
    run = Driver(rendering).start()
    run.execution.attempt_completed(1, 2, b'"early"', run.now)
    assert run.execution.end is None
    run.execution.attempt_completed(1, 1, b'"done"', run.now)
    assert run.commit().result == "done"
    run.check_replays()


def test_each_retry_is_a_task_that_carries_the_progress() -> None:
    """Failure, back-off and the next task; details go along, also through a crash."""
    run = Driver(rendering).start()
    failure = Failure("ValueError", "boom")
    run.execution.attempt_failed(1, 1, failure, "raised", True, 0.0, run.now, details=b"41")
    run.commit()
    assert run.execution.wake_at == run.now + timedelta(seconds=10)
    run.now += timedelta(seconds=10)
    run.execution.fire_due(run.now)
    collected = run.execution.collect()
    [task] = collected.tasks
    assert (task.attempt, bytes(decode_payload(task.payload).details)) == (2, b"41")
    run.execution.attempt_crashed(1, 2, b"42", run.now)
    [task] = run.execution.collect().tasks
    assert (task.attempt, bytes(decode_payload(task.payload).details)) == (3, b"42")


def test_an_error_that_is_not_retried_ends_it() -> None:
    """The worker that saw the error says that it must not be retried."""
    run = Driver(rendering).start()
    run.execution.attempt_failed(1, 1, Failure("KeyError", "x"), "raised", False, 0.0, run.now)
    assert run.commit().result == "KeyError:1"
    run.check_replays()


def test_cancel_asks_the_queue_once_and_waits_for_its_answer() -> None:
    """The cancellation arrives at the await when the attempt has ended, wherever it ran."""
    run = Driver(rendering).start()
    run.execution.cancel(1, None, run.now)
    assert list(run.execution.collect().stop_tasks) == [1]
    run.execution.cancel(2, None, run.now)
    assert list(run.execution.collect().stop_tasks) == []
    assert run.execution.end is None
    stopped = Failure("CancelledError", "stopped")
    run.execution.attempt_failed(1, 1, stopped, "cancelled", False, 0.0, run.now)
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED


def test_an_answer_that_came_before_recovery_is_no_crash() -> None:
    """A transaction of the former owner has answered: even at most once it counts as done."""
    run = Driver(charging).start()
    again = run.crashed()
    again.execution.attempt_completed(1, 1, b'"paid"', again.now)
    again.recover()
    assert again.result == "paid"
    assert "activity_attempt_crashed#1" not in again.kinds()
    again.check_replays()


def test_an_attempt_that_waits_for_its_key_is_released_and_begins_again() -> None:
    """It did not begin: no crash, no failure, and the same attempt once the key is settled."""
    run = Driver(charging).start()
    assert run.calls[1].activity.idempotency_key == "charge-o1"
    run.execution.attempt_held(1, 1, run.now)
    run.commit()
    assert run.kinds()[-1] == "activity_released#1"
    assert run.execution.state is RunState.SUSPENDED
    assert run.execution.waiting_on == f"activity {charge.name} for the key charge-o1"
    run.execution.key_settled(1, 1, run.now)
    run.commit()
    assert run.calls[1].attempt == 1
    run.complete(1, "paid").check_replays()
    assert run.result == "paid"


def test_a_new_owner_tries_the_key_again_without_counting_a_crash() -> None:
    """Even with on_crash="fail": the attempt that waited has not run."""
    run = Driver(charging).start()
    run.execution.attempt_held(1, 1, run.now)
    again = run.commit().crashed().recover()
    assert again.calls[1].attempt == 1
    assert "activity_attempt_crashed#1" not in again.kinds()


def test_a_wake_up_that_overtakes_the_attempts_own_word_is_not_lost() -> None:
    """The message is read before the attempt has said that it waits: it tries again at once."""
    run = Driver(charging).start()
    run.execution.key_settled(1, 1, run.now)
    run.execution.attempt_held(1, 1, run.now)
    run.calls.clear()
    run.commit()
    assert run.calls[1].attempt == 1


def test_a_cancelled_run_does_not_wait_for_a_key() -> None:
    """Nothing has begun, so there is nothing to wait for."""
    run = Driver(charging).start()
    run.execution.attempt_held(1, 1, run.now)
    run.commit().cancel()
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    run.check_replays()


def test_details_of_a_failed_attempt_reach_the_next_also_after_takeover() -> None:
    """They are in the journal with the failure."""
    run = Driver(scanning).start()
    failure = Failure("ValueError", "boom")
    run.execution.attempt_failed(1, 1, failure, "raised", True, 0.0, run.now, details=b"[1,2]")
    again = run.commit().crashed()
    again.advance(10)
    assert (again.calls[1].attempt, again.calls[1].details) == (2, b"[1,2]")
    again.complete(1, 5).check_replays()


def test_stored_details_of_a_crashed_attempt_reach_the_next() -> None:
    """The new owner journals what the store had, and only for the attempt that crashed."""
    run = Driver(scanning).start()
    again = run.crashed()
    again.execution.recover(again.now, {(1, 1): b"7", (2, 1): b"8"})
    again.commit()
    assert (again.calls[1].attempt, again.calls[1].details) == (2, b"7")
    third = again.crashed().recover()
    assert (third.calls[1].attempt, third.calls[1].details) == (3, b"7")


def test_without_progress_the_stored_form_is_as_before() -> None:
    """Optional fields are left out, so histories of earlier releases and new ones are alike."""
    run = Driver(scanning).start().fail(1)
    body = msgspec.json.decode(run.journal[-1].payload)
    assert sorted(body) == ["attempt", "error", "next_at"]
    scheduled = next(e for e in run.journal if e.kind is EventKind.ACTIVITY_SCHEDULED)
    assert sorted(msgspec.json.decode(scheduled.payload)) == ["args", "name"]


def test_a_key_function_that_gives_no_text_is_an_error_at_the_call() -> None:
    """Before anything is scheduled, in live and replay alike."""
    run = Driver(wrong_key).start()
    assert "must give a string" in run.result


def test_keys_and_priorities_are_validated_at_definition() -> None:
    """Out of bounds: an error with file and line."""
    with pytest.raises(DefinitionError, match=r"test_queued\.py:\d+"):

        @activity(idempotency_key="")
        async def empty_key() -> None: ...

    with pytest.raises(DefinitionError, match="idempotency_key"):
        scan.options(idempotency_key=7)  # type: ignore[arg-type]
