"""Workflows for keys, times and pauses."""

from __future__ import annotations

import asyncio
from collections import Counter

import continuum
from continuum import activity, workflow

calls: Counter[str] = Counter()
"""How often each step was executed in this process."""


def reset() -> None:
    """Forget what was done."""
    calls.clear()


@activity
async def step(name: str) -> str:
    calls[name] += 1
    return name


@workflow
async def cart(customer: str) -> list[str]:
    """Collects what is added until it is closed."""
    added: list[str] = []
    while (item := await continuum.wait_signal("add", type=str)) != "close":
        added.append(item)
    if "fail" in added:
        raise ValueError(customer)
    return [customer, *added]


@workflow
async def other_cart(customer: str) -> str:
    """Another workflow whose runs may have the same keys."""
    return f"{customer}: {await continuum.wait_signal('add', type=str)}"


@workflow
async def rounds(left: int) -> int:
    """Continues as new with each signal."""
    await continuum.wait_signal("next")
    if left:
        continuum.continue_as_new(left - 1)
    return continuum.info().incarnation


@workflow
async def when() -> str:
    """When it believes to have started."""
    return continuum.now().isoformat()


@workflow
async def tidy(seconds: float) -> None:
    """Sleeps for ever, and cleans up for some time when it is asked to end."""
    try:
        await asyncio.sleep(86_400)
    finally:
        await step("cleaning up")
        await asyncio.sleep(seconds)
        await step("clean")


@workflow
async def turning(rest: float) -> None:
    """Continues as new for ever."""
    await asyncio.sleep(rest)
    continuum.continue_as_new(rest)


ALL = [cart, other_cart, rounds, when, tidy, turning]
