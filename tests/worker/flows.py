"""Workflows and activities of the worker's tests; `calls` counts what really ran."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import continuum
from continuum import Retry, activity, workflow

calls: Counter[str] = Counter()
"""How often an activity's code was entered, by a key the test chooses."""

gates: dict[str, asyncio.Event] = {}
"""Activities named here wait for their event."""

entered: dict[str, asyncio.Event] = {}
"""Set when such an activity begins."""


def reset() -> None:
    """Forget everything of the test before."""
    calls.clear()
    gates.clear()
    entered.clear()


def gate(key: str) -> asyncio.Event:
    """Make `held(key)` wait; answers the event that lets it go on."""
    entered[key] = asyncio.Event()
    gates[key] = asyncio.Event()
    return gates[key]


@dataclass
class Order:
    id: str
    cents: int


@activity
async def add_one(x: int) -> int:
    calls["add_one"] += 1
    return x + 1


@activity
def add_one_in_thread(x: int) -> int:
    calls["thread"] += 1
    return x + 1


@activity
async def held(key: str) -> str:
    calls[key] += 1
    if key in gates:
        entered[key].set()
        await gates[key].wait()
    return f"{key} done"


@activity(on_crash="fail")
async def held_once(key: str) -> str:
    return await held.fn(key)


@activity(retry=Retry(max_attempts=4, initial=0.02, factor=1.0))
async def flaky(key: str, failures: int) -> int:
    calls[key] += 1
    if calls[key] <= failures:
        raise ValueError(f"attempt {calls[key]}")
    return calls[key]


@activity(retry=Retry(max_attempts=3, initial=3600))
async def slow_retry(key: str) -> int:
    calls[key] += 1
    raise ValueError("try much later")


@activity(timeout=0.05)
async def too_slow(key: str) -> None:
    calls[key] += 1
    await asyncio.Event().wait()


@activity(timeout=0.05)
def too_slow_in_thread(key: str) -> None:
    calls[key] += 1
    time.sleep(0.3)


@activity
async def price(order: Order) -> Order:
    return Order(order.id, order.cents * 2)


@activity
async def unstorable() -> str:
    calls["unstorable"] += 1
    return object()  # type: ignore[return-value]


@activity
async def exits() -> None:
    raise SystemExit(3)


@workflow
async def three_steps(x: int) -> int:
    for _ in range(3):
        x = await add_one(x)
    return x


@workflow
async def threaded(x: int) -> int:
    return await add_one_in_thread(x)


@workflow
async def fan_out(n: int) -> list[int]:
    return list(await asyncio.gather(*(add_one(i) for i in range(n))))


@workflow
async def dataclasses_cross(order: Order) -> Order:
    return await price(order)


@workflow
async def retrying(key: str, failures: int) -> int:
    return await flaky(key, failures)


@workflow
async def retrying_later(key: str) -> int:
    return await slow_retry(key)


@workflow
async def holding(key: str) -> str:
    return await held(key)


@workflow
async def holding_once(key: str) -> str:
    return await held_once(key)


@workflow
async def hold_two(first: str, second: str) -> list[str]:
    return [await held(first), await held(second)]


@workflow
async def timing_out(key: str) -> str:
    try:
        await too_slow(key)
    except TimeoutError as error:
        return type(error).__name__
    return "in time"


@workflow
async def timing_out_in_thread(key: str) -> str:
    try:
        await too_slow_in_thread(key)
    except TimeoutError as error:
        return type(error).__name__
    return "in time"


@workflow
async def sleeping(seconds: float) -> str:
    await continuum.sleep(seconds)
    return "awake"


@workflow
async def impatient() -> str:
    try:
        async with asyncio.timeout(0.05):
            await continuum.wait_signal("never")
    except TimeoutError:
        return "timeout"
    return "signal"


@workflow
async def waiting(n: int) -> list[str]:
    return [await continuum.wait_signal("go", timeout=timedelta(hours=1)) for _ in range(n)]


@workflow
async def wait_then_step(x: int) -> int:
    await continuum.wait_signal("go")
    return await add_one(x)


@workflow
async def observing() -> list[str]:
    seen = continuum.side_effect(lambda: 42)
    before = continuum.now()
    await add_one(1)
    after = continuum.now()
    return [str(seen), str(continuum.uuid4()), str(continuum.random()), str(after >= before)]


@workflow
async def cleaning_up(key: str) -> str:
    try:
        await continuum.wait_signal("never")
    finally:
        await held(f"{key}-cleanup")
    return "unreachable"


@workflow
async def failing() -> None:
    raise ValueError("as asked")


@workflow
async def losing_result() -> str:
    return await unstorable()


@workflow
async def exiting() -> None:
    await exits()


@workflow
async def wait_and_return(value: str) -> str:
    await continuum.wait_signal("go")
    return value


@workflow
async def returning(value: str) -> str:
    return value


@workflow
async def blocking(seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
    return "done"
