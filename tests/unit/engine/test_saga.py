"""Sagas: compensation on failure and on cancel, never otherwise, and never disturbed."""

from __future__ import annotations

import asyncio

import pytest

import continuum
from continuum import workflow
from continuum.errors import NotInWorkflow, PayloadError
from continuum.model import RunState
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b, once, retried, undo


@workflow(name="saga")
async def order(parallel: bool) -> str:
    """Two effects, each with its compensation."""
    async with continuum.saga(parallel=parallel) as saga:
        saga.undo(undo, 1)
        await a()
        saga.undo(retried, 2)
        return await b()


def undone(run: Driver) -> list[str]:
    """The compensations that were scheduled, in order."""
    return [c for c in run.commands() if c.endswith(("undo", "retried", "once"))]


def test_nothing_is_undone_when_the_block_succeeds() -> None:
    """A saga that is left normally runs no compensation."""
    run = Driver(order, False).start().complete(1).complete(2, "done")
    assert run.result == "done"
    assert undone(run) == []
    run.check_replays()


def test_failure_undoes_last_first() -> None:
    """The compensations run one by one, last registered first, with their own retries."""
    run = Driver(order, False).start().complete(1).fail(2, retryable=False)
    assert undone(run) == ["activity_scheduled retried"]
    run.fail(3).advance(10).complete(3)
    assert undone(run) == ["activity_scheduled retried", "activity_scheduled undo"]
    run.complete(4)
    assert run.error.type == "continuum.errors.ActivityFailed"
    run.check_replays()


def test_parallel_undoes_all_at_once() -> None:
    """With parallel=True no compensation waits for another."""
    run = Driver(order, True).start().complete(1).fail(2, retryable=False)
    assert undone(run) == ["activity_scheduled retried", "activity_scheduled undo"]
    run.complete(4).complete(3)
    assert run.execution.end is not None
    run.check_replays()


def test_only_registered_effects_are_undone() -> None:
    """What was not registered yet is not undone; what was, is, even if its effect never began."""
    run = Driver(order, False).start().fail(1, retryable=False)
    assert undone(run) == ["activity_scheduled undo"]
    run.complete(2).check_replays()


def test_cancel_undoes() -> None:
    """A cancel request stops the activity in flight, then the compensations run."""
    run = Driver(order, False).start().complete(1).cancel("changed my mind")
    assert undone(run) == []
    run.fail(2, reason="cancelled").complete(3).complete(4)
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    assert len(undone(run)) == 2
    run.check_replays()


def test_a_cancel_during_compensation_disturbs_nothing() -> None:
    """Compensations in flight are not asked to stop by a first cancel, and the rest follows."""
    run = Driver(order, False).start().complete(1).fail(2, retryable=False)
    run.cancel("now")
    assert run.stopped == []
    assert run.execution.end is None
    run.complete(3).complete(4)
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    run.check_replays()


def test_a_crash_during_compensation_while_stopping_repeats_it() -> None:
    """A compensation lost with its process runs again although a cancellation is under way."""

    @workflow
    async def flow() -> None:
        async def slow() -> None:
            await a()

        async def failing() -> None:
            async with continuum.saga() as saga:
                saga.undo(undo, 1)
                raise ValueError("at once")

        await asyncio.gather(slow(), failing(), return_exceptions=True)

    run = Driver(flow).start().cancel("stop")
    assert run.stopped == [1]
    after = run.crashed().recover()
    assert after.calls[2].attempt == 2
    assert 1 not in after.calls
    run.execution.drop()
    after.complete(2)
    assert after.execution.end is not None
    assert after.execution.end.state is RunState.CANCELLED
    after.check_replays()


@workflow(name="side_by_side")
async def side_by_side() -> None:
    """Two sagas under `gather`, which is over when the first of its parts is."""

    async def one(number: int) -> None:
        async with continuum.saga() as saga:
            for _ in range(number):
                saga.undo(undo, number)
            await a(number)
            await continuum.wait_signal("never")

    async def failing() -> None:
        await continuum.wait_signal("fail")
        raise ValueError("a third part fails")

    await asyncio.gather(one(1), one(2), failing())


@pytest.mark.parametrize("how", ["cancel", "fail"])
def test_the_run_does_not_end_before_its_sagas(how: str) -> None:
    """Though the workflow function is over, every saga still undoes; crashes change nothing."""
    run = Driver(side_by_side).start().complete(1).complete(2)
    if how == "cancel":
        run.cancel("stop")
    else:
        run.signal("fail")
    assert len(undone(run)) == 2
    while run.execution.end is None:
        run = run.crashed().recover()
        run.complete(min(run.calls))
    assert undone(run) == ["activity_scheduled undo"] * 3
    assert run.execution.end.state is (RunState.CANCELLED if how == "cancel" else RunState.FAILED)
    run.check_replays()


def test_a_cancel_while_the_run_waits_for_its_sagas() -> None:
    """The function has ended; a request that comes now neither disturbs nor stalls the rest."""
    run = Driver(side_by_side).start().complete(1).complete(2).signal("fail").cancel("late")
    assert run.stopped == []
    for _ in range(3):
        run.complete(next(iter(run.execution.open_activities)))
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    run.check_replays()


