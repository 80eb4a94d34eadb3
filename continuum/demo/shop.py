"""The workflows and activities of a small shop.

Serve them with `--app continuum.demo.shop --queues mail`.

The outside world is played by short sleeps, by the card token of a payment (`tok_declined` is
always refused, `tok_flaky` meets a gateway that is often too slow, all others work) and by the
goods: no carrier takes a `piano`.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import continuum
from continuum import Retry, activity, workflow

REVIEW_FROM: Final = 25_000
"""Orders of this many cents and more wait for the fraud desk."""
APPROVAL_FROM: Final = 10_000
"""Refunds of this many cents and more wait for a manager."""
PERIODS_AT_ONCE: Final = 2
"""After so many periods a subscription goes on with a fresh history."""
REGIONS: Final = ("eu", "us", "apac", "latam")
MAIL: Final = "mail"
"""The queue of everything that is written to somebody."""


class CardDeclined(Exception):
    """The bank says no; trying again does not help."""


class GatewayTimeout(Exception):
    """The payment gateway was too slow; trying again may help."""


class CarrierRefused(Exception):
    """No carrier takes these goods; asking again does not help."""


class WarehouseBusy(Exception):
    """The sales database did not answer; trying again may help."""


class OrderRejected(Exception):
    """The fraud desk refused the order."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer wants to buy; `amount` in cents."""

    id: str
    customer_id: str
    region: str
    amount: int
    card: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a customer gets for an order."""

    order_id: str
    payment_id: str
    tracking: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """Something to be paid; `amount` in cents."""

    id: str
    customer_id: str
    amount: int
    card: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Money to be given back for an order; `amount` in cents."""

    order_id: str
    customer_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A plan that is billed `periods` times, `every` seconds."""

    id: str
    customer_id: str
    plan: str
    amount: int
    card: str
    periods: int
    every: float


@dataclass(frozen=True, slots=True)
class RegionSales:
    """One region's line of the nightly report."""

    region: str
    orders: int
    revenue: int


async def _outside_world(shortest: float = 0.02, longest: float = 0.25) -> None:
    await asyncio.sleep(random.uniform(shortest, longest))


@activity(name="shop:reserve_stock")
async def reserve_stock(order: Order) -> str:
    """Put the items aside."""
    await _outside_world()
    return f"res_{order.id}"


@activity(name="shop:release_stock", retry=Retry(max_attempts=5, initial=0.2))
async def release_stock(order_id: str) -> None:
    """Put back what was put aside for an order, if anything."""
    await _outside_world()


def _payment_key(reference: str, amount: int, card: str) -> str:
    """What is paid once, however often it is asked for."""
    return f"charge {reference}"


@activity(
    name="shop:charge_card",
    retry=Retry(
        max_attempts=4, initial=0.3, max_delay=3, jitter=0.3, non_retryable=(CardDeclined,)
    ),
    timeout=timedelta(seconds=10),
    idempotency_key=_payment_key,
)
async def charge_card(reference: str, amount: int, card: str) -> str:
    """Take the money; the id of the payment."""
    await _outside_world(0.05, 0.4)
    if card == "tok_declined":
        raise CardDeclined(f"card {card} declined for {reference}")
    if card == "tok_flaky" and random.random() < 0.55:
        raise GatewayTimeout(f"no answer from the gateway for {reference}")
    return f"pay_{reference}"


@activity(name="shop:refund_payment", retry=Retry(max_attempts=5, initial=0.3))
async def refund_payment(reference: str, amount: int) -> str:
    """Give back up to `amount` of what was charged for a reference, if anything was."""
    await _outside_world(0.05, 0.3)
    return f"ref_{reference}"


@activity(name="shop:pack")
async def pack(reservation: str) -> str:
    """Pack the items; the id of the parcel."""
    await _outside_world(0.1, 0.6)
    return f"box_{reservation}"


@activity(name="shop:print_label")
async def print_label(order: Order) -> str:
    """Print the shipping label."""
    await _outside_world()
    return f"label_{order.region}_{order.id}"


@activity(
    name="shop:ship", retry=Retry(max_attempts=3, initial=0.5, non_retryable=(CarrierRefused,))
)
async def ship(order: Order, parcel: str, label: str) -> str:
    """Hand the parcel to the carrier; the tracking number."""
    await _outside_world(0.1, 0.5)
    if "piano" in order.items:
        raise CarrierRefused(f"no carrier takes the piano of order {order.id}")
    return f"trk_{parcel}_{label}"


@activity(name="shop:send_mail", retry=Retry(max_attempts=3, initial=0.2), queue=MAIL)
async def send_mail(customer_id: str, subject: str) -> None:
    """Write to the customer."""
    await _outside_world(0.01, 0.05)


