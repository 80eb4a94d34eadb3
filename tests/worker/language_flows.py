"""Workflows that use the whole language, for workers on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import continuum
from continuum import Retry, activity, workflow
from tests.worker.flows import add_one, calls, held

ledger: list[str] = []
"""What effects and compensations have done to the world, in order."""


@activity
async def charge(order: str) -> str:
    """Take the money."""
    ledger.append(f"charge {order}")
    await held.fn(f"{order}-charge")
    return f"payment for {order}"


@activity(retry=Retry(max_attempts=5, initial=0.01, factor=1.0))
async def refund(order: str) -> None:
    """Give it back, at the second try."""
    calls[f"{order}-refund"] += 1
    if calls[f"{order}-refund"] == 1:
        raise ConnectionError("bank is busy")
    await held.fn(f"{order}-refunding")
    ledger.append(f"refund {order}")


@activity
async def ship(order: str) -> str:
    """Send the goods."""
    await held.fn(f"{order}-ship")
    ledger.append(f"ship {order}")
    return f"shipped {order}"


class OrderRejected(Exception):
    """Fraud."""


@workflow
async def order_flow(order: str) -> str:
    """The example of the documentation."""
    async with continuum.saga() as saga:
        saga.undo(refund, order)
        await charge(order)
        try:
            verdict = await continuum.wait_signal("fraud_review", timeout=3600)
        except TimeoutError:
            verdict = "approved"
        if verdict == "rejected":
            raise OrderRejected(order)
        return await ship(order)


@workflow
async def labelled(order: str) -> str:
    """Sets attributes in two turns and in its last."""
    continuum.set_attributes({"stage": "new", "order": order})
    await add_one(1)
    continuum.set_attributes({"stage": "paid"})
    await add_one(1)
    continuum.set_attributes({"stage": "done", "total": 3})
    return "ok"


@workflow
async def double(n: int) -> int:
    """A child that works."""
    return await add_one(n) * 2


@workflow
async def waiting_child(n: int) -> str:
    """A child that waits, cleaning up when it is cancelled."""
    try:
        return await continuum.wait_signal("go")
    finally:
        await add_one(n)


@workflow
async def failing_child(n: int) -> None:
    """A child that fails."""
    raise ValueError(f"child {n}")


@workflow
async def fan_in(n: int) -> int:
    """Children at once, results summed."""
    return sum(await asyncio.gather(*(continuum.run_child(double, i) for i in range(n))))


@workflow
async def one_child() -> Any:
    """Waits for one child that waits."""
    return await continuum.run_child(waiting_child, 1)


@workflow
async def catching() -> list[str]:
    """Sees its child fail."""
    try:
        await continuum.run_child(failing_child, 7)
    except continuum.ChildFailed as error:
        return [error.type, error.error_message]
    return []


@workflow
async def leaving(policy: str) -> str:
    """Ends while its child waits."""
    handle = await continuum.start_child(waiting_child, 1, parent_close=policy)  # type: ignore[arg-type]
    await continuum.wait_signal("leave")
    return str(handle.id)


@workflow
async def inherits() -> str:
    """Its first turn, which inserts it, also starts a child."""
    continuum.set_attributes({"plan": "pro"})
    return await continuum.run_child(labelled, "child")


@workflow
async def nested(depth: int) -> int:
    """Children of children."""
    return depth if depth == 0 else await continuum.run_child(nested, depth - 1)


@workflow
async def rounds(n: int, last: int) -> list[Any]:
    """One activity and one signal an incarnation."""
    value = await add_one(n)
    heard = await continuum.wait_signal("tick") if n == last else None
    if n < last:
        continuum.continue_as_new(n + 1, last)
    return [value, heard, continuum.info().incarnation]


@workflow
async def spins(n: int) -> int:
    """Continues at once, in the turn that starts it too."""
    if n:
        continuum.continue_as_new(n - 1)
    return continuum.info().incarnation


@workflow
async def moves_on(n: int) -> list[Any]:
    """Leaves an activity, a child and untaken signals behind."""
    if n == 0:
        await continuum.start_child(waiting_child, 1)
        pending = asyncio.create_task(held("left-behind"))
        await continuum.wait_signal("go")
        continuum.continue_as_new(1)
        return [await pending]
    first = await continuum.wait_signal("x")
    return [await held("mine"), first, await continuum.wait_signal("x")]


@workflow
async def listener(n: int) -> list[int]:
    """A child that hears n numbers."""
    return [await continuum.wait_signal("n", type=int) for _ in range(n)]


@workflow
async def telling(round_: int) -> list[list[int]]:
    """Signals its children in the turn that starts them, later, and in its next incarnation."""
    if round_ == 0:
        for number in (1, 2):
            handle = await continuum.start_child(listener, 3)
            handle.signal("n", number)
        await held("told")
        for handle in continuum.children(listener):
            handle.signal("n", 5)
        await continuum.wait_signal("go")
        continuum.continue_as_new(1)
    handles = continuum.children(listener)
    for handle in handles:
        handle.signal("n", 10)
    return [await handle.result() for handle in handles]
