"""Queued and keyed attempts together with sagas and `continue_as_new`."""

from __future__ import annotations

import asyncio

import continuum
from continuum import activity, workflow
from continuum.errors import ActivityFailed
from continuum.journal.events import Failure
from continuum.model import RunState
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a


@activity(queue="gpu")
async def render(page: int) -> str:
    """Runs elsewhere."""
    return str(page)


@activity(queue="bank")
async def refund(page: int) -> None:
    """A compensation that runs elsewhere."""


@activity(idempotency_key=lambda page: f"refund-{page}")
async def refund_once(page: int) -> None:
    """A compensation that may have to wait for its key."""


async def failing(undo: object, page: int) -> None:
    async with continuum.saga() as saga:
        saga.undo(undo, page)  # type: ignore[arg-type]
        raise ValueError("at once")


@workflow
async def queued_refund() -> None:
    await asyncio.gather(render(1), failing(refund, 1), return_exceptions=True)


@workflow
async def keyed_refund() -> None:
    await asyncio.gather(a(), failing(refund_once, 1), return_exceptions=True)


@workflow
async def album(page: int) -> str:
    pending = asyncio.create_task(render(page))
    if page == 1:
        await continuum.wait_signal("next")
        continuum.continue_as_new(2)
    return await pending


def test_a_cancel_stops_queued_attempts_but_not_queued_compensations() -> None:
    """The attempt in the queue is to end with the next commit; the compensation stays there."""
    run = Driver(queued_refund)
    run.execution.start(run.now)
    assert [task.queue for task in run.execution.collect().tasks] == ["gpu", "bank"]
    run.execution.cancel(1, "stop", run.now)
    assert list(run.execution.collect().stop_tasks) == [1]
    run.execution.attempt_failed(1, 1, Failure("x", "x"), "cancelled", False, 0.0, run.now)
    run.execution.attempt_completed(2, 1, b"null", run.now)
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED


def test_a_queued_compensation_whose_worker_dies_is_tried_again_while_stopping() -> None:
    """A crash reported by the queue does not end a compensation because of the cancel."""
    run = Driver(queued_refund).start().cancel("stop")
    run.execution.attempt_crashed(2, 1, None, run.now)
    [task] = run.execution.collect().tasks
    assert (task.queue, task.attempt) == ("bank", 2)


def test_a_compensation_that_waits_for_its_key_is_not_stopped() -> None:
    """Held, cancelled, settled: it begins again, also at a new owner."""
    run = Driver(keyed_refund).start()
    run.execution.attempt_held(2, 1, run.now)
    run.commit().cancel("stop")
    assert run.stopped == [1]
    after = run.crashed().recover()
    assert after.calls[2].attempt == 1
    run.execution.key_settled(2, 1, run.now)
    assert [call.command for call in run.execution.collect().start] == [2]


def test_queued_attempts_of_an_incarnation_end_with_it() -> None:
    """The last turn of an incarnation takes its attempts out of their queues (rule 6)."""
    run = Driver(album, 1).start()
    run.execution.signal(1, "next", b"null", run.now)
    collected = run.execution.collect()
    assert (list(collected.stop_tasks), list(collected.tasks)) == ([2], [])
    assert run.execution.continuation is not None


def test_attempts_queued_by_the_last_turn_of_an_incarnation_never_are() -> None:
    """Nothing is queued for a command whose incarnation ends in the same turn."""

    @workflow
    async def flow(n: int) -> str:
        pending = asyncio.create_task(render(n))
        await asyncio.sleep(0)
        if n == 0:
            continuum.continue_as_new(1)
        try:
            return await pending
        except ActivityFailed:
            return "failed"

    run = Driver(flow, 0)
    run.execution.start(run.now)
    assert list(run.execution.collect().tasks) == []
    assert run.execution.continuation is not None
