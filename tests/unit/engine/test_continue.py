"""continue_as_new: incarnations of one run, what they carry and what they leave behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import continuum
from continuum import workflow
from continuum.errors import NotInWorkflow, PayloadError
from continuum.model import RunState
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b, undo


@workflow(name="monthly")
async def monthly(month: int, last: int) -> list[Any]:
    """Bills, waits for a signal, and goes on next month."""
    paid = await a(month)
    if month < last:
        continuum.continue_as_new(month + 1, last)
    drawn = [str(continuum.uuid4()), continuum.info().incarnation]
    return [paid, *drawn]


def test_the_next_incarnation_has_its_own_commands_and_random_values() -> None:
    """Command numbers begin anew, seq goes on, the drawn values differ, the input is new."""
    first = Driver(monthly, 1, 2).start().complete(1, "january")
    assert first.execution.end is None
    assert first.execution.state is RunState.RUNNING
    second = first.continued()
    assert second.identity.incarnation == 2
    assert second.calls[1].args == b"[2]"
    assert second.journal[-1].seq == len(second.journal)
    result = second.complete(1, "february").result
    assert result[0] == "february"
    assert result[2] == 2
    alone = Driver(monthly, 2, 2).start().complete(1, "february").result
    assert alone[1] != result[1]
    first.check_replays()
    second.check_replays()


def test_it_never_returns_and_runs_no_clean_up_with_an_effect() -> None:
    """Neither `except BaseException`, nor `finally`, nor a saga can do anything afterwards."""
    seen: list[str] = []

    @workflow
    async def flow(n: int) -> str:
        if n:
            return "second"
        async with continuum.saga() as saga:
            saga.undo(undo, 1)
            try:
                continuum.continue_as_new(1)
            except BaseException:
                await a()
                seen.append("went on")
            finally:
                await b()
                seen.append("cleaned up")
        return "returned"

    run = Driver(flow, 0).start()
    assert run.kinds() == ["run_started", "run_continued"]
    assert seen == []
    assert run.continued().result == "second"
    run.check_replays()


def test_activities_in_flight_are_stopped_and_their_results_are_nobodys() -> None:
    """Rule 6: the old incarnation's command 1 is not the new one's."""

    @workflow
    async def flow(n: int) -> str:
        if n == 0:
            pending = asyncio.create_task(a(0))
            await asyncio.sleep(0)
            await continuum.wait_signal("go")
            continuum.continue_as_new(1)
            return await pending
        return await b(1)

    run = Driver(flow, 0).start().signal("go")
    assert run.stopped == [1]
    after = run.continued()
    run.complete(1, "too late")
    assert run.journal[-1].kind == "run_continued"
    assert after.complete(1, "mine").result == "mine"


def test_signals_nobody_took_are_carried_in_order() -> None:
    """Signals that were journaled early are the first events, each name's in its order."""

    @workflow
    async def flow(n: int) -> Any:
        if n == 0:
            waiting = asyncio.create_task(continuum.wait_signal("handed"))
            await a()
            await asyncio.sleep(0)
            continuum.continue_as_new(1)
            return await waiting
        return [await continuum.wait_signal("x") for _ in range(2)]

    run = Driver(flow, 0).start().signal("x", 1).signal("y", "other").signal("x", 2).complete(1)
    after = run.continued()
    carried = [e.body() for e in after.journal[:-4] if e.incarnation == 2]
    assert [(body.name, bytes(body.value)) for body in carried] == [
        ("x", b"1"), ("x", b"2"), ("y", b'"other"'),
    ]  # fmt: skip
    assert after.result == [1, 2]
    after.check_replays()


def test_a_signal_handed_over_in_the_same_step_is_carried() -> None:
    """A waiter that got its signal but never continued has not consumed it."""

    @workflow
    async def flow(n: int) -> Any:
        if n:
            return await continuum.wait_signal("s")

        async def wait() -> None:
            await continuum.wait_signal("s")

        async def leave() -> None:
            await event.wait()
            continuum.continue_as_new(1)

        event = asyncio.Event()
        loop = asyncio.get_running_loop()
        waiter = asyncio.create_task(wait())
        leaver = asyncio.create_task(leave())
        loop.call_later(5, event.set)
        await asyncio.gather(waiter, leaver)
        return None

    run = Driver(flow, 0).start().advance(5)
    assert run.continued().signal("s", "kept").result == "kept"


def test_a_crash_right_after_the_commit_begins_the_next_incarnation() -> None:
    """The new owner finds only carried signals, or nothing, and starts."""

    @workflow
    async def flow(n: int) -> Any:
        if n == 0:
            await a()
            continuum.continue_as_new(1)
        return [n, await continuum.wait_signal("x")]

    run = Driver(flow, 0).start().signal("x", "early").complete(1)
    assert run.continued(crash=True).result == [1, "early"]


def test_a_cancelled_run_does_not_continue() -> None:
    """After a cancel request the run ends cancelled instead."""

    @workflow
    async def flow(n: int) -> str:
        try:
            await continuum.wait_signal("never")
        finally:
            continuum.continue_as_new(n + 1)

    run = Driver(flow, 0).start().cancel("stop")
    assert run.execution.continuation is None
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.CANCELLED
    run.check_replays()


def test_arguments_that_cannot_be_stored_end_nothing() -> None:
    """A bad argument raises in the code, which goes on."""

    @workflow
    async def flow(n: int) -> str:
        try:
            continuum.continue_as_new(object())
        except PayloadError:
            return "refused"

    assert Driver(flow, 0).start().result == "refused"
    with pytest.raises(NotInWorkflow):
        continuum.continue_as_new(1)


def test_replay_notices_a_continuation_that_moved() -> None:
    """Code that continues where its journal waits, or the reverse, is drift."""

    @workflow(name="moved")
    async def before(n: int) -> str:
        await a()
        await continuum.wait_signal("x")
        continuum.continue_as_new(1)

    @workflow(name="moved")
    async def after(n: int) -> str:
        await a()
        continuum.continue_as_new(1)

    waiting = Driver(before, 0).start().complete(1)
    assert waiting.crashed(flow=after).execution.drift is not None
    continued = Driver(after, 0).start().complete(1)
    assert continued.crashed(flow=before).execution.drift is not None


def test_endless_continuation_takes_one_turn_each() -> None:
    """A flow that continues at once does not spin inside one step."""

    @workflow
    async def flow(n: int) -> str:
        if n < 50:
            continuum.continue_as_new(n + 1)
        return "done"

    run = Driver(flow, 0).start()
    for _ in range(50):
        run = run.continued()
    assert run.result == "done"
    assert run.identity.incarnation == 51
