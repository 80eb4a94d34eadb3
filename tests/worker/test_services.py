"""The small parts: service loop, back-off, timers, tokens, threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from uuid import uuid4

import pytest

from continuum.journal.turn import RunState
from continuum.store.protocol import StoreUnavailable
from continuum.system import EPOCH
from continuum.worker.owned import OwnedRun
from continuum.worker.service import Backoff, Service, Signal, wait_event
from continuum.worker.threads import DaemonThreads
from continuum.worker.timers import REBUILD_ABOVE, Timers
from continuum.worker.tokens import Tokens


class Loop(Service):
    """Does what the test scripted, one entry an iteration."""

    def __init__(self, script: list[Callable[[], None]]) -> None:
        super().__init__("test", Random(1))
        self.script = script
        self.ended = asyncio.Event()

    async def iterate(self) -> None:
        if not self.script:
            self.ended.set()
            await asyncio.Event().wait()
        self.script.pop(0)()


async def test_a_service_survives_outages_and_bugs() -> None:
    """The loop goes on after `StoreUnavailable` and after any other error."""
    done: list[str] = []

    def unavailable() -> None:
        raise StoreUnavailable("away")

    def bug() -> None:
        raise KeyError("bug")

    service = Loop([unavailable, bug, lambda: done.append("worked")])
    service.start()
    await asyncio.wait_for(service.ended.wait(), 5)
    assert done == ["worked"]
    await service.stop()
    assert not service.running


async def test_stopping_twice_and_starting_twice_is_harmless() -> None:
    """Start and stop are idempotent."""
    service = Loop([])
    service.start()
    service.start()
    await service.stop()
    await service.stop()


def test_back_off_grows_to_its_limit_and_resets() -> None:
    """Pauses double, jittered downwards by at most half, and never exceed the limit."""
    backoff = Backoff(Random(1), initial=0.1, limit=1.0)
    for most in (0.1, 0.2, 0.4, 0.8, 1.0, 1.0):
        assert most / 2 <= backoff.pause() <= most
    backoff.reset()
    assert backoff.pause() <= 0.1


async def test_a_signal_costs_nothing_until_heard() -> None:
    """Values before `listen` are gone, later ones arrive in order."""
    signal: Signal[int] = Signal()
    signal.emit(1)
    queue = signal.listen()
    signal.emit(2)
    signal.emit(3)
    assert [queue.get_nowait(), queue.get_nowait()] == [2, 3]


async def test_wait_event_is_bounded_and_clears() -> None:
    """It answers whether the event came and leaves it cleared."""
    event = asyncio.Event()
    assert not await wait_event(event, 0.001)
    event.set()
    assert await wait_event(event, 5)
    assert not event.is_set()


class HandClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = EPOCH

    def now(self) -> datetime:
        return self.time


def a_run() -> OwnedRun:
    return OwnedRun(uuid4(), "flow", 1, 1, 1, RunState.SUSPENDED)


@pytest.fixture
def due() -> list[OwnedRun]:
    """Runs whose timer fired, in order."""
    return []


async def test_timers_fire_in_order_of_their_time(due: list[OwnedRun]) -> None:
    """Whatever the order of arming, the earliest fires first, each once."""
    clock = HandClock()
    timers = Timers(clock, due.append)
    fired = timers.fired.listen()
    late, early = a_run(), a_run()
    timers.arm(late, EPOCH + timedelta(milliseconds=2))
    timers.arm(early, EPOCH + timedelta(milliseconds=1))
    clock.time = EPOCH + timedelta(seconds=1)
    for _ in range(2):
        await asyncio.wait_for(fired.get(), 5)
    assert due == [early, late]
    assert early.timer_at is None


async def test_a_rearmed_timer_fires_only_at_its_new_time(due: list[OwnedRun]) -> None:
    """Replaced and removed times are forgotten."""
    clock = HandClock()
    timers = Timers(clock, due.append)
    fired = timers.fired.listen()
    moved, removed, last = a_run(), a_run(), a_run()
    timers.arm(moved, EPOCH)
    timers.arm(moved, EPOCH + timedelta(milliseconds=20))
    timers.arm(removed, EPOCH)
    timers.arm(removed, None)
    timers.arm(last, EPOCH + timedelta(milliseconds=10))
    clock.time = EPOCH + timedelta(milliseconds=15)
    assert await asyncio.wait_for(fired.get(), 5) is last
    clock.time = EPOCH + timedelta(milliseconds=25)
    assert await asyncio.wait_for(fired.get(), 5) is moved
    assert due == [last, moved]


async def test_forgotten_times_do_not_pile_up(due: list[OwnedRun]) -> None:
    """A run that re-arms its timer for ever keeps the heap small."""
    timers = Timers(HandClock(), due.append)
    run = a_run()
    for n in range(5 * REBUILD_ABOVE):
        timers.arm(run, EPOCH + timedelta(days=1, seconds=n))
    assert len(timers._heap) <= REBUILD_ABOVE + 1
    timers.stop()


class TokenStore:
    """Hands out blocks; unavailable when told."""

    def __init__(self) -> None:
        self.next = 0
        self.down = False

    async def allocate_tokens(self, count: int) -> list[int]:
        if self.down:
            raise StoreUnavailable("away")
        start, self.next = self.next, self.next + count
        return list(range(start, self.next))


async def test_tokens_are_unique_and_refilled_early() -> None:
    """Many at once share a block; the next one is fetched before the stock is empty."""
    tokens = Tokens(TokenStore(), block=10, low=3)  # type: ignore[arg-type]
    taken = [await tokens.take() for _ in range(25)]
    taken += await asyncio.gather(*(tokens.take() for _ in range(25)))
    assert len(set(taken)) == 50
    await tokens.close()


async def test_an_outage_is_felt_only_by_an_empty_stock() -> None:
    """While tokens are left they are given out; then the error is raised; later it works."""
    store = TokenStore()
    tokens = Tokens(store, block=2, low=1)  # type: ignore[arg-type]
    assert await tokens.take() == 0
    store.down = True
    await asyncio.sleep(0)
    await tokens.take()
    with pytest.raises(StoreUnavailable):
        await tokens.take()
    store.down = False
    assert await tokens.take() >= 0
    await tokens.close()


async def test_who_waits_for_tokens_is_told_how_the_refill_ended() -> None:
    """All who wait hear of an outage; closing before the refill has begun leaves nobody behind."""
    store = TokenStore()
    store.down = True
    tokens = Tokens(store)  # type: ignore[arg-type]
    told = await asyncio.gather(*(tokens.take() for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in told] == [StoreUnavailable] * 3
    waiting = asyncio.ensure_future(tokens.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    await tokens.close()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 5)


def test_threads_grow_only_when_all_are_busy() -> None:
    """Two jobs one after the other share a thread; two at once have one each."""
    threads = DaemonThreads(4)
    names: list[str] = []
    for _ in range(2):
        done = threading.Event()

        def job(done: threading.Event = done) -> None:
            names.append(threading.current_thread().name)
            done.set()

        threads.submit(job)
        assert done.wait(5)
        while threads._busy:
            pass
    assert len(set(names)) == 1
    together = threading.Barrier(3)
    for _ in range(2):
        threads.submit(lambda: together.wait(5) and None)
    together.wait(5)
    threads.close()
