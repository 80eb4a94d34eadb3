"""The shop's own logic: what is undone, what goes on, what is asked only once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import date
from typing import Any

import pytest

from continuum import RunHandle, WorkflowCancelled, WorkflowFailed
from continuum.demo import shop
from continuum.testing import Environment, environment

ORDER = shop.Order("o1", "cus_1", "eu", 4_900, "tok_visa", ("lamp",))
LARGE = shop.Order("o2", "cus_1", "eu", shop.REVIEW_FROM, "tok_visa", ("desk",))
PIANO = shop.Order("o3", "cus_1", "eu", 4_900, "tok_visa", ("piano",))


@pytest.fixture
async def env() -> AsyncGenerator[Environment]:
    """The shop, with a worker that also writes its mails."""
    async with environment(shop.WORKFLOWS, shop.ON_QUEUES, queues=[shop.MAIL]) as env:
        yield env


async def scheduled(env: Environment, run: RunHandle[Any]) -> list[str]:
    """The activities that a run has asked for, in order."""
    events = await env.history(run)
    return [event.data["name"] for event in events if event.type == "activity_scheduled"]


async def test_an_order_says_where_it_is_and_writes_at_the_end(env: Environment) -> None:
    """A small order needs nobody; its last stage can be searched for, its mail goes to a queue."""
    run = await env.start(shop.order_flow, ORDER)
    assert await run.result() == shop.Receipt("o1", "pay_o1", "trk_box_res_o1_label_eu_o1")
    assert (await run.get()).attributes == {"stage": "shipped"}
    mail = [e.data for e in await env.history(run) if e.type == "activity_scheduled"][-1]
    assert (mail["name"], mail["queue"]) == ("shop:send_mail", shop.MAIL)


async def test_rejected_orders_are_not_charged(env: Environment) -> None:
    """A large order waits for the fraud desk; refused, its stock is given back."""
    run = await env.start(shop.order_flow, LARGE)
    await run.signal("fraud_review", "rejected")
    with pytest.raises(WorkflowFailed, match="rejected by the fraud desk"):
        await run.result()
    assert await scheduled(env, run) == ["shop:reserve_stock", "shop:release_stock"]


async def test_what_cannot_be_shipped_is_refunded(env: Environment) -> None:
    """The last effect is undone first."""
    run = await env.start(shop.order_flow, PIANO)
    with pytest.raises(WorkflowFailed, match="no carrier takes the piano"):
        await run.result()
    assert (await scheduled(env, run))[-2:] == ["shop:refund_payment", "shop:release_stock"]


async def test_cancelled_orders_are_undone(env: Environment) -> None:
    """A customer who withdraws during the review gets the stock released."""
    run = await env.start(shop.order_flow, LARGE)
    await env.settle()
    while (await run.get()).waiting_on is None:
        await env.sleep(0.1)
    await run.cancel(reason="changed their mind")
    with pytest.raises(WorkflowCancelled):
        await run.result()
    assert (await scheduled(env, run))[-1] == "shop:release_stock"


async def test_subscriptions_go_on_with_a_fresh_history(env: Environment) -> None:
    """Five periods are three incarnations of one run, each period charged once."""
    plan = shop.Subscription("s1", "cus_1", "pro", 1_900, "tok_visa", periods=5, every=86_400)
    run = await env.start(shop.subscription_flow, plan)
    assert await run.result() == 5
    assert (await run.get()).incarnation == 3
    assert (await run.get()).attributes == {"paid_periods": 5}
    charged = [
        event.data["args"][0]
        for event in await env.history(run)
        if event.type == "activity_scheduled" and event.data["name"] == "shop:charge_card"
    ]
    assert charged == [f"s1-{period}" for period in range(1, 6)]


async def test_a_report_asks_all_regions_at_once(env: Environment) -> None:
    """Every region's child is started before the first one ends, in the report's namespace."""
    run = await env.start(
        shop.nightly_report, date(2026, 11, 23), shop.REGIONS,
        namespace="reports", attributes={"kind": "nightly"},
    )  # fmt: skip
    assert (await run.result()).startswith("2026-11-23: ")
    kinds = [event.type for event in await env.history(run)]
    assert kinds[: kinds.index("child_completed")].count("child_started") == len(shop.REGIONS)
    children = [child async for child in env.client.stream(namespace="reports") if child.parent_id]
    assert {child.attributes["region"] for child in children} == set(shop.REGIONS)
    assert {child.attributes["kind"] for child in children} == {"nightly"}
