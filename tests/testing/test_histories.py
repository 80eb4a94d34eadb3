"""Golden histories: dumped, kept, replayed; the difference is named."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import continuum
from continuum import ConfigurationError, Continuum, PayloadError, WorkflowCancelled, workflow
from continuum.testing import HistoryDrift, assert_replays, dump_history, environment
from tests.testing.shop import Order, charge, fan_out, order_flow, refund, ship, waiting

GOLDEN = Path(__file__).parent / "golden_order.json"
ORDER = Order("o1", 4200)


async def recorded(flow: Any, *args: Any) -> str:
    """The history of one run."""
    async with environment([flow]) as env:
        run = await env.start(flow, *args)
        await run.result()
        return await dump_history(run)


def variant(body: Any) -> Any:
    """Another code for the order flow's name."""

    @workflow(name=order_flow.name)
    async def changed(order: Order) -> str:
        return await body(order)

    return changed


def test_a_kept_history_replays() -> None:
    """A file written by an earlier release, from every prefix."""
    assert_replays(order_flow, GOLDEN)
    assert_replays(order_flow, GOLDEN.read_text())
    assert_replays(order_flow, GOLDEN.read_bytes())


async def test_a_dump_is_readable_and_complete() -> None:
    """Plain JSON with decoded payloads, one entry an event, nothing of this process."""
    data = json.loads(await recorded(order_flow, ORDER))
    assert data["workflow"] == order_flow.name
    assert data["input"] == [{"id": "o1", "amount": 4200}]
    assert (data["state"], data["result"]) == ("completed", "shipped o1")
    assert [event["seq"] for event in data["events"]] == list(range(1, len(data["events"]) + 1))
    scheduled = data["events"][1]
    assert (scheduled["type"], scheduled["command"]) == ("activity_scheduled", 1)
    assert scheduled["data"] == {"name": charge.name, "args": [{"id": "o1", "amount": 4200}]}


async def no_charge(order: Order) -> str:
    return await ship(order)


async def another_order(order: Order) -> str:
    await refund(order.id)
    return "x"


async def shorter_wait(order: Order) -> str:
    await charge(order)
    try:
        await continuum.wait_signal("fraud_review", timeout=60)
    except TimeoutError:
        return "early"
    return await ship(order)


async def another_result(order: Order) -> str:
    await charge(order)
    with suppress(TimeoutError):
        await continuum.wait_signal("fraud_review", timeout=24 * 3600)
    return (await ship(order)).upper()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (no_charge, f"{charge.name}.*{ship.name}"),
        (another_order, refund.name),
        (shorter_wait, "had already ended|timer"),
        (another_result, "SHIPPED O1"),
    ],
)
async def test_changed_code_is_caught(body: Any, message: str) -> None:
    """Another command, order, end or result: both sides are named."""
    history = await recorded(order_flow, ORDER)
    with pytest.raises(HistoryDrift, match=message):
        assert_replays(variant(body), history)


async def test_histories_of_unfinished_and_forced_runs_replay() -> None:
    """A journal may stop anywhere, and a forced end is not the code's."""
    async with environment([waiting]) as env:
        run = await env.start(waiting)
        await env.settle()
        assert_replays(waiting, await dump_history(run))
        await run.cancel(force=True)
        assert_replays(waiting, await dump_history(run.id, client=env.client))


async def test_the_history_of_a_run_that_never_began_replays() -> None:
    """Cancelled before its time, its history is its end."""
    async with environment([waiting]) as env:
        run = await env.start(waiting, delay=3600)
        await run.cancel(reason="not needed")
        with pytest.raises(WorkflowCancelled):
            await run.result()
        history = await dump_history(run)
    assert [event["type"] for event in json.loads(history)["events"]] == ["run_cancelled"]
    assert_replays(waiting, history)


async def test_what_is_no_history_is_refused() -> None:
    """Another workflow's, another format's, an id without a client, a payload beyond display."""
    history = await recorded(fan_out, 2)
    with pytest.raises(HistoryDrift, match="not of"):
        assert_replays(order_flow, history)
    with pytest.raises(ConfigurationError):
        assert_replays(order_flow, '{"format": 99}')
    with pytest.raises(ConfigurationError):
        assert_replays(order_flow, "[]")
    async with environment([waiting]) as env:
        run = await env.start(waiting)
        with pytest.raises(ConfigurationError):
            await dump_history(run.id)
        await run.signal("go", "x" * 300_000)
        await run.result()
        with pytest.raises(PayloadError):
            await dump_history(run)


async def test_production_histories_are_dumped_the_same_way(dsn: str) -> None:
    """A run on PostgreSQL gives a history that replays."""
    async with Continuum(dsn) as ct, ct.worker([fan_out]):
        run = await ct.start(fan_out, 0)
        await run.cancel(force=True)
        assert_replays(fan_out, await dump_history(run))
        done = await ct.start(fan_out, 2, run_id="00000000-0000-4000-8000-000000000001")
        await done.cancel()
        with pytest.raises(continuum.WorkflowCancelled):
            await done.result(timeout=20)
        assert_replays(fan_out, await dump_history(str(done.id), client=ct))
