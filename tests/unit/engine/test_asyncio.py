"""Plain asyncio works in a workflow, and is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import continuum
from continuum import workflow
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b


def test_sleep_is_a_durable_timer() -> None:
    """A sleep is one timer command, fires at its time and costs no cancellation."""

    @workflow
    async def flow() -> float:
        begun = continuum.now()
        await asyncio.sleep(10)
        await asyncio.sleep(0)
        return (continuum.now() - begun).total_seconds()

    run = Driver(flow).start()
    assert run.commands() == ["timer_started"]
    run.advance(9.9)
    assert run.execution.end is None
    run.advance(0.1)
    assert run.result == 10.0
    assert run.kinds() == ["run_started", "timer_started#1", "timer_fired#1", "run_completed"]
    run.check_replays()


def test_timeout_cancels_a_sleep_with_a_numbered_command() -> None:
    """`asyncio.timeout` fires before the sleep it guards, which is cancelled durably."""

    @workflow
    async def flow() -> str:
        try:
            async with asyncio.timeout(5):
                await continuum.sleep(60)
        except TimeoutError:
            return "late"
        return "slept"

    run = Driver(flow).start().advance(5)
    assert run.result == "late"
    assert run.commands() == ["timer_started", "timer_started", "timer_cancelled 2"]
    run.check_replays()


def test_timeout_that_does_not_fire_is_cancelled() -> None:
    """Leaving `asyncio.timeout` in time cancels its timer and clears `wake_at`."""

    @workflow
    async def flow() -> str:
        async with asyncio.timeout(5):
            value = await a()
        return value + await b()

    run = Driver(flow).start()
    assert run.execution.wake_at is not None
    run.complete(2, "x")
    assert run.commands()[2] == "timer_cancelled 1"
    assert run.execution.wake_at is None
    assert run.complete(4, "y").result == "xy"
    run.check_replays()


def test_timeout_at_and_reschedule() -> None:
    """`timeout_at` counts on the loop's own time and can be moved."""

    @workflow
    async def flow() -> float:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(loop.time() + 5) as limit:
            limit.reschedule(loop.time() + 20)
            await asyncio.sleep(10)
        return loop.time()

    run = Driver(flow).start().advance(10)
    assert run.result == 10.0
    run.check_replays()


def test_gather_runs_activities_at_once() -> None:
    """All are scheduled before any is awaited, and results keep their places."""

    @workflow
    async def flow() -> list[str]:
        return list(await asyncio.gather(a(1), b(2), a(3)))

    run = Driver(flow).start()
    assert sorted(run.calls) == [1, 2, 3]
    run.complete(3, "third").complete(1, "first").complete(2, "second")
    assert run.result == ["first", "second", "third"]
    run.check_replays()


def test_task_group_collects_results() -> None:
    """A TaskGroup waits for all of its tasks."""

    @workflow
    async def flow() -> list[str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(a(n)) for n in range(3)]
        return [task.result() for task in tasks]

    run = Driver(flow).start()
    run.complete(2, "y").complete(1, "x").complete(3, "z")
    assert run.result == ["x", "y", "z"]
    run.check_replays()


