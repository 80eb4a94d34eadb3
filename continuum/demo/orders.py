"""What customers of the demo shop do next: an endless, seeded sequence of runs to start."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from continuum.demo import shop

PLANS: Final = ("free", "pro", "team", "enterprise")
_GOODS: Final = ("lamp", "desk", "chair", "kettle", "bicycle", "guitar", "tent", "boots")
# One round: what runs at the same time in a small shop. Every round has a declined payment in
# billing, so that all states show soon.
_ROUND: Final = ("order",) * 9 + ("invoice",) * 4 + ("declined",) + ("refund",) * 2 + (
    "subscription",
) * 3 + ("report",)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrival:
    """One run to start.

    Attributes:
        flow, arguments: the workflow and its arguments.
        namespace, attributes: where it belongs and how it is found.
        signal: what somebody will have to send before it goes on, if anything.
    """

    flow: Any
    arguments: tuple[Any, ...]
    namespace: str
    attributes: dict[str, Any]
    signal: str | None = None


class Customers:
    """Draws arrivals.

    Args:
        seed: the same seed gives the same shop.
        first: number of the first arrival, so that ids of several demos differ.
    """

    def __init__(self, seed: int = 0, first: int = 1) -> None:
        self._random = random.Random(seed)
        self._number = first

    def arrivals(self) -> Iterator[Arrival]:
        """One round after the other, shuffled."""
        make = {
            "order": self._order,
            "invoice": self._invoice,
            "declined": lambda: self._invoice("tok_declined"),
            "refund": self._refund,
            "subscription": self._subscription,
            "report": self._report,
        }
        while True:
            kinds = list(_ROUND)
            self._random.shuffle(kinds)
            for kind in kinds:
                yield make[kind]()
                self._number += 1

    def _who(self, amount: int) -> dict[str, Any]:
        return {
            "customer_id": f"cus_{self._random.randint(1, 500):03d}",
            "plan": self._random.choices(PLANS, (5, 8, 4, 1))[0],
            "region": self._random.choice(shop.REGIONS),
            "amount": amount,
        }

    def _amount(self) -> int:
        return round(min(self._random.lognormvariate(9.5, 0.8), 500_000))

    def _card(self) -> str:
        return self._random.choices(("tok_visa", "tok_flaky", "tok_declined"), (70, 26, 4))[0]

    def _order(self) -> Arrival:
        amount = self._amount()
        who = self._who(amount)
        items = tuple(self._random.sample(_GOODS, self._random.randint(1, 3)))
        if self._random.random() < 0.04:
            items = ("piano",)
        order = shop.Order(
            f"o{self._number}", who["customer_id"], who["region"], amount, self._card(), items
        )
        signal = "fraud_review" if amount >= shop.REVIEW_FROM else None
        return Arrival(shop.order_flow, (order,), "orders", who | {"items": list(items)}, signal)

    def _invoice(self, card: str | None = None) -> Arrival:
        amount = self._amount()
        who = self._who(amount)
        invoice = shop.Invoice(f"i{self._number}", who["customer_id"], amount, card or self._card())
        return Arrival(shop.invoice_flow, (invoice,), "billing", who | {"kind": "invoice"})

    def _refund(self) -> Arrival:
        amount = self._amount() // 2
        who = self._who(amount)
        refund = shop.Refund(f"o{self._number}", who["customer_id"], amount)
        signal = "approve_refund" if amount >= shop.APPROVAL_FROM else None
        attributes = who | {"kind": "refund"}
        return Arrival(shop.refund_flow, (refund,), "billing", attributes, signal)

    def _subscription(self) -> Arrival:
        plan = self._random.choice(PLANS[1:])
        amount = {"pro": 1_900, "team": 4_900, "enterprise": 49_900}[plan]
        who = self._who(amount) | {"plan": plan, "kind": "subscription"}
        subscription = shop.Subscription(
            f"s{self._number}", who["customer_id"], plan, amount, self._card(),
            periods=self._random.randint(2, 7), every=self._random.uniform(1.5, 15.0),
        )  # fmt: skip
        return Arrival(shop.subscription_flow, (subscription,), "billing", who)

    def _report(self) -> Arrival:
        day = date(2026, 1, 1) + timedelta(days=self._number % 365)
        attributes = {"kind": "nightly", "day": day.isoformat()}
        return Arrival(shop.nightly_report, (day, shop.REGIONS), "reports", attributes)
