"""The environment: production's engine and worker, a clock that skips, everything of the client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from continuum import ConfigurationError, WorkflowCancelled, WorkflowFailed
from continuum.testing import Environment, Stalled, environment
from continuum.testing.faults import InjectedFailure
from tests.testing.shop import (
    Order,
    charge,
    fan_out,
    napping,
    order_flow,
    refund,
    ship,
    slow_desk,
    waiting,
)

ORDER = Order("o1", 4200)
BEST_OF = 5


async def once() -> float:
    """Seconds for one whole test of the order flow with its 24 h time-out."""
    began = time.perf_counter()
    async with environment([order_flow]) as env:
        start = env.now
        assert await env.run(order_flow, ORDER) == "shipped o1"
        assert env.now - start >= timedelta(hours=24)
    return time.perf_counter() - began


async def test_a_day_passes_in_milliseconds() -> None:
    """The order flow, its 24 h time-out included, is tested in under 50 ms."""
    assert min([await once() for _ in range(BEST_OF)]) < 0.05


async def test_signals_come_before_time() -> None:
    """A signal sent before the result is awaited arrives; no time passes for it."""
    async with environment([order_flow]) as env:
        start = env.now
        run = await env.start(order_flow, ORDER)
        await run.signal("fraud_review", "rejected")
        with pytest.raises(WorkflowFailed, match="o1"):
            await run.result()
        assert env.now - start < timedelta(seconds=1)
        assert (env.attempts(charge), env.attempts(refund), env.attempts(ship)) == (1, 1, 0)


async def test_time_stands_still_while_nobody_waits() -> None:
    """Settling does what can be done now; only sleeping lets time pass, in order."""
    start = datetime(2030, 5, 1, tzinfo=UTC)
    async with environment([order_flow, napping], start_at=start) as env:
        run = await env.start(order_flow, ORDER)
        nap = await env.start(napping, 3600)
        await env.settle()
        assert (await run.get()).waiting_on == "signal fraud_review until 2030-05-02T00:00:00Z"
        assert env.now - start < timedelta(seconds=1)
        await env.sleep(timedelta(hours=23))
        assert (await run.get()).state == "suspended"
        assert (await nap.get()).output.startswith("2030-05-01T01:00:00")
        await env.sleep(3600)
        assert (await run.get()).state == "completed"


async def test_without_skipping_time_passes_in_sleep_only() -> None:
    """With skip_time=False an awaited result does not move the clock."""
    async with environment([napping], skip_time=False) as env:
        run = await env.start(napping, 60)
        waiter = asyncio.ensure_future(run.result())
        await env.settle()
        assert not waiter.done()
        await env.sleep(61)
        assert await waiter == "2026-01-01T12:01:00+00:00"


async def test_retries_wait_in_skipped_time() -> None:
    """Injected failures use up attempts; the back-off passes on the clock, not in the test."""
    async with environment([order_flow]) as env:
        env.fail(charge, times=4, error=ConnectionError("bank is down"))
        run = await env.start(order_flow, ORDER)
        await run.signal("fraud_review", "approved")
        began = env.now
        assert await run.result() == "shipped o1"
        assert env.attempts(charge) == 5
        assert env.now - began >= timedelta(seconds=1 + 2 + 4 + 8)
        kinds = [event.type for event in await env.history(run)]
        assert kinds.count("activity_attempt_failed") == 4


async def test_failures_beyond_the_policy_reach_the_workflow() -> None:
    """One attempt too many, and the workflow sees the error that was injected."""
    async with environment([order_flow]) as env:
        env.fail(charge, times=5)
        with pytest.raises(WorkflowFailed, match=InjectedFailure.__name__):
            await env.run(order_flow, ORDER)
        assert env.attempts(refund) == 1


async def test_activities_are_replaced() -> None:
    """A function, or a coroutine function, in place of an activity; results are checked."""
    seen: list[object] = []

    async def pay(order: Order) -> str:
        seen.append(order)
        return "fake"

    async with environment([order_flow]) as env:
        env.replace(charge, pay)
        env.replace(ship, lambda order: order.id * 2)
        assert await env.run(order_flow, ORDER) == "o1o1"
        assert seen == [ORDER]
        env.replace(ship, lambda order: 7)
        with pytest.raises(WorkflowFailed, match="result of activity"):
            await env.run(order_flow, ORDER)


async def test_a_wait_that_nothing_can_end_is_given_up() -> None:
    """Instead of hanging, the test hears which run waits for what."""
    async with environment([waiting]) as env:
        with pytest.raises(Stalled, match=r"waiting.*waits for signal go"):
            await env.run(waiting)


async def test_time_passes_while_an_answer_is_awaited() -> None:
    """The question itself comes before any time has passed."""
    async with environment([slow_desk]) as env:
        began = env.now
        run = await env.start(slow_desk)
        assert await run.ask("open", 1) == {"asked": 0, "answered": 3 * 86_400}
        assert timedelta(days=3) <= env.now - began < timedelta(days=3, seconds=1)
        assert await run.result() == "closed"


async def test_a_question_that_nobody_takes_is_given_up() -> None:
    """Instead of hanging, the test hears what the run waits for instead."""
    async with environment([waiting]) as env:
        run = await env.start(waiting)
        with pytest.raises(Stalled, match=r"waits for signal go.*wait_question") as caught:
            await run.ask("other")
        assert "only what it waits for" in str(caught.value)
        await run.signal("go", 1)
        await run.result()


async def test_a_late_signal_of_the_test_itself_is_in_time() -> None:
    """While results are awaited, another task of the test may still act."""
    async with environment([waiting]) as env:
        run = await env.start(waiting)

        async def answer() -> None:
            await asyncio.sleep(0.05)
            await run.signal("go", 1)

        _, value = await asyncio.gather(answer(), run.result())
        assert value == 1


async def test_cancel_and_force() -> None:
    """Cooperative cancels clean up; force does not."""
    async with environment([order_flow]) as env:
        run = await env.start(order_flow, ORDER)
        await env.settle()
        await run.cancel(reason="withdrawn")
        with pytest.raises(WorkflowCancelled):
            await run.result()
        assert env.attempts(refund) == 1
        forced = await env.start(order_flow, ORDER)
        await env.settle()
        await forced.cancel(force=True)
        assert (await forced.get()).state == "cancelled"
        assert env.attempts(refund) == 1


async def test_the_client_works_unchanged() -> None:
    """Queries, counts, attributes, pages, nodes and idempotent starts over the memory store."""
    async with environment([order_flow, fan_out]) as env:
        for n in range(5):
            await env.start(order_flow, Order(f"o{n}", n), namespace="billing", attributes={"n": n})
        again = await env.client.start(order_flow, ORDER, idempotency_key="k")
        assert (await env.client.start(order_flow, ORDER, idempotency_key="k")).id == again.id
        local = await env.client.start(fan_out, 3)
        assert (await local.result())["sum"] == 5
        page = await env.client.query(
            namespace="billing", where=[("gte", ["attributes", "n"], 3)], limit=1
        )
        assert [run.attributes["n"] for run in page.entries] == [4]
        await env.client.set_attributes(page.entries[0].id, {"n": 0})
        assert await env.client.count(namespace=None) == 7
        assert await env.client.namespaces() == ["billing", "default"]
        [node] = await env.client.nodes()
        assert node.alive
        streamed = [run.id async for run in env.client.stream(namespace="billing")]
        assert len(streamed) == 5
        with pytest.raises(ConfigurationError, match="PostgreSQL"):
            await env.client.start(order_flow, ORDER, connection=object())  # pyright: ignore[reportArgumentType]


async def test_a_thousand_activities_at_once() -> None:
    """A wide fan-out completes, and its journal is whole."""
    async with environment([fan_out]) as env:
        run = await env.start(fan_out, 1000)
        assert (await run.result())["sum"] == sum(n * n for n in range(1000))
        events = await env.history(run)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))


async def test_evicted_runs_come_back() -> None:
    """With room for one run, all others are given back, claimed again and replayed."""
    async with environment([order_flow], max_cached_runs=1) as env:
        runs = [await env.start(order_flow, Order(f"o{n}", n)) for n in range(8)]
        await env.settle()
        for run in runs:
            await run.signal("fraud_review", "approved")
        assert [await run.result() for run in runs] == [f"shipped o{n}" for n in range(8)]


async def test_environments_are_apart() -> None:
    """Two at once share neither runs nor time."""
    async with environment([napping]) as one, environment([napping]) as other:
        await one.run(napping, 3600)
        assert other.now < one.now
        assert await other.client.count(namespace=None) == 0


def test_no_database_driver_is_loaded() -> None:
    """A test with the environment imports neither psycopg nor sqlglot."""
    code = (
        "import asyncio, sys\n"
        "from continuum.testing import environment\n"
        "from tests.testing.shop import napping\n"
        "async def main():\n"
        "    async with environment([napping]) as env:\n"
        "        await env.run(napping, 5)\n"
        "asyncio.run(main())\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'psycopg', 'psycopg_pool', 'sqlglot', 'typer', 'textual'}, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_are_there() -> None:
    """Everything in `__all__` can be had from the package."""
    from continuum import testing

    for name in testing.__all__:
        assert getattr(testing, name) is not None
        assert name in dir(testing)
    assert testing.Environment is Environment
    with pytest.raises(AttributeError):
        _ = testing.nothing  # pyright: ignore[reportAttributeAccessIssue]
