"""Workflows that fail until what they need is mended; `calls` counts what really ran."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

import continuum
from continuum import Retry, activity, workflow

calls: Counter[str] = Counter()
broken: set[str] = set()
"""Services that refuse."""


def reset(*services: str) -> None:
    """Forget everything of the test before; these services refuse."""
    calls.clear()
    broken.clear()
    broken.update(services)


@activity
async def step(key: str) -> str:
    calls[key] += 1
    return key


@activity(retry=Retry(max_attempts=2, initial=0.01))
async def ask(service: str) -> str:
    calls[service] += 1
    if service in broken:
        raise ConnectionError(f"{service} refused call {calls[service]}")
    return f"{service} answered"


@activity
async def ask_once(service: str) -> str:
    """Without a retry."""
    return await ask.fn(service)


@activity
async def slow(key: str) -> str:
    """Never ends while its service is broken."""
    calls[key] += 1
    if key in broken:
        await asyncio.Event().wait()
    return key


@activity
def in_thread(key: str) -> str:
    """Ends after the failure beside it."""
    calls[key] += 1
    time.sleep(0.2)
    return key


@activity(on_crash="fail")
async def once(service: str) -> str:
    return await slow.fn(service)


@activity(queue="repairs", retry=Retry(max_attempts=2, initial=0.01))
async def queued(service: str) -> str:
    return await ask.fn(service)


@workflow
async def three_steps(service: str) -> list[str]:
    first = await step(f"before {service}")
    second = await ask(service)
    return [first, second, await step(f"after {service}")]


@workflow
async def numbered(number: int) -> str:
    await step(f"before {number}")
    await ask("bank")
    return await step(f"after {number}")


@workflow
async def beside(service: str) -> list[str]:
    """An activity fails while others are under way; their group stops them."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(slow(f"beside {service}"))]
        await continuum.wait_signal("begun")
        tasks.append(group.create_task(ask_once(service)))
    return [task.result() for task in tasks]


@workflow
async def gathering(service: str) -> list[str]:
    """One activity fails, and the other one ends after that."""
    answers = await asyncio.gather(
        ask_once(service), in_thread(f"thread {service}"), return_exceptions=True
    )
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [str(answer) for answer in answers]


@workflow
async def queueing(service: str) -> list[str]:
    return [await queued(service), await step(f"after {service}")]


@workflow
async def waiting_after(service: str) -> str:
    """Waits for a signal after the failure, and gives up all the same."""
    try:
        answer = await ask_once(service)
    except continuum.ActivityFailed:
        await continuum.wait_signal("verdict", type=str)
        raise
    return f"{answer} {await continuum.wait_signal('verdict', type=str)}"


@workflow
async def compensating(service: str) -> None:
    async with continuum.saga() as saga:
        saga.undo(step, "undone")
        await ask(service)


@workflow
async def raising(text: str) -> None:
    await step("before")
    raise ValueError(text)


@workflow
async def careless(service: str) -> None:
    """Handles a failure, goes on, and raises by itself."""
    with contextlib.suppress(continuum.ActivityFailed):
        await ask(service)
    await step("later")
    raise ValueError("by itself")


@workflow
async def parent(service: str) -> list[str]:
    return await continuum.run_child(three_steps, service)


@workflow
async def patient(service: str) -> str:
    """Goes on after its child has failed."""
    with contextlib.suppress(continuum.ChildFailed):
        await continuum.run_child(three_steps, service)
    return await continuum.wait_signal("go", type=str)


@workflow
async def at_most_once(service: str) -> str:
    return await once(service)


@workflow
async def again_and_again(rounds: int, service: str) -> str:
    await step(f"round {rounds}")
    if rounds:
        continuum.continue_as_new(rounds - 1, service)
    return await ask(service)


ALL = [
    three_steps, numbered, beside, gathering, queueing, waiting_after, compensating, raising,
    careless, parent, patient, at_most_once, again_and_again,
]  # fmt: skip