def test_a_timeout_around_a_saga_waits_for_it() -> None:
    """asyncio.timeout cancels the block; the compensations run, then TimeoutError is raised."""

    @workflow
    async def flow() -> str:
        try:
            async with asyncio.timeout(5), continuum.saga() as saga:
                saga.undo(undo, 1)
                await continuum.wait_signal("never")
        except TimeoutError:
            return "late"
        return "in time"

    run = Driver(flow).start().advance(5)
    assert undone(run) == ["activity_scheduled undo"]
    assert run.complete(max(run.calls)).result == "late"
    run.check_replays()


def test_a_failing_compensation_does_not_stop_the_rest_and_is_reported() -> None:
    """The others run; the run's error names the compensation that failed for good."""

    @workflow
    async def flow() -> None:
        async with continuum.saga() as saga:
            saga.undo(undo, 1)
            saga.undo(once, 2)
            raise ValueError("out of stock")

    run = Driver(flow).start().fail(1, "bank is closed", retryable=False)
    assert undone(run) == ["activity_scheduled once", "activity_scheduled undo"]
    run.complete(2)
    assert run.error.type == "ValueError"
    assert run.error.message.startswith("out of stock; compensation once failed: ")
    assert "bank is closed" in run.error.message
    run.check_replays()


def test_a_failing_compensation_of_a_cancelled_run_is_reported() -> None:
    """A cancelled run keeps in its error which compensation failed."""
    run = Driver(order, False).start().cancel("stop")
    run.fail(1, reason="cancelled").fail(2, "bank is closed", retryable=False)
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    assert "compensation undo failed" in run.error.message
    run.check_replays()


def test_an_async_function_compensates() -> None:
    """A compensation may be any async function of activities."""

    @workflow
    async def flow() -> None:
        async def put_back(first: int, *, second: int) -> None:
            await a(first)
            await b(second)

        async with continuum.saga() as saga:
            saga.undo(put_back, 1, second=2)
            raise ValueError("no")

    run = Driver(flow).start()
    assert run.commands() == ["activity_scheduled a"]
    run.complete(1).complete(2)
    assert run.error.type == "ValueError"
    run.check_replays()


def test_arguments_are_checked_when_registered() -> None:
    """Arguments that cannot be stored fail before the effect."""

    @workflow
    async def flow() -> str:
        async with continuum.saga() as saga:
            try:
                saga.undo(undo, object())  # type: ignore[arg-type]
            except PayloadError:
                return "refused"
        return "accepted"

    assert Driver(flow).start().result == "refused"


def test_evicted_and_drifted_runs_undo_nothing() -> None:
    """Dropping a run in a saga's block schedules no compensation, here or at its next owner."""
    run = Driver(order, False).start().complete(1)
    again = run.crashed()
    assert again.execution.drift is None
    again.execution.drop()
    assert again.execution.collect().entries == []

    @workflow(name="saga")
    async def changed(parallel: bool) -> str:
        async with continuum.saga() as saga:
            saga.undo(undo, 1)
            return await b()

    drifted = run.crashed(flow=changed)
    assert drifted.execution.drift is not None
    assert drifted.execution.collect().entries == []


def test_a_saga_outside_a_workflow_is_refused() -> None:
    """saga() tells where it belongs, and a block that was left takes no more compensations."""
    with pytest.raises(NotInWorkflow):
        continuum.saga()

    @workflow
    async def flow() -> str:
        async with continuum.saga() as saga:
            pass
        try:
            saga.undo(undo, 1)
        except NotInWorkflow:
            return "refused"
        return "accepted"

    assert Driver(flow).start().result == "refused"


@pytest.mark.parametrize("how", ["raise", "cancel", "crash"])
def test_no_charge_without_refund_at_any_boundary(how: str) -> None:
    """The example of the documentation: raise, cancel or crash after every single commit."""

    @workflow
    async def flow() -> str:
        async with continuum.saga() as saga:
            saga.undo(undo, 1)
            await a()
            try:
                verdict = await continuum.wait_signal("review", timeout=60)
            except TimeoutError:
                verdict = "approved"
            if verdict == "rejected":
                raise ValueError("rejected")
            return await b()

    def live(stop_at: int) -> tuple[Driver, bool]:
        run, step, happened = Driver(flow).start(), 0, False
        while run.execution.end is None:
            if step == stop_at:
                happened = True
                if how == "crash":
                    old, run = run, run.crashed().recover()
                    old.execution.drop()
                elif how == "cancel":
                    run.cancel("stop")
            step += 1
            local = [s for s in run.execution._attempts.open.values() if s.local]
            if local and local[0].command in run.stopped:
                run.fail(local[0].command, "stopped", reason="cancelled")
            elif local and how == "raise" and happened and local[0].activity is not undo:
                run.fail(local[0].command, retryable=False)
            elif local:
                run.complete(local[0].command)
            elif run.execution.end is None:
                run.signal("review", "approved")
        return run, happened

    for boundary in range(20):
        run, happened = live(boundary)
        done = [e.command for e in run.journal if e.kind == "activity_completed"]
        scheduled = {
            e.command: e.body().name for e in run.journal if e.kind == "activity_scheduled"
        }
        effects = [scheduled[command] for command in done if command is not None]
        assert run.execution.end is not None
        shipped = run.execution.end.state is RunState.COMPLETED
        assert shipped == ("undo" not in effects), f"boundary {boundary}: {effects}"
        assert shipped or effects[-1] == "undo", f"boundary {boundary}: {effects}"
        run.execution.drop()
        if not happened:
            assert boundary > 2
            return
    raise AssertionError("never ran out of boundaries")
