"""An order that is traced."""

from __future__ import annotations

from collections import Counter

from opentelemetry import trace

import continuum
from continuum import Retry, activity, workflow

tries: Counter[str] = Counter()


def outside(name: str) -> None:
    """What an instrumented library records inside an activity."""
    with trace.get_tracer("bank").start_as_current_span(name):
        pass


@activity(name="charge", retry=Retry(max_attempts=3, initial=0.01))
async def charge(order: str) -> str:
    """Refused at first."""
    tries[order] += 1
    outside(f"bank {tries[order]}")
    if tries[order] == 1:
        raise ConnectionError("the bank is closed")
    return "paid"


@activity(name="pack")
def pack(order: str) -> None:
    """On a thread."""
    outside("robot")


@activity(name="label", idempotency_key="label")
def label(order: str) -> None:
    """On a thread, with a key."""
    outside("printer")


@activity(name="mail", queue="mail")
async def mail(order: str) -> None:
    """In another worker."""
    outside("smtp")


@workflow(name="ship")
async def ship(order: str) -> str:
    """The child."""
    await pack(order)
    return "shipped"


@workflow(name="order")
async def order_flow(order: str) -> str:
    """An activity that is retried, a signal, a child."""
    await charge(order)
    await continuum.wait_signal("go")
    return await continuum.run_child(ship, order)


@workflow(name="letters")
async def letters(order: str) -> None:
    """Activities that run elsewhere than in a task of this worker."""
    await label(order)
    await mail(order)


@activity(name="once")
async def once(order: str) -> str:
    """Refused at first, without a retry of its own."""
    tries[order] += 1
    if tries[order] == 1:
        raise ConnectionError("the bank is closed")
    return "paid"


@workflow(name="broken")
async def broken(order: str) -> str:
    """Fails until somebody has it tried again."""
    return await once(order)


@workflow(name="monthly")
async def monthly(left: int) -> int:
    """Two incarnations, each with an activity."""
    await charge(f"month {left}")
    if left:
        continuum.continue_as_new(left - 1)
    return left


@workflow(name="asked")
async def asked() -> None:
    """Answers once."""
    (await continuum.wait_question("price")).answer(7)