@activity(
    name="shop:collect_sales",
    retry=Retry(max_attempts=8, initial=0.5, max_delay=3),
    heartbeat_timeout=10,
)
async def collect_sales(region: str, day: date) -> RegionSales:
    """Add up a day of one region, store by store; a new attempt goes on where the last one was."""
    first: int = continuum.last_heartbeat(int) or 0
    for store in range(first, 4):
        await _outside_world(0.05, 0.4)
        if random.random() < 0.08:
            raise WarehouseBusy(f"no answer for store {store + 1} of {region}")
        continuum.heartbeat(store + 1)
    orders = random.randint(40, 400)
    return RegionSales(region, orders, orders * random.randint(2_000, 9_000))


@activity(name="shop:render_report")
def render_report(day: date, sales: list[RegionSales]) -> str:
    """Lay the report out (a plain function: it runs in a thread)."""
    total = sum(line.revenue for line in sales)
    return f"{day.isoformat()}: {sum(line.orders for line in sales)} orders, {total / 100:,.2f}"


@workflow(name="shop:order_flow")
async def order_flow(order: Order) -> Receipt:
    """From the basket to the parcel; large orders wait for the signal `fraud_review`.

    When it fails or is cancelled, what was charged is refunded and what was reserved released.
    """
    async with continuum.saga() as saga:
        continuum.set_attributes({"stage": "reserving"})
        saga.undo(release_stock, order.id)
        reservation = await reserve_stock(order)
        if order.amount >= REVIEW_FROM:
            continuum.set_attributes({"stage": "fraud review"})
            if await _fraud_verdict() == "rejected":
                raise OrderRejected(f"order {order.id} was rejected by the fraud desk")
        continuum.set_attributes({"stage": "payment"})
        saga.undo(refund_payment, order.id, order.amount)
        payment_id = await charge_card(order.id, order.amount, order.card)
        continuum.set_attributes({"stage": "shipping"})
        parcel, label = await asyncio.gather(pack(reservation), print_label(order))
        tracking = await ship(order, parcel, label)
    continuum.set_attributes({"stage": "shipped"})
    if continuum.patched("tracking-mail"):  # orders of an earlier release get none
        await send_mail(order.customer_id, f"order {order.id} is on its way: {tracking}")
    return Receipt(order.id, payment_id, tracking)


async def _fraud_verdict() -> str:
    try:
        return await continuum.wait_signal("fraud_review", timeout=timedelta(hours=1), type=str)
    except TimeoutError:
        return "approved"


@workflow(name="shop:invoice_flow")
async def invoice_flow(invoice: Invoice) -> str:
    """Collect one invoice."""
    payment_id = await charge_card(invoice.id, invoice.amount, invoice.card)
    await send_mail(invoice.customer_id, f"invoice {invoice.id} is paid")
    return payment_id


@workflow(name="shop:refund_flow")
async def refund_flow(refund: Refund) -> str:
    """Give money back; large refunds wait for the signal `approve_refund`."""
    if refund.amount >= APPROVAL_FROM:
        approved = await continuum.wait_signal("approve_refund", type=bool)
        if not approved:
            await send_mail(refund.customer_id, "we cannot refund this payment")
            return "refused"
    refund_id = await refund_payment(refund.order_id, refund.amount)
    await send_mail(refund.customer_id, f"refund {refund_id} is on its way")
    return refund_id


@workflow(name="shop:subscription_flow")
async def subscription_flow(subscription: Subscription, first: int = 1) -> int:
    """Bill a plan period after period, asleep in between; how often it was paid."""
    last = min(first + PERIODS_AT_ONCE - 1, subscription.periods)
    for period in range(first, last + 1):
        reference = f"{subscription.id}-{period}"
        await charge_card(reference, subscription.amount, subscription.card)
        continuum.set_attributes({"paid_periods": period})
        await continuum.sleep(subscription.every)
    if last < subscription.periods:
        continuum.continue_as_new(subscription, last + 1)
    await send_mail(subscription.customer_id, f"your plan {subscription.plan} has ended")
    return subscription.periods


@workflow(name="shop:region_report")
async def region_report(region: str, day: date) -> RegionSales:
    """One region's part of the nightly report."""
    sales = await collect_sales(region, day)
    continuum.set_attributes({"revenue": sales.revenue})
    return sales


@workflow(name="shop:nightly_report")
async def nightly_report(day: date, regions: tuple[str, ...]) -> str:
    """A child for every region, all at the same time; then the report is written."""
    parts = [
        continuum.run_child(region_report, region, day, attributes={"region": region})
        for region in regions
    ]
    report = await render_report(day, await asyncio.gather(*parts))
    await send_mail("management", report)
    return report


WORKFLOWS: Final = (
    order_flow, invoice_flow, refund_flow, subscription_flow, nightly_report, region_report,
)  # fmt: skip
ON_QUEUES: Final = (send_mail,)
"""Activities that a worker of the shop's queues runs."""
