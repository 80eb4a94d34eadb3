"""Workers that die at every commit boundary, in process, over the memory store."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from continuum import WorkflowFailed
from continuum.testing import Environment, environment
from continuum.testing.faults import Moment
from tests.testing.shop import Order, fan_out, order_flow, part, refund, waiting

ORDER = Order("o1", 4200)


async def rejected(env: Environment) -> Any:
    """An order that is refunded."""
    run = await env.start(order_flow, ORDER)
    await run.signal("fraud_review", "rejected")
    with suppress(WorkflowFailed):
        await run.result()
    return (await run.get()).state, (await run.get()).error


async def timed_out(env: Environment) -> Any:
    """An order that ships after a day."""
    return await env.run(order_flow, ORDER)


async def wide(env: Environment) -> Any:
    """Ten activities at once, then a sleep."""
    run = await env.start(fan_out, 10, run_id="00000000-0000-4000-8000-000000000001")
    return await run.result()


@pytest.mark.parametrize("scenario", [rejected, timed_out, wide])
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_every_commit_boundary(scenario: Any, moment: Moment) -> None:
    """Whichever commit the worker dies at, the end is the same and the journal gapless."""
    async with environment([order_flow, fan_out]) as env:
        undisturbed = await scenario(env)
        boundaries = env.commits
    assert boundaries >= 3
    for commit in range(1, boundaries + 1):
        async with environment([order_flow, fan_out]) as env:
            env.crash_at(commit, moment=moment)
            assert await scenario(env) == undisturbed, f"{moment} commit {commit}"
            assert env.commits > boundaries - 1
            [row] = env.store.tables.runs.values()
            assert [e.seq for e in row.events] == list(range(1, len(row.events) + 1))
            assert env.store.tables.leases == {}


async def test_a_lost_worker_is_replaced() -> None:
    """Its node is dead, its runs go on elsewhere, its timers still come due."""
    async with environment([order_flow, waiting]) as env:
        run = await env.start(order_flow, ORDER)
        other = await env.start(waiting)
        await env.settle()
        before = (await run.get()).owner
        await env.lose_worker()
        await other.signal("go", 5)
        assert await run.result() == "shipped o1"
        assert await other.result() == 5
        dead, alive = sorted(await env.client.nodes(), key=lambda node: node.alive)
        assert str(dead.id) == before
        assert (dead.alive, alive.alive) == (False, True)


async def test_work_in_flight_is_done_again() -> None:
    """An activity that was running when the worker died runs again, and counts as crashed."""
    begun = asyncio.Event()
    runs = 0

    async def slow(number: int) -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            begun.set()
            await asyncio.Event().wait()
        return number

    async with environment([fan_out]) as env:
        env.replace(part, slow)
        run = await env.start(fan_out, 1)
        await begun.wait()
        await env.lose_worker()
        assert (await run.result())["sum"] == 0
        assert (runs, env.attempts(part)) == (2, 2)
        kinds = [event.type for event in await env.history(run)]
        assert kinds.count("activity_attempt_crashed") == 1


async def test_time_goes_on_after_several_losses() -> None:
    """Losing one worker after the other in the middle of a day's wait."""
    async with environment([order_flow]) as env:
        start = env.now
        run = await env.start(order_flow, ORDER)
        for _ in range(6):
            await env.sleep(timedelta(hours=3))
            await env.lose_worker()
        assert await run.result() == "shipped o1"
        assert timedelta(hours=24) <= env.now - start < timedelta(hours=25)
        assert env.attempts(refund) == 0
