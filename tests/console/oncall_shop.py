"""The shop of the on-call tasks, and a database in which something of everything is going on."""

from __future__ import annotations

import asyncio
from typing import Final

from continuum import (
    Continuum,
    Retry,
    Run,
    activity,
    patched,
    run_child,
    set_attributes,
    wait_signal,
    workflow,
)
from tests.console import oncall_before
from tests.console.oncall_before import pay_back

TO_CANCEL: Final = 400
STUCK: Final = "A-1042"
FAILED: Final = "B-2001"


class GatewayTimeout(Exception):
    """The bank was too slow."""


class CardDeclined(Exception):
    """The bank says no."""


@activity(name="charge", retry=Retry(max_attempts=9, initial=3600, non_retryable=(CardDeclined,)))
async def charge(order: str, card: str) -> str:
    """Take the money."""
    if card == "slow":
        raise GatewayTimeout("no answer from the gateway")
    if card == "declined":
        raise CardDeclined(f"card declined for {order}")
    return f"payment of {order}"


@activity(name="reserve")
async def reserve(order: str) -> str:
    """Put the goods aside."""
    return f"goods of {order}"


@activity(name="write_ledger")
async def write_ledger(number: int) -> str:
    """What the deploy added."""
    return f"entry {number}"


@workflow(name="shop:payment")
async def payment(order: str, card: str) -> str:
    """One payment."""
    return await charge(order, card)


@workflow(name="shop:order")
async def order_flow(order: str, card: str) -> str:
    """Goods, money, and then the warehouse says when it is shipped."""
    await reserve(order)
    paid = await run_child(payment, order, card)
    return f"{paid} {await wait_signal('shipped', type=str)}"


@workflow(name="shop:invoice", version=2)
async def invoice(number: int) -> str:
    """Fails in two ways."""
    if number % 3:
        raise TimeoutError(f"mail server did not answer for {number}")
    raise LookupError(f"no customer {number}")


@workflow(name="shop:checkout")
async def checkout(order: str, card: str) -> str:
    """An order that is paid at once."""
    await reserve(order)
    return await charge(order, card)


@workflow(name="shop:refund", version=2)
async def refund(number: int) -> str:
    """Waits for an approval."""
    await wait_signal("approval")
    if patched("new-ledger"):
        await write_ledger(number)
    return await pay_back(number)


@workflow(name="shop:import")
async def import_rows(number: int) -> None:
    """Goes on until it is cancelled."""
    await wait_signal("go_on")


@workflow(name="shop:delivery")
async def delivery(stops: int) -> str:
    """Goes from stop to stop as the driver reports."""
    for stop in range(stops):
        name = await wait_signal("arrived", type=str)
        set_attributes({"stop": stop, "at": name})
    return "all delivered"


ALL = (order_flow, payment, checkout, invoice, refund, import_rows, delivery)


def fill(dsn: str) -> None:
    """Run the shop before the deploy and after it."""
    asyncio.run(_fill(dsn))


async def _fill(dsn: str) -> None:
    async with Continuum(dsn) as ct:
        async with ct.worker(oncall_before.ALL):
            await ct.start(oncall_before.refund, 7, namespace="billing")
            old = [await ct.start(oncall_before.invoice, n, namespace="billing") for n in range(4)]
            await _until(ct, old[-1].id, "failed")
            await _until_all(ct, "workflow = 'shop:refund' and state = 'suspended'", 1)
        async with ct.worker(ALL):
            for n in range(6):
                await ct.start(invoice, n, namespace="billing")
            await asyncio.gather(
                *(ct.start(import_rows, n, namespace="reports", attributes={"batch": "nightly"})
                  for n in range(TO_CANCEL))
            )  # fmt: skip
            for order, card in (("B-2000", "good"), (FAILED, "declined")):
                await ct.start(checkout, order, card, attributes={"order": order})
            await ct.start(delivery, 3, attributes={"order": "D-7"})
            await ct.start(order_flow, STUCK, "slow", attributes={"order": STUCK})
            await ct.start(refund, 8, attributes={"order": "R-8"})
            await _until_all(ct, "namespace = 'billing' and state = 'failed'", 10)
            await _until_all(ct, "state = 'suspended'", TO_CANCEL + 5)
            await _until_all(
                ct, "workflow = 'shop:checkout' and state in ('failed', 'completed')", 2
            )


async def _until(ct: Continuum, run_id: object, state: str) -> Run:
    for _ in range(3000):
        run = await ct.get_run(str(run_id))
        if run.state == state:
            return run
        await asyncio.sleep(0.02)
    raise AssertionError(f"{run_id} is never {state}")


async def _until_all(ct: Continuum, expression: str, count: int) -> None:
    found = 0
    for _ in range(1500):
        found = await ct.count(expression, namespace=None)
        if found >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{expression}: {found} of {count}")
