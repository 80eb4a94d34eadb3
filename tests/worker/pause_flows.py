"""Workflows for the tests of pauses."""

from __future__ import annotations

import asyncio

import continuum
from continuum import Retry, activity, workflow
from tests.worker.flows import add_one, calls, held, held_once


@activity(retry=Retry(max_attempts=3, initial=0.01))
async def fails_once(key: str) -> str:
    """Waits at its gate as `held` does; the first attempt then fails."""
    said = await held.fn(key)
    if calls[key] == 1:
        raise ValueError("not yet")
    return said


@workflow
async def fails_then_steps(key: str) -> str:
    return await fails_once(key)


@workflow
async def side_by_side(slow: str, quick: str) -> list[str]:
    """One activity that is held; beside it a signal and then another activity."""

    async def signalled() -> str:
        await continuum.wait_signal("go")
        return await held(quick)

    return list(await asyncio.gather(held(slow), signalled()))


@workflow
async def crowded(first: str, second: str) -> list[str]:
    """Two at once; the second must not have been tried in vain."""
    return list(await asyncio.gather(held(first), held_once(second)))


@workflow
async def again(rounds: int, key: str) -> str:
    """Another incarnation after each activity."""
    await held(f"{key}{rounds}")
    if rounds > 1:
        continuum.continue_as_new(rounds - 1, key)
    return "last round"


@workflow
async def napping_then_step(seconds: float) -> int:
    await continuum.sleep(seconds)
    return await add_one(1)


@workflow
async def parent(x: int) -> int:
    return await continuum.run_child(child, x)


@workflow
async def child(x: int) -> int:
    return await add_one(x)
