"""The live loop: one load at a time, back-off after failures, cancel when the question changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from console.refresh import LiveLoop, Trouble
from continuum.errors import DatabaseUnavailable
from tests.console.driving import wait_until


class Reader:
    """A load under the test's control."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.running = 0
        self.most_running = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.shown: list[int] = []
        self.failed: list[Trouble] = []

    async def load(self) -> int:
        self.started += 1
        number = self.started
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        return number


@asynccontextmanager
async def looping(reader: Reader, **options: float) -> AsyncGenerator[LiveLoop[int]]:
    """A running loop; its clock stands still unless the test moves it."""
    live = LiveLoop(reader.load, reader.shown.append, reader.failed.append, **options)
    task = asyncio.create_task(live.run())
    try:
        yield live
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_refresh_during_a_load_starts_no_second_one() -> None:
    """However often it is asked, there is one load in flight; the wish is not lost."""
    reader = Reader()
    reader.gate.clear()
    async with looping(reader, interval=3600.0) as live:
        await wait_until(lambda: reader.started == 1)
        for _ in range(20):
            live.refresh()
            await asyncio.sleep(0)
        reader.gate.set()
        await wait_until(lambda: reader.shown == [1, 2])
    assert reader.most_running == 1


async def test_another_question_cancels_the_load_in_flight() -> None:
    """The answer to the old question is never shown and its query is cancelled."""
    reader = Reader()
    reader.gate.clear()
    async with looping(reader, interval=3600.0) as live:
        await wait_until(lambda: reader.started == 1)
        live.restart()
        await wait_until(lambda: reader.started == 2)
        assert reader.cancelled == 1
        reader.gate.set()
        await wait_until(lambda: reader.shown == [2])


async def test_a_failure_is_told_and_retried_with_back_off() -> None:
    """Failures in a row wait longer each time and keep the time of the first."""
    reader = Reader()
    reader.error = DatabaseUnavailable("down")
    now = 100.0
    async with looping(reader, interval=3600.0, clock=lambda: now) as live:
        await wait_until(lambda: len(reader.failed) == 1)
        assert live.retry_in == 1.0
        now = 101.0
        live.refresh()
        await wait_until(lambda: len(reader.failed) == 2)
        assert live.retry_in == 2.0
        assert live.trouble_for == 1.0
        assert reader.failed[-1].unreachable
        reader.error = None
        live.refresh()
        await wait_until(lambda: reader.shown == [3])
        assert live.trouble is None


async def test_a_bug_in_a_load_does_not_end_the_loop() -> None:
    """Whatever a load raises becomes trouble; the console stays."""
    reader = Reader()
    reader.error = ValueError("a bug")
    async with looping(reader, interval=3600.0) as live:
        await wait_until(lambda: len(reader.failed) == 1)
        assert not reader.failed[0].unreachable
        reader.error = None
        live.refresh()
        await wait_until(lambda: reader.shown == [2])


async def test_no_answer_is_a_failure() -> None:
    """A server that accepts and never answers counts as unreachable, and the load is cancelled."""
    reader = Reader()
    reader.gate.clear()
    async with looping(reader, interval=3600.0, patience=0.01):
        await wait_until(lambda: len(reader.failed) == 1)
        assert reader.cancelled == 1
        assert isinstance(reader.failed[0].error, DatabaseUnavailable)


async def test_paused_reads_only_when_asked() -> None:
    """Pausing starts no load by itself; `r` still works; going on reads at once."""
    reader = Reader()
    async with looping(reader, interval=0.001) as live:
        await wait_until(lambda: len(reader.shown) >= 2)
        assert live.toggle_pause()
        await wait_until(lambda: live.idle)
        before = reader.started
        for _ in range(50):
            await asyncio.sleep(0)
        assert reader.started == before
        live.refresh()
        await wait_until(lambda: reader.started == before + 1)
        assert not live.toggle_pause()
        await wait_until(lambda: reader.started > before + 2)


async def test_suspended_reads_nothing_and_resumes_at_once() -> None:
    """Under a dialog nothing is read; closing it reads without waiting for the interval."""
    reader = Reader()
    async with looping(reader, interval=3600.0) as live:
        await wait_until(lambda: reader.shown == [1])
        live.suspend()
        live.refresh()
        for _ in range(50):
            await asyncio.sleep(0)
        assert reader.started == 1
        live.resume()
        await wait_until(lambda: reader.shown == [1, 2])


async def test_interval_steps_stay_in_bounds() -> None:
    """`+` and `-` walk a fixed ladder and stop at its ends."""
    reader = Reader()
    live = LiveLoop(reader.load, reader.shown.append, reader.failed.append)
    assert [live.change_interval(1) for _ in range(5)] == [5.0, 10.0, 30.0, 30.0, 30.0]
    assert [live.change_interval(-1) for _ in range(6)][-1] == 1.0
