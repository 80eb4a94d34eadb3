"""Signals: FIFO per name, buffered when early, never lost, typed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import continuum
from continuum import workflow
from continuum.errors import PayloadError
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b


@dataclass
class Verdict:
    """A typed payload."""

    ok: bool
    by: str


def test_early_signals_are_buffered_in_order_per_name() -> None:
    """Signals that nobody awaits yet wait in the journal, in the order of their name."""

    @workflow
    async def flow() -> list[Any]:
        await a()
        seen = [await continuum.wait_signal("x"), await continuum.wait_signal("x")]
        return [*seen, await continuum.wait_signal("y")]

    run = Driver(flow).start().signal("x", 1).signal("y", "why").signal("x", 2)
    assert run.execution.end is None
    assert run.complete(1, "go").result == [1, 2, "why"]
    run.check_replays()


def test_several_waiters_are_served_in_order() -> None:
    """The first to wait gets the first signal."""

    @workflow
    async def flow() -> list[str]:
        async def wait(name: str) -> str:
            return f"{name}:{await continuum.wait_signal('s')}"

        return list(await asyncio.gather(wait("first"), wait("second"), wait("third")))

    run = Driver(flow).start().signal("s", 1).signal("s", 2).signal("s", 3)
    assert run.result == ["first:1", "second:2", "third:3"]
    run.check_replays()


def test_timeout_raises_the_builtin_timeout_error() -> None:
    """No signal in time is an exception, never a value."""

    @workflow
    async def flow() -> str:
        try:
            return await continuum.wait_signal("never", timeout=30, type=str)
        except TimeoutError:
            return "nobody came"

    run = Driver(flow).start()
    assert run.execution.waiting_on == "signal never until 2026-11-22T10:00:30Z"
    assert run.advance(30).result == "nobody came"
    run.check_replays()


def test_a_signal_in_time_cancels_the_timeout() -> None:
    """The timer of the wait does not survive it."""

    @workflow
    async def flow() -> str:
        first = await continuum.wait_signal("s", timeout=30)
        await a()
        return first

    run = Driver(flow).start().signal("s", "hello")
    assert run.execution.wake_at is None
    assert "timer_cancelled 2" in run.commands()
    assert run.complete(4, "").result == "hello"
    run.check_replays()


def test_zero_timeout_only_looks() -> None:
    """With a timeout of zero a buffered signal is taken, a missing one is a TimeoutError."""

    @workflow
    async def flow() -> list[str]:
        await a()
        seen = [await continuum.wait_signal("s", timeout=0)]
        try:
            await continuum.wait_signal("s", timeout=0)
        except TimeoutError:
            seen.append("none")
        return seen

    run = Driver(flow).start().signal("s", "one").complete(1, "")
    assert run.result == ["one", "none"]
    run.check_replays()


def start_waiter_cancelled_at_hand_over() -> asyncio.Task[str]:
    """A task that waits for "s" and is cancelled after the hand-over, before it goes on."""
    loop: Any = asyncio.get_running_loop()
    plain = loop.create_future

    def create_future() -> Any:
        loop.create_future = plain
        future = plain()
        future.add_done_callback(lambda _: waiter.cancel())
        return future

    loop.create_future = create_future
    waiter = asyncio.create_task(continuum.wait_signal("s"))
    return waiter


def test_a_cancelled_wait_gives_its_signal_back() -> None:
    """A signal handed to a waiter that is cancelled in the same step is not lost."""

    @workflow
    async def flow() -> list[str]:
        waiter = start_waiter_cancelled_at_hand_over()
        try:
            first = await waiter
        except asyncio.CancelledError:
            first = "cancelled"
        return [first, await continuum.wait_signal("s"), await continuum.wait_signal("s")]

    run = Driver(flow).start().signal("s", "one").signal("s", "two")
    assert run.result == ["cancelled", "one", "two"]
    run.check_replays()


def test_a_returned_signal_goes_to_the_next_waiter() -> None:
    """If somebody else already waits for the name, the returned signal is theirs at once."""

    @workflow
    async def flow() -> str:
        start_waiter_cancelled_at_hand_over()
        await asyncio.sleep(0)
        return await asyncio.create_task(continuum.wait_signal("s"))

    run = Driver(flow).start().signal("s", "mine now")
    assert run.result == "mine now"
    run.check_replays()


def test_waiting_for_two_names_at_once() -> None:
    """Plain asyncio races two signals; the loser's wait is just cancelled."""

    @workflow
    async def flow() -> str:
        tasks = [asyncio.create_task(continuum.wait_signal(name)) for name in ("yes", "no")]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return done.pop().result()

    run = Driver(flow).start()
    assert run.execution.waiting_on == "signal yes, signal no"
    assert run.signal("no", "never").result == "never"
    run.check_replays()


def test_typed_payloads_are_restored() -> None:
    """`type=` restores a dataclass."""

    @workflow
    async def flow() -> str:
        verdict = await continuum.wait_signal("v", type=Verdict)
        assert isinstance(verdict, Verdict)
        return verdict.by

    run = Driver(flow).start().signal("v", {"ok": True, "by": "ann"})
    assert run.result == "ann"
    run.check_replays()


def test_an_ill_typed_payload_raises_at_the_await_and_is_consumed() -> None:
    """A bad sender is an exception the workflow may handle, live and in replay alike."""

    @workflow
    async def flow() -> list[str]:
        seen = []
        while len(seen) < 2:
            try:
                seen.append(str(await continuum.wait_signal("n", type=int)))
            except PayloadError:
                seen.append("bad")
                await b()
        return seen

    run = Driver(flow).start().signal("n", "not a number").signal("n", 7)
    assert run.execution.end is None
    assert run.complete(2, "").result == ["bad", "7"]
    run.check_replays()
