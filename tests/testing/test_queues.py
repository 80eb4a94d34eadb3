"""Queues, keys and heartbeats in the environment."""

from __future__ import annotations

import asyncio
from collections import Counter

import continuum
from continuum import Retry, activity, workflow
from continuum.testing import environment

seen: Counter[str] = Counter()


@activity(name="testing:render", queue="gpu", retry=Retry(max_attempts=3, initial=60))
async def render(page: int) -> int:
    return page * 10


@activity(name="testing:pay", idempotency_key=lambda order: order)
async def pay(order: str) -> int:
    seen[order] += 1
    return seen[order]


@activity(name="testing:pages", retry=Retry(max_attempts=3))
async def pages(count: int) -> list[int]:
    done: list[int] = []
    for page in range(continuum.last_heartbeat() or 0, count):
        done.append(page)
        continuum.heartbeat(page + 1)
        if page == 2:
            raise ValueError("half way")
    return done


@workflow(name="testing:album")
async def album(count: int) -> list[int]:
    return list(await asyncio.gather(*(render(page) for page in range(count))))


@workflow(name="testing:paying")
async def paying(order: str) -> int:
    return await pay(order)


@workflow(name="testing:reading")
async def reading(count: int) -> list[int]:
    return await pages(count)


async def test_queued_activities_are_served() -> None:
    """A worker that serves the queue runs them; retries skip time; crashes are survived."""
    async with environment([album], [render], queues=["gpu"]) as env:
        assert await env.run(album, 5) == [0, 10, 20, 30, 40]
        env.fail(render, times=2)
        start = env.now
        assert await env.run(album, 1) == [0]
        assert (env.now - start).total_seconds() >= 60
        env.crash_at(env.commits + 2, moment="after")
        assert await env.run(album, 3) == [0, 10, 20]


async def test_a_key_shares_one_result() -> None:
    """Two runs with one idempotency key perform the activity once."""
    seen.clear()
    async with environment([paying]) as env:
        results = await asyncio.gather(*(env.run(paying, "o1") for _ in range(3)))
        assert results == [1, 1, 1]
        assert await env.run(paying, "o2") == 1


async def test_the_next_attempt_reads_the_last_heartbeat() -> None:
    """Progress is handed on from attempt to attempt."""
    async with environment([reading]) as env:
        assert await env.run(reading, 5) == [3, 4]
