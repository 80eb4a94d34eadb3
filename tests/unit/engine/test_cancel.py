"""Cancellation: activities stop first, then one CancelledError; clean-up is never interrupted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import continuum
from continuum import workflow
from continuum.model import RunState
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b, retried, undo


@workflow
async def saga() -> str:
    """Charges, and undoes it whatever happens."""
    try:
        return await a()
    except asyncio.CancelledError:
        await undo()
        await continuum.sleep(5)
        await undo()
        raise


def test_activities_in_flight_stop_first() -> None:
    """The code learns of the cancel only when its activity has ended."""
    run = Driver(saga).start().cancel("changed my mind")
    assert run.stopped == [1]
    assert run.execution.cancelling
    assert run.kinds()[-1] == "cancel_requested"
    run.fail(1, reason="cancelled")
    assert run.commands()[-1] == "activity_scheduled undo"
    run.complete(2).advance(5).complete(4)
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    assert run.journal[-1].body().reason == "changed my mind"
    run.check_replays()


def test_a_result_that_came_first_does_not_let_the_code_go_on() -> None:
    """An activity that completes after the request ends at its await as cancelled, not further."""

    @workflow
    async def flow() -> str:
        first = await a()
        return first + await b()

    run = Driver(flow).start().cancel().complete(1, "too late")
    assert run.commands() == ["activity_scheduled a"]
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    run.check_replays()


def test_all_activities_of_a_gather_stop_before_the_cancel_arrives() -> None:
    """No branch goes on to its next step between the first and the last activity's end."""

    @workflow
    async def flow() -> None:
        async def two_steps(n: int) -> None:
            await a(n)
            await b(n)

        await asyncio.gather(two_steps(1), two_steps(2))

    run = Driver(flow).start().cancel()
    assert run.stopped == [1, 2]
    run.complete(2, "")
    assert len(run.commands()) == 2
    run.fail(1, reason="cancelled")
    assert run.execution.end is not None
    assert not any("b" in command.split() for command in run.commands())
    run.check_replays()


def test_a_task_group_cannot_take_a_cancel_for_failed_activities() -> None:
    """Its activities end as cancelled, yet what it raises is the cancellation: no code goes on."""

    @workflow
    async def flow() -> None:
        async def nested() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(a(1))
                group.create_task(a(2))

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(nested())
                group.create_task(a(3))
        except* continuum.ActivityFailed:
            await undo()
        await b()

    run = Driver(flow).start().cancel().complete(1, "")
    run.fail(2, reason="cancelled").fail(3, "as well")
    assert len(run.commands()) == 3
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    run.check_replays()


def test_clean_up_hears_what_became_of_activities_in_other_tasks() -> None:
    """The cancellation does not reach a task of its own: that one gets its outcome."""
    seen: list[list[str]] = []

    @workflow
    async def flow() -> None:
        tasks = [asyncio.create_task(a(n)) for n in (1, 2)]
        try:
            await asyncio.wait(tasks)
        finally:
            await asyncio.wait(tasks)
            seen.append([repr(task.exception() or task.result()) for task in tasks])
            await b()

    run = Driver(flow).start().cancel().complete(1, "came first").fail(2, reason="cancelled")
    assert run.commands()[-1] == "activity_scheduled b"
    [[value, error]] = seen
    assert value == "'came first'"
    assert error.startswith("ActivityFailed(")
    run.complete(3)
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    run.check_replays()


def test_rule_21_a_second_cancel_does_not_interrupt_compensation() -> None:
    """Later requests are journaled and inert."""
    run = Driver(saga).start().cancel().fail(1, reason="cancelled")
    for _ in range(3):
        run.cancel("again")
    run.complete(2).cancel("and again").advance(5).complete(4)
    assert run.kinds().count("cancel_requested") == 5
    assert run.commands().count("activity_scheduled undo") == 2
    assert run.execution.end is not None
    run.check_replays()


