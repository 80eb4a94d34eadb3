"""The workflows under test: the order flow of the documentation, and some that misbehave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import continuum
from continuum import Retry, activity, workflow


class OrderRejected(Exception):
    """The review said no."""


@dataclass
class Order:
    id: str
    amount: int


@activity(retry=Retry(max_attempts=5), timeout=timedelta(seconds=30))
async def charge(order: Order) -> str:
    return f"payment-{order.id}"


@activity
async def refund(order_id: str) -> None:
    """Undone."""


@activity
def ship(order: Order) -> str:
    return f"shipped {order.id}"


@workflow
async def slow_desk() -> str:
    """Takes a question within an hour, and answers three days later."""
    began = continuum.now()
    question = await continuum.wait_question("open", timeout=3600)
    asked = (continuum.now() - began) // timedelta(seconds=1)
    await continuum.sleep(timedelta(days=3))
    answered = (continuum.now() - began) // timedelta(seconds=1)
    question.answer({"asked": asked, "answered": answered})
    return "closed"


@workflow(version=1)
async def order_flow(order: Order) -> str:
    try:
        await charge(order)
        try:
            verdict = await continuum.wait_signal("fraud_review", timeout=timedelta(hours=24))
        except TimeoutError:
            verdict = "approved"
        if verdict == "rejected":
            raise OrderRejected(order.id)
        return await ship(order)
    except BaseException:
        await refund(order.id)
        raise


@activity(name="testing:part")
async def part(number: int) -> int:
    return number * number


@workflow
async def fan_out(width: int) -> dict[str, Any]:
    """Everything whose order could matter, and must not."""
    squares = await asyncio.gather(*(part(n) for n in range(width)))
    await continuum.sleep(30)
    draw = continuum.rng().randint(1, 10**9)
    return {"sum": sum(squares), "draw": draw, "at": continuum.now().isoformat()}


@workflow
async def racing(width: int) -> int:
    """A bug: the result depends on who comes first."""
    tasks = [asyncio.ensure_future(part(n)) for n in range(width)]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*others)
    return min(task.result() for task in done)


@workflow
async def waiting() -> Any:
    return await continuum.wait_signal("go")


@workflow
async def napping(seconds: int) -> str:
    await continuum.sleep(seconds)
    return continuum.now().isoformat()
