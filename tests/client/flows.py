"""Workflows for the client's tests."""

from __future__ import annotations

from dataclasses import dataclass

import continuum
from continuum import activity, workflow


@dataclass(frozen=True)
class Order:
    id: str
    cents: int


@activity
async def price(order: Order) -> int:
    return order.cents * 2


@workflow
async def total(order: Order) -> Order:
    """Answers a dataclass."""
    return Order(order.id, await price(order))


@workflow
async def approval(name: str) -> str:
    """Waits for a signal."""
    return f"{name}: {await continuum.wait_signal('go', type=str)}"


@workflow
async def collecting(count: int) -> list[int]:
    """Collects signals in order of arrival."""
    return [await continuum.wait_signal("go", type=int) for _ in range(count)]


@workflow
async def failing(text: str) -> None:
    """Raises."""
    raise ValueError(text)


@workflow
async def pricing() -> str:
    """Answers what an order costs, once."""
    question = await continuum.wait_question("price", type=Order)
    question.answer(Order(question.value.id, await price(question.value)))
    return question.id


ALL = [total, approval, collecting, failing, pricing]
