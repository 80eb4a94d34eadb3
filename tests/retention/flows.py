"""Workflows that leave something of each kind behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import continuum
from continuum import activity, workflow

calls: Counter[str] = Counter()
broken: set[str] = set()


def reset(*services: str) -> None:
    """Forget everything of the test before; these services refuse."""
    calls.clear()
    broken.clear()
    broken.update(services)


@activity
async def step(key: str) -> str:
    calls[key] += 1
    if key in broken:
        raise ConnectionError(f"{key} refused")
    return key


@workflow
async def short(key: str) -> str:
    """Ends at once, with a journal and a published value."""
    continuum.publish("at", key)
    return await step(key)


@workflow
async def keyed(key: str) -> str:
    """Leaves the result of an idempotency key behind."""
    return await step.options(idempotency_key=key)(key)


@workflow
async def heard(key: str) -> str:
    """Ends with a signal, which has a delivery id."""
    return await continuum.wait_signal("go", type=str)


@workflow
async def nap() -> None:
    """Lets some time pass."""
    await continuum.sleep(0.05)


@workflow
async def waiting() -> str:
    """Lives until it is told to end."""
    return await continuum.wait_signal("go", type=str)


@workflow
async def patient(key: str) -> str:
    """Lives on after a child of it has ended."""
    await continuum.run_child(short, key)
    return await continuum.wait_signal("go", type=str)


@workflow
async def leaving() -> str:
    """Ends before its child."""
    child = await continuum.start_child(waiting, parent_close="abandon")
    return str(child.id)


@workflow
async def rounds(left: int) -> str:
    """Has a child in each incarnation, and lives on in the last."""
    await continuum.run_child(short, f"round {left}")
    if left:
        continuum.continue_as_new(left - 1)
    return await continuum.wait_signal("go", type=str)


@workflow(retention=timedelta(days=365))
async def kept_long(key: str) -> str:
    return await step(key)


@workflow(retention=0.001)
async def kept_short(key: str) -> str:
    return await step(key)


@workflow
async def many_steps(count: int) -> int:
    """A journal of some length."""
    await asyncio.gather(*(step(f"step {n}") for n in range(count)))
    return count


ALL = [
    short, nap, keyed, heard, waiting, patient, leaving, rounds, kept_long, kept_short, many_steps,
]  # fmt: skip
