"""Workflows that are forked."""

from __future__ import annotations

import asyncio
from collections import Counter

import continuum
from continuum import Retry, activity, workflow

calls: Counter[str] = Counter()
"""How often each step was executed in this process."""
gates: dict[str, asyncio.Event] = {}
"""What `gated` steps wait for."""


def reset() -> None:
    """Forget all calls and gates."""
    calls.clear()
    gates.clear()


@activity
async def step(name: str) -> str:
    calls[name] += 1
    return f"{name} {calls[name]}"


@activity(retry=Retry(max_attempts=3))
async def gated(name: str) -> str:
    calls[name] += 1
    if name in gates:
        await gates[name].wait()
    return f"{name} {calls[name]}"


@activity(on_crash="fail")
async def once_only(name: str) -> str:
    calls[name] += 1
    await gates[name].wait()
    return name


@activity(queue="forks")
async def queued(name: str) -> str:
    calls[name] += 1
    return f"{name} {calls[name]}"


@activity(idempotency_key="forked-charge")
async def charge(amount: int) -> int:
    calls["charge"] += 1
    return amount


@workflow
async def decided(name: str) -> list[str]:
    """A step, a decision from outside, a step."""
    first = await step(f"{name} first")
    verdict = await continuum.wait_signal("decide", type=str)
    return [first, verdict, await step(f"{name} {verdict}")]


@workflow
async def chance(name: str) -> list[str]:
    """Draws before and after a signal."""
    before = [str(continuum.uuid4()), str(continuum.random())]
    generator = continuum.rng()
    await step(f"{name} {before[0]}")
    await continuum.wait_signal("go")
    return [*before, str(generator.random()), str(continuum.uuid4())]


@workflow
async def showing(rounds: int = 2) -> str:
    """Publishes before and after a signal, in the second of two incarnations."""
    continuum.publish("round", rounds)
    if rounds > 1:
        continuum.publish("first", "kept")
        continuum.continue_as_new(rounds - 1)
    continuum.publish("stage", "waiting")
    await continuum.wait_signal("go")
    continuum.publish("stage", "gone")
    return "shown"


@workflow
async def in_flight(name: str) -> list[str]:
    """Has three kinds of activities in flight, and ends with what came of them."""
    results = await asyncio.gather(
        gated(f"{name} local"), queued(f"{name} queued"), return_exceptions=True
    )
    return [str(result) for result in results]


@workflow
async def risky(name: str) -> str:
    """An activity that is executed at most once."""
    try:
        return await once_only(name)
    except continuum.ActivityCrashed:
        return "nobody knows"


@workflow
async def parent(name: str) -> str:
    """Has a child, and a step before and after."""
    await step(f"{name} before")
    got = await continuum.run_child(decided, name)
    return f"{got[1]}, {await step(f'{name} after')}"


@workflow
async def paying(amount: int) -> int:
    """Charges under a key, after a step."""
    await step("before charge")
    return await charge(amount)


@workflow
async def chapters(number: int) -> int:
    """A later incarnation."""
    await step(f"chapter {number}")
    if number < 2:
        continuum.continue_as_new(number + 1)
    await continuum.wait_signal("end")
    return number


ALL = [decided, showing, chance, in_flight, risky, parent, paying, chapters]
