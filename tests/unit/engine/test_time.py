"""Time is the delivery time of the event being handled (rules 3 and 24)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import continuum
from continuum import workflow
from tests.unit.engine.driver import START, Driver
from tests.unit.engine.flows import a


def test_rule_3_now_is_the_same_live_and_in_replay() -> None:
    """`now()`, `today()` and `loop.time()` read the journaled delivery time only."""
    seen: list[object] = []

    @workflow
    async def flow() -> None:
        for _ in range(3):
            loop = asyncio.get_running_loop()
            seen.append((continuum.now(), continuum.today(), loop.time()))
            await a()

    run = Driver(flow).start()
    run.now += timedelta(seconds=1.5)
    run.complete(1, "")
    run.now += timedelta(seconds=2)
    run.complete(2, "")
    live = list(seen)
    seen.clear()
    run.crashed()
    assert seen == live
    assert [time for _, _, time in live] == [0.0, 1.5, 3.5]  # type: ignore[misc]


def test_rule_3_the_first_event_is_the_start_of_the_run() -> None:
    """However long a run waited for a worker, its clock begins at `started_at`."""

    @workflow
    async def flow() -> None:
        await a()

    run = Driver(flow)
    run.now = START + timedelta(hours=1)
    run.start()
    assert {event.at for event in run.journal} == {START}


def test_rule_3_time_never_goes_backwards() -> None:
    """A delivery time before the previous event is clamped to it."""

    @workflow
    async def flow() -> None:
        await a()
        await a()

    run = Driver(flow).start()
    run.now += timedelta(seconds=10)
    run.complete(1, "")
    run.now -= timedelta(seconds=30)
    run.complete(2, "")
    times = [event.at for event in run.journal]
    assert times == sorted(times)


def test_rule_24_a_timer_is_never_early_and_may_be_late() -> None:
    """`now()` after `sleep(10)` is at least ten seconds on; after a pause it is the real time."""

    @workflow
    async def flow() -> list[float]:
        begun = continuum.now()
        await continuum.sleep(10)
        first = (continuum.now() - begun).total_seconds()
        await continuum.sleep(0.000001)
        return [first, (continuum.now() - begun).total_seconds()]

    run = Driver(flow).start().advance(9.999999)
    assert run.execution.end is None
    run.advance(5).advance(1)
    assert run.result == [14.999999, 15.999999]
    run.check_replays()


def test_due_timers_fire_in_order_of_due_time_then_command() -> None:
    """One at a time, also when all are overdue at once."""

    @workflow
    async def flow() -> list[int]:
        order: list[int] = []

        async def nap(n: int, seconds: float) -> None:
            await continuum.sleep(seconds)
            order.append(n)

        naps = [nap(0, 3), nap(1, 1), nap(2, 2), nap(3, 1)]
        await asyncio.gather(*naps)
        return order

    run = Driver(flow).start().advance(100)
    assert run.result == [1, 3, 2, 0]
    run.check_replays()


def test_a_timer_may_cancel_one_that_is_due_too() -> None:
    """Of two overdue timers the first wins; the second is cancelled, not fired."""

    @workflow
    async def flow() -> str:
        try:
            async with asyncio.timeout(1):
                await continuum.sleep(2)
        except TimeoutError:
            return "timed out"
        return "slept"

    run = Driver(flow).start().advance(100)
    assert run.result == "timed out"
    assert run.kinds().count("timer_fired#1") == 1
    run.check_replays()


def test_endless_sleeps_do_not_overflow() -> None:
    """A sleep beyond the calendar just never fires."""

    @workflow
    async def flow() -> None:
        await continuum.sleep(1e15)

    assert Driver(flow).start().advance(1e6).execution.end is None
