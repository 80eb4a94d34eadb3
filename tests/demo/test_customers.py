"""What the demo's customers do: repeatable, believable, and soon in every state."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from continuum.codec.attributes import check_attributes
from continuum.demo import shop
from continuum.demo.orders import Customers
from continuum.demo.summary import percentile


def test_a_seed_repeats_the_customers() -> None:
    """The same seed draws the same arrivals, another one does not."""
    first, again = (list(islice(Customers(seed=1).arrivals(), 60)) for _ in range(2))
    assert first == again
    assert first != list(islice(Customers(seed=2).arrivals(), 60))


@pytest.mark.parametrize("seed", range(5))
def test_every_round_has_it_all(seed: int) -> None:
    """Twenty arrivals bring every workflow, and a payment in billing that must fail."""
    arrivals = list(islice(Customers(seed=seed).arrivals(), 20))
    assert {a.flow for a in arrivals} == {*shop.WORKFLOWS} - {shop.region_report}  # a child
    assert {arrival.namespace for arrival in arrivals} == {"billing", "orders", "reports"}
    declined = [
        a for a in arrivals if a.flow is shop.invoice_flow and a.arguments[0].card == "tok_declined"
    ]
    assert declined


def test_arguments_and_attributes_can_be_stored() -> None:
    """Every arrival passes the checks of a real start."""
    arrivals = list(islice(Customers(seed=3).arrivals(), 300))
    for arrival in arrivals:
        encoded = arrival.flow.signature.encode(arrival.arguments, {})
        decoded = arrival.flow.signature.decode(encoded)
        assert decoded[: len(arrival.arguments)] == arrival.arguments  # then come defaults
        assert check_attributes(arrival.attributes) == arrival.attributes
    waiting = Counter(arrival.signal for arrival in arrivals)
    assert waiting["fraud_review"] > 3
    assert waiting["approve_refund"] > 3


def test_percentiles() -> None:
    """The share of values that lie at or below the answer."""
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.95) == 95
    assert percentile([], 0.5) == 0
    assert percentile([7.0], 0.95) == 7
