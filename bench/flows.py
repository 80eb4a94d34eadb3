"""The workflows that are measured."""

from __future__ import annotations

import continuum
from continuum import activity, workflow


@activity
async def step(i: int) -> int:
    """Trivial on purpose: the engine is what is measured."""
    return i + 1


@workflow
async def three_steps(i: int) -> int:
    """Three activities, one after another."""
    i = await step(i)
    i = await step(i)
    return await step(i)


@workflow
async def one_signal() -> str:
    """Waits for a signal and ends with its payload."""
    return await continuum.wait_signal("go", type=str)
