"""Workflows and activities for the tests of queues, keys, heartbeats and transactions."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import continuum
from continuum import ActivityCancelled, ActivityFailed, Retry, activity, workflow

calls: Counter[str] = Counter()
seen: list[Any] = []
entered: dict[str, asyncio.Event] = {}
gates: dict[str, asyncio.Event] = {}
thread_gate = threading.Event()
cancelled = threading.Event()


def reset() -> None:
    """Forget everything of the test before."""
    calls.clear()
    seen.clear()
    entered.clear()
    gates.clear()
    thread_gate.clear()
    cancelled.clear()


def gate(key: str) -> asyncio.Event:
    """Make activities of that key wait; answers the event that lets them go on."""
    entered[key] = asyncio.Event()
    gates[key] = asyncio.Event()
    return gates[key]


async def pass_gate(key: str) -> None:
    """Count, and wait if there is a gate."""
    calls[key] += 1
    if key in gates:
        entered[key].set()
        await gates[key].wait()


# heartbeats


@activity(retry=Retry(max_attempts=3, initial=0.01))
async def resumes(pages: int) -> list[int]:
    """Fails half way twice; each attempt goes on where the one before stopped."""
    done: list[int] = []
    first = continuum.last_heartbeat() or 0
    seen.append((continuum.activity_info().attempt, first))
    for page in range(first, pages):
        done.append(page)
        continuum.heartbeat(page + 1)
        if page in (2, 5):
            raise ValueError(f"page {page}")
    return done


@activity
async def beats_and_waits(key: str) -> int:
    """Reports where it is, then waits."""
    before = continuum.last_heartbeat()
    seen.append(before)
    if before is None:
        continuum.heartbeat({"row": 41})
    await pass_gate(key)
    return before["row"] if before else 0


@activity(heartbeat_timeout=0.1)
async def falls_silent() -> None:
    """Beats once and never again."""
    continuum.heartbeat()
    await asyncio.Event().wait()


@activity(heartbeat_timeout=0.2)
def keeps_beating() -> int:
    """Takes longer than its heartbeat timeout, but beats all the while."""
    for n in range(10):
        time.sleep(0.05)
        continuum.heartbeat(n)
    return 10


@activity
def works_until_cancelled(key: str) -> int:
    """A synchronous loop that ends because its heartbeat says so."""
    calls[key] += 1
    try:
        while True:
            continuum.heartbeat()
            thread_gate.set()
            time.sleep(0.005)
    except ActivityCancelled as error:
        seen.append(str(error))
        cancelled.set()
        raise


@activity
async def beats_unstorably() -> None:
    """Details that are no JSON."""
    continuum.heartbeat(object())


@activity
async def beats_too_much() -> None:
    """Details above the limit."""
    continuum.heartbeat("x" * 17_000)


@workflow
async def resuming(pages: int) -> list[int]:
    return await resumes(pages)


@workflow
async def beating(key: str) -> int:
    return await beats_and_waits(key)


@workflow
async def silent() -> str:
    try:
        await falls_silent()
    except TimeoutError as error:
        return str(error)
    return "in time"


@workflow
async def patient() -> int:
    return await keeps_beating()


@workflow
async def endless(key: str) -> int:
    return await works_until_cancelled(key)


@workflow
async def badly_beating(large: bool) -> str:
    try:
        await (beats_too_much() if large else beats_unstorably())
    except ActivityFailed as error:
        return error.type
    return "fine"


# queues


@activity(queue="gpu")
async def render(key: str) -> str:
    await pass_gate(key)
    seen.append(key)
    return f"{key} rendered"


@activity(queue="gpu", on_crash="fail")
async def render_once(key: str) -> str:
    return await render.fn(key)


@activity(queue="gpu", retry=Retry(max_attempts=3, initial=0.01, non_retryable=["KeyError"]))
async def flaky_render(key: str, failures: int, kind: str = "ValueError") -> int:
    calls[key] += 1
    seen.append(continuum.last_heartbeat())
    continuum.heartbeat(calls[key])
    if calls[key] <= failures:
        raise {"ValueError": ValueError, "KeyError": KeyError}[kind](key)
    return calls[key]


@activity(queue="gpu")
async def beat_in_queue(key: str) -> int:
    return await beats_and_waits.fn(key)


@workflow
async def rendering(key: str) -> str:
    return await render(key)


@workflow
async def rendering_once(key: str) -> str:
    try:
        return await render_once(key)
    except ActivityFailed as error:
        return type(error).__name__


@workflow
async def rendering_many(keys: list[str], priorities: list[int]) -> list[str]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(render.options(priority=priority)(key))
            for key, priority in zip(keys, priorities, strict=True)
        ]
    return [task.result() for task in tasks]


@workflow
async def flaky_rendering(key: str, failures: int, kind: str) -> str:
    try:
        return str(await flaky_render(key, failures, kind))
    except ActivityFailed as error:
        return f"{error.type} after {error.attempts}"


@workflow
async def beating_in_queue(key: str) -> int:
    return await beat_in_queue(key)


# idempotency keys


@activity(idempotency_key=lambda order, cents: f"charge-{order}")
async def charge(order: str, cents: int) -> str:
    await pass_gate(order)
    if f"{order} fails" in gates:
        raise ValueError("declined")
    return f"payment {calls[order]} of {cents}"


@activity(idempotency_key=lambda order: f"threaded-{order}")
def charge_in_thread(order: str) -> int:
    calls[order] += 1
    return calls[order]


@workflow
async def charging(order: str, cents: int) -> str:
    try:
        return await charge(order, cents)
    except ActivityFailed as error:
        return f"failed: {error.error_message}"


@workflow
async def charging_in_thread(order: str) -> int:
    return await charge_in_thread(order)


@workflow
async def charging_in_queue(order: str, cents: int) -> str:
    return await charge.options(queue="gpu")(order, cents)


# transactions


@activity(transactional=True, retry=Retry(max_attempts=2, initial=0.01))
async def book(key: str, failures: int) -> int:
    calls[key] += 1
    connection = continuum.transaction()
    await connection.execute("INSERT INTO bookings (key) VALUES (%s)", [key])
    await pass_gate(f"{key} booked")
    if calls[key] <= failures:
        raise ValueError("after the insert")
    return calls[key]


@workflow
async def booking(key: str, failures: int) -> int:
    return await book(key, failures)


@workflow
async def booking_in_queue(key: str, failures: int) -> int:
    return await book.options(queue="gpu")(key, failures)


@workflow
async def booking_with_key(key: str) -> int:
    return await book.options(idempotency_key=f"book-{key}")(key, 0)


# processes


@activity(executor="process")
def process_id(n: int) -> list[int]:
    return [os.getpid(), n * n]


@activity(executor="process", retry=Retry(max_attempts=5, initial=0.0, non_retryable=[KeyError]))
def raises_in_process(kind: str) -> None:
    raise {"KeyError": KeyError, "ValueError": ValueError}[kind](kind)


@activity(executor="process")
def dies_in_process(path: str) -> str:
    """Kills its own process the first time."""
    marker = Path(path)
    if not marker.exists():
        marker.touch()
        os._exit(9)
    return "alive"


@activity(executor="process", timeout=0.5)
def never_ends() -> None:
    while True:
        pass


@workflow
async def in_process(n: int) -> list[int]:
    return await process_id(n)


@workflow
async def raising_in_process(kind: str) -> str:
    try:
        await raises_in_process(kind)
    except ActivityFailed as error:
        return f"{error.type} {error.attempts}"
    return "fine"


@workflow
async def dying_in_process(path: str) -> str:
    return await dies_in_process(path)


@workflow
async def endless_in_process() -> str:
    try:
        await never_ends()
    except TimeoutError:
        return "timeout"
    return "fine"
