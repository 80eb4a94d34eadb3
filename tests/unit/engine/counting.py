"""How blocks that cancel their task count, in plain asyncio: each function is such a case.

`python counting.py plain` tells what the asyncio of that Python does, `python counting.py run` what
it does on a loop for which `continuum.engine.blocks` gives the blocks their meaning. Needs nothing
but the standard library, so every Python of a machine can be asked.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

SOON, NEVER = 0.01, 30.0


async def fail() -> None:
    raise ValueError


async def hang() -> None:
    await asyncio.sleep(NEVER)


async def fail_when_cancelled(ended: float = NEVER) -> None:
    try:
        await asyncio.sleep(ended)
    except asyncio.CancelledError:
        raise ValueError from None


async def contain(*functions: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A group of tasks that fails, and whose failure is handled."""
    try:
        async with asyncio.TaskGroup() as group:
            for function in functions:
                group.create_task(function())
    except* ValueError:
        pass


def count() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def cancelled_from_outside(steps: Callable[[list[str]], Awaitable[Any]]) -> list[str]:
    log: list[str] = []
    task = asyncio.ensure_future(steps(log))
    await asyncio.sleep(SOON)
    task.cancel()
    await asyncio.wait([task])
    return [*log, "cancelled" if task.cancelled() else "returned"]


async def a_failed_group_leaves_no_trace() -> list[str]:
    await contain(fail)
    return [f"cancelled {count()} times"]


async def a_timeout_after_a_failed_group() -> list[str]:
    try:
        async with asyncio.timeout(SOON):
            await contain(fail)
            await asyncio.sleep(NEVER)
    except TimeoutError:
        return ["late"]
    except asyncio.CancelledError:
        return ["cancelled by nobody"]
    return []


async def a_group_fails_in_the_clean_up_of_a_timeout() -> list[str]:
    try:
        async with asyncio.timeout(SOON):
            try:
                await asyncio.sleep(NEVER)
            finally:
                await contain(fail, hang)
    except TimeoutError:
        return ["late", f"cancelled {count()} times"]
    except asyncio.CancelledError:
        return ["cancelled by nobody", f"cancelled {count()} times"]
    return []


async def a_group_fails_because_of_a_timeout() -> list[str]:
    log: list[str] = []
    try:
        async with asyncio.timeout(SOON):
            await contain(fail_when_cancelled)
            log.append("handled")
            await asyncio.sleep(3 * SOON)
            log.append("went on")
    except TimeoutError:
        log.append("late")
    return [*log, f"cancelled {count()} times"]


async def a_failure_goes_out_through_a_timeout() -> list[str]:
    """Tasks beside it take their turns as if nothing were withdrawn."""
    log: list[str] = []

    async def beside(name: str) -> None:
        for turn in range(4):
            log.append(f"{name}{turn}")
            await asyncio.sleep(0)

    async def fail_beside() -> None:
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            others.extend(asyncio.ensure_future(beside(name)) for name in "ab")
            raise ValueError from None

    others: list[asyncio.Future[None]] = []
    try:
        async with asyncio.timeout(SOON), asyncio.TaskGroup() as group:
            group.create_task(fail_beside())
    except* ValueError as error:
        log.append("failed")
        context = error.exceptions[0].__context__
        log.append(type(context).__name__)
    await asyncio.sleep(0)
    log.append(f"cancelled {count()} times")
    await asyncio.gather(*others)
    return log


async def a_block_that_is_late_but_returns() -> list[str]:
    async with asyncio.timeout(SOON):
        await contain(fail_when_cancelled)
        return [f"cancelled {count()} times"]


async def a_task_returns_before_it_is_late() -> list[str]:
    async def task() -> str:
        async with asyncio.timeout(SOON):
            await contain(fail_when_cancelled)
        return "returned"

    try:
        return [await asyncio.ensure_future(task())]
    except asyncio.CancelledError:
        return ["cancelled by nobody"]


async def a_clean_up_in_which_a_group_fails() -> list[str]:
    async def steps(log: list[str]) -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            await contain(fail)
            log.append("a step failed")
            await asyncio.sleep(0)
            log.append("cleaned up")

    return await cancelled_from_outside(steps)


async def a_timeout_in_a_clean_up_in_which_a_group_fails() -> list[str]:
    async def steps(log: list[str]) -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            try:
                async with asyncio.timeout(SOON):
                    await contain(fail_when_cancelled)
                    await asyncio.sleep(0)
            except TimeoutError:
                log.append("late")
            await asyncio.sleep(0)
            log.append("cleaned up")

    return await cancelled_from_outside(steps)


async def a_cancelled_task_whose_group_fails() -> list[str]:
    async def steps(log: list[str]) -> None:
        await contain(fail_when_cancelled)
        log.append("handled")
        await asyncio.sleep(0)
        log.append("went on")

    return await cancelled_from_outside(steps)


async def a_cancelled_task_whose_group_fails_and_that_returns() -> list[str]:
    async def steps(log: list[str]) -> None:
        await contain(fail_when_cancelled)

    return await cancelled_from_outside(steps)


async def a_cancelled_task_with_two_groups() -> list[str]:
    """The second is entered while the cancellation is still to come, or waits to its end."""

    async def steps(log: list[str]) -> None:
        await contain(fail_when_cancelled)
        await contain(partial(fail_when_cancelled, SOON))
        log.append("handled")
        await asyncio.sleep(0)
        log.append("went on")

    return await cancelled_from_outside(steps)


async def a_group_in_a_group() -> list[str]:
    async def fail_soon() -> None:
        await asyncio.sleep(SOON)
        raise ValueError

    log: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail_soon())
            await contain(fail_when_cancelled)
            log.append("handled")
            await asyncio.sleep(SOON)
            log.append("went on")
    except* ValueError:
        log.append("failed")
    await asyncio.sleep(0)
    return [*log, f"cancelled {count()} times"]


CASES: dict[str, Callable[[], Any]] = {
    name: case for name, case in list(globals().items()) if name.startswith("a_")
}


def make_loop() -> asyncio.AbstractEventLoop:
    from continuum.engine.blocks import install_blocks

    class RunLoop(asyncio.SelectorEventLoop):
        continuum_run = None

        def call_next(self, callback: Any, *args: Any, context: Any) -> None:
            self.call_soon(callback, *args, context=context)
            self._ready.rotate(1)

    install_blocks()
    return RunLoop()


if __name__ == "__main__":
    factory = make_loop if sys.argv[1] == "run" else asyncio.new_event_loop
    outcomes = {}
    for name, case in CASES.items():
        with asyncio.Runner(loop_factory=factory) as runner:
            try:
                outcomes[name] = runner.run(case())
            except asyncio.CancelledError:
                outcomes[name] = ["cancelled by nobody"]
    print(json.dumps(outcomes, indent=1))
