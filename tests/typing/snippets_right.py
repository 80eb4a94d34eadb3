"""What users write; a strict type checker must accept all of it and see these types."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, assert_type
from uuid import UUID

import continuum
from continuum import ChildHandle, Continuum, Retry, Run, RunHandle, activity, workflow


@dataclass
class Order:
    id: str
    cents: int


@activity(retry=Retry(max_attempts=5, non_retryable=(ValueError, "shop.Declined")), timeout=30)
async def charge(order: Order, note: str | None = None) -> str:
    return f"payment {order.id} {note}"


@activity
async def refund(order_id: str) -> None: ...


@activity(timeout=timedelta(seconds=5), on_crash="fail")
def render(order: Order) -> bytes:
    return order.id.encode()


@activity
def weigh(order: Order) -> float:
    return order.cents / 100


@workflow(version=2, retention=timedelta(days=30))
async def order_flow(order: Order, express: bool = False) -> str:
    payment = await charge(order)
    assert_type(payment, str)
    assert_type(await charge.options(timeout=3, queue="slow")(order, note="x"), str)
    assert_type(await render(order), bytes)
    assert_type(await weigh(order), float)
    assert_type(await refund(order.id), None)
    first, second = await asyncio.gather(charge(order), weigh(order))
    assert_type(first, str)
    assert_type(second, float)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(charge(order))
        other = group.create_task(render(order))
    assert_type(task.result(), str)
    assert_type(other.result(), bytes)
    await continuum.sleep(timedelta(seconds=1))
    assert_type(continuum.now(), datetime)
    assert_type(continuum.today(), date)
    assert_type(continuum.random(), float)
    assert_type(continuum.uuid4(), UUID)
    assert_type(continuum.side_effect(lambda: 3), int)
    async with continuum.saga(parallel=True) as saga:
        saga.undo(refund, order.id)
        saga.undo(charge, order, note="again")
    handle = await continuum.start_child(bare, 3, attributes={"a": 1}, parent_close="abandon")
    assert_type(await handle.result(), list[int])
    handle.signal("rate", Order("o", 1))
    handle.cancel("enough")
    assert_type(handle.id, UUID)
    assert_type([await each.result() for each in continuum.children(bare)], list[list[int]])
    assert_type(continuum.children(), list[ChildHandle[Any]])
    assert_type(await continuum.wait_signal("o", timeout=3, type=Order), Order)
    assert_type(await continuum.wait_signal("o"), Any)
    asked = await continuum.wait_question("o", timeout=3, type=Order, check=lambda each: each.id)
    assert_type(asked.value, Order)
    asked.answer(order)
    asked.refuse("no")
    assert_type((await continuum.wait_question("o")).value, Any)
    assert_type(continuum.info().incarnation, int)
    assert_type(continuum.rng().choice([1, 2]), int)
    assert_type(await continuum.run_child(bare, 3), list[int])
    assert_type(continuum.patched("p"), bool)
    continuum.set_attributes({"stage": "paid"})
    if express:
        continuum.continue_as_new(order, False)
    return payment


@workflow
async def bare(count: int) -> list[int]:
    return [count]


async def client(ct: Continuum) -> None:
    run = await ct.start(order_flow, Order("o1", 4200), namespace="billing", attributes={"a": 1})
    assert_type(run, RunHandle[str])
    assert_type(await run.result(timeout=30), str)
    assert_type(await run.ask("o", Order("o1", 1), id="q", type=Order, timeout=3), Order)
    assert_type(await ct.ask(run.id, "o", type=int, reason="why"), int)
    assert_type(await run.ask("o"), Any)
    keyed = await ct.signal_with_start(order_flow, Order("o1", 1), key="k", signal="go", payload=1)
    assert_type(keyed, RunHandle[str])
    assert_type(await ct.start("order", 3, key="k", delay=2.5), RunHandle[Any])
    with Continuum.blocking() as blocking:
        assert_type(blocking.start(bare, 3, key_reuse="reject").result(), list[int])
    assert_type(await ct.get_run(run.id), Run)
    assert_type(await bare(3), list[int])