def test_wait_first_completed_and_cancel_the_rest() -> None:
    """The loser of a race is cancelled durably and asked to stop."""

    @workflow
    async def flow() -> str:
        tasks = [asyncio.create_task(a()), asyncio.create_task(b())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.wait(pending)
        return done.pop().result()

    run = Driver(flow).start().complete(2, "b won")
    assert run.result == "b won"
    assert run.commands()[-1] == "activity_cancelled 1"
    assert run.stopped == [1]
    run.check_replays()


def test_wait_for_times_out() -> None:
    """`wait_for` gives up on an activity and raises the builtin TimeoutError."""

    @workflow
    async def flow() -> str:
        try:
            return await asyncio.wait_for(a(), timeout=3)
        except TimeoutError:
            return "gave up"

    run = Driver(flow).start().advance(3)
    assert run.result == "gave up"
    assert run.stopped == [1] or run.stopped == [2]
    run.check_replays()


def test_as_completed_starts_bare_coroutines_in_argument_order() -> None:
    """asyncio puts coroutines into a set; on our loop they start in the order given."""

    @workflow
    async def flow() -> list[str]:
        coroutines = [a(n) for n in range(20)]
        return [await next_one for next_one in asyncio.as_completed(coroutines)]

    run = Driver(flow).start()
    arguments = [bytes(e.body().args) for e in run.journal if e.command]
    assert arguments == [b"[%d]" % n for n in range(20)]
    order = [7, 3, 20, 1, *(n for n in range(1, 21) if n not in (7, 3, 20, 1))]
    for command in order:
        run.complete(command, str(command))
    assert run.result == [str(command) for command in order]
    run.check_replays()


def test_shield_keeps_an_activity_alive() -> None:
    """A shielded activity is not cancelled with the code that awaits it."""

    @workflow
    async def flow() -> str:
        task = asyncio.create_task(a())
        try:
            async with asyncio.timeout(1):
                await asyncio.shield(task)
        except TimeoutError:
            return "late, then " + await task
        return "in time"

    run = Driver(flow).start().advance(1)
    assert run.execution.end is None
    assert not any(c.startswith("activity_cancelled") for c in run.commands())
    activity_command = next(iter(run.calls))
    assert run.complete(activity_command, "x").result == "late, then x"
    run.check_replays()


def test_synchronisation_primitives() -> None:
    """Event, Queue, Lock, Semaphore and Condition work between tasks of one run."""

    @workflow
    async def flow() -> list[str]:
        log: list[str] = []
        ready, lock, slots = asyncio.Event(), asyncio.Lock(), asyncio.Semaphore(2)
        queue: asyncio.Queue[str] = asyncio.Queue()
        condition = asyncio.Condition()

        async def worker(name: str) -> None:
            await ready.wait()
            async with slots:
                value = await a()
            async with lock:
                log.append(f"{name}={value}")
            await queue.put(name)

        async def waits_for_all() -> None:
            async with condition:
                await condition.wait_for(lambda: len(log) == 3)
            log.append("all")

        async with asyncio.TaskGroup() as group:
            for name in ("p", "q", "r"):
                group.create_task(worker(name))
            group.create_task(waits_for_all())
            ready.set()
            for _ in range(3):
                await queue.get()
            async with condition:
                condition.notify_all()
        return log

    run = Driver(flow).start()
    assert sorted(run.calls) == [1, 2]
    run.complete(2, "two")
    assert sorted(run.calls) == [1, 2, 3]
    run.complete(3, "three").complete(1, "one")
    assert run.result == ["q=two", "r=three", "p=one", "all"]
    run.check_replays()


def test_async_generators_and_context_managers() -> None:
    """Async generators run on the run's own hooks; an unfinished one is not collected."""
    closed: list[str] = []

    async def numbers() -> AsyncIterator[str]:
        try:
            while True:
                yield await a()
        finally:
            closed.append("closed")

    @asynccontextmanager
    async def scope() -> AsyncIterator[str]:
        yield await b()

    @workflow
    async def flow() -> str:
        async for value in numbers():
            if value == "stop":
                break
        async with scope() as inner:
            return inner + await a()

    run = Driver(flow).start().complete(1, "go").complete(2, "stop").complete(3, "s")
    assert closed == []
    assert run.complete(4, "!").result == "s!"
    run.execution.drop()
    assert closed == ["closed"]


def test_background_task_failure_is_logged_not_fatal(caplog: pytest.LogCaptureFixture) -> None:
    """As in asyncio, an error in a task that nobody awaits is logged; the run goes on."""

    @workflow
    async def flow() -> str:
        async def background() -> None:
            raise ValueError("nobody looks")

        task = asyncio.create_task(background())
        value = await a()
        del task
        return value

    run = Driver(flow).start().complete(1, "fine")
    assert run.result == "fine"
    assert "nobody looks" in caplog.text
    again = len(caplog.records)
    run.check_replays()
    assert len(caplog.records) == again


def test_tasks_left_over_at_the_end_have_no_effect() -> None:
    """When the function returns, other tasks just stop: no command, no clean-up effect."""
    touched: list[str] = []

    @workflow
    async def flow() -> str:
        async def forever() -> None:
            try:
                await continuum.sleep(1000)
            finally:
                touched.append("finally")
                await b()

        task = asyncio.create_task(forever())
        value = await a()
        assert not task.done()
        return value

    run = Driver(flow).start().complete(1, "x")
    assert run.result == "x"
    assert run.kinds()[-1] == "run_completed"
    assert run.execution.wake_at is None
    before = run.kinds()
    run.execution.drop()
    assert run.commit().kinds() == before
    assert touched == ["finally"]


def test_task_names_do_not_depend_on_the_process() -> None:
    """asyncio numbers tasks per process; a run numbers its own."""

    @workflow
    async def flow() -> list[str]:
        async def name() -> str:
            task = asyncio.current_task()
            assert task is not None
            return task.get_name()

        return [await asyncio.create_task(name()) for _ in range(3)]

    first, second = Driver(flow).start().result, Driver(flow).start().result
    assert first == second


async def test_steps_inside_a_running_host_loop() -> None:
    """A plain callback of the worker's loop may step runs; the host's marker comes back."""
    host = asyncio.get_running_loop()
    finished: asyncio.Future[str] = host.create_future()

    @workflow
    async def flow() -> str:
        assert asyncio.get_running_loop() is not host
        return await a()

    def callback() -> None:
        run = Driver(flow).start().complete(1, "nested")
        assert asyncio.get_running_loop() is host
        finished.set_result(run.result)

    host.call_soon(callback)
    assert await asyncio.wait_for(finished, 5) == "nested"