def test_rule_21_late_completion_of_an_abandoned_command_is_journaled_and_ignored() -> None:
    """The result of an activity whose await was cancelled harms nobody."""

    @workflow
    async def flow() -> str:
        try:
            async with asyncio.timeout(5):
                await a()
        except TimeoutError:
            return await b()
        return "in time"

    run = Driver(flow).start().advance(5)
    assert run.commands()[-2:] == ["activity_cancelled 2", "activity_scheduled b"]
    assert run.stopped == [2]
    run.complete(2, "late")
    assert run.kinds()[-1] == "activity_completed#2"
    assert run.complete(4, "b").result == "b"
    run.check_replays()


def test_rule_21_wake_at_is_that_of_surviving_timers() -> None:
    """A cancelled timer no longer wakes the run."""

    @workflow
    async def flow() -> None:
        async with asyncio.timeout(5):
            await a()
        async with asyncio.timeout(50):
            await a()

    run = Driver(flow).start()
    assert run.execution.wake_at == run.now + timedelta(seconds=5)
    run.complete(2, "")
    assert run.execution.wake_at == run.now + timedelta(seconds=50)


def test_cancel_of_a_waiting_run_arrives_at_once() -> None:
    """Nothing in flight: CancelledError at the await, and the waits are cancelled durably."""

    @workflow
    async def flow() -> None:
        await continuum.wait_signal("s", timeout=60)

    run = Driver(flow).start().cancel()
    assert run.kinds()[-3:] == ["cancel_requested", "timer_cancelled#3", "run_cancelled"]
    run.check_replays()


def test_cancelled_whatever_the_clean_up_returned() -> None:
    """Swallowing CancelledError and returning a value still ends as cancelled."""

    @workflow
    async def flow() -> str:
        try:
            await continuum.sleep(60)
        except asyncio.CancelledError:
            return "no, thanks"
        return "slept"

    run = Driver(flow).start().cancel()
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    assert run.execution.end.error is None


def test_an_error_of_the_clean_up_is_kept() -> None:
    """The run is cancelled, and what went wrong in its clean-up is not lost."""

    @workflow
    async def flow() -> None:
        try:
            await continuum.sleep(60)
        finally:
            raise ValueError("refund broke")

    run = Driver(flow).start().cancel()
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    assert run.error.message == "refund broke"


def test_an_activity_in_back_off_is_ended_by_the_cancel() -> None:
    """No further attempt is made; the cancel arrives at once."""

    @workflow
    async def flow() -> str:
        return await retried()

    run = Driver(flow).start().fail(1).cancel()
    assert run.kinds()[-3:] == ["cancel_requested", "activity_failed#1", "run_cancelled"]
    run.check_replays()


def test_an_activity_asked_to_stop_is_not_retried() -> None:
    """Its reaction to the stop may be any error; it is final."""

    @workflow
    async def flow() -> str:
        return await retried()

    run = Driver(flow).start().cancel().fail(1, "connection closed while stopping")
    assert run.kinds()[-2:] == ["activity_failed#1", "run_cancelled"]
    run.check_replays()


def test_takeover_while_activities_stop() -> None:
    """A new owner counts the stopping attempt as crashed, does not repeat it, and delivers."""
    run = Driver(saga).start().cancel()
    taken = run.crashed().recover()
    assert taken.kinds()[-3:] == [
        "activity_attempt_crashed#1", "activity_failed#1", "activity_scheduled#2",
    ]  # fmt: skip
    assert taken.calls.keys() == {2}
    taken.complete(2).advance(5).complete(4)
    assert taken.execution.end is not None
    taken.check_replays()


def test_signal_and_cancel_in_one_turn_never_start_the_activity() -> None:
    """An activity scheduled and stopped before the commit is not handed to the worker."""

    @workflow
    async def flow() -> str:
        await continuum.wait_signal("go")
        return await a()

    run = Driver(flow).start()
    run.execution.signal(1, "go", b"null", run.now)
    run.execution.cancel(2, None, run.now)
    run.commit()
    assert run.calls == {}
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    run.check_replays()


def test_cancelled_error_without_a_request_is_a_failure() -> None:
    """Only an operator's request makes a run `cancelled`."""

    @workflow
    async def flow() -> None:
        raise asyncio.CancelledError

    run = Driver(flow).start()
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.FAILED
    assert run.error.type.endswith("CancelledError")
    run.check_replays()
