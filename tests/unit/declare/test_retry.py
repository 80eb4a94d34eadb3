"""Retry: bounds at definition, delays, jitter, what is never retried."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.declare.retry import Retry
from continuum.errors import DefinitionError

FRACTION = st.floats(0, 1)


def test_delays_grow_up_to_the_cap() -> None:
    """initial * factor^(n-1), never more than max_delay."""
    retry = Retry(max_attempts=9, initial=1, factor=3, max_delay=20)
    assert [retry.delay(attempt, 0.5) for attempt in range(1, 6)] == [1, 3, 9, 20, 20]


def test_durations_are_timedeltas_or_seconds() -> None:
    """Both forms mean the same."""
    assert Retry(initial=timedelta(milliseconds=250), max_delay=timedelta(minutes=1)) == Retry(
        initial=0.25, max_delay=60
    )


@given(st.integers(1, 2000), FRACTION, FRACTION)
def test_jitter_is_reserved_under_the_delay(attempt: int, jitter: float, random: float) -> None:
    """Jitter also spreads delays at the cap, and never lengthens one."""
    plain = Retry(initial=0.5, max_delay=30).delay(attempt, 0)
    delay = Retry(initial=0.5, max_delay=30, jitter=jitter).delay(attempt, random)
    assert plain * (1 - jitter) - 1e-9 <= delay <= plain <= 30


def test_jitter_at_the_cap_differs_between_callers() -> None:
    """Two callers at the cap with different random numbers wait differently long."""
    retry = Retry(max_delay=60, jitter=1.0)
    assert retry.delay(50, 0.1) != retry.delay(50, 0.9)


def test_no_delay_at_all() -> None:
    """initial=0 retries at once, however many attempts."""
    assert Retry(initial=0).delay(5000, 0.3) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"max_attempts": 0}, {"max_attempts": -1}, {"max_attempts": 1.5}, {"max_attempts": True},
        {"max_attempts": 10**9}, {"max_attempts": None}, {"max_attempts": "3"},
        {"initial": -1}, {"initial": math.nan}, {"initial": math.inf}, {"initial": True},
        {"initial": timedelta(seconds=-1)}, {"initial": "1s"}, {"max_delay": -0.1},
        {"max_delay": None}, {"factor": 0.5}, {"factor": math.nan}, {"factor": math.inf},
        {"factor": "2"}, {"jitter": -0.1}, {"jitter": 1.1}, {"jitter": math.nan},
        {"jitter": True}, {"non_retryable": [int]}, {"non_retryable": [3]},
        {"non_retryable": [""]}, {"non_retryable": None},
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_refused(options: dict[str, Any]) -> None:
    """At definition, naming the option."""
    (name,) = options
    with pytest.raises(DefinitionError, match=f"Retry: {name}"):
        Retry(**options)


class Declined(Exception):
    """An error not worth a retry."""


class DeclinedForGood(Declined):
    """A subclass of it."""


@pytest.mark.parametrize(
    "excluded", [Declined, f"{__name__}.Declined", "Declined", [Declined], (Declined, KeyError)]
)
def test_errors_that_are_never_retried(excluded: Any) -> None:
    """By class or qualified name, subclasses included, everything else is retried."""
    retry = Retry(non_retryable=excluded)
    assert not retry.retries(Declined())
    assert not retry.retries(DeclinedForGood())
    assert retry.retries(ValueError("Declined"))


def test_by_default_everything_may_be_retried() -> None:
    """Without exclusions only the number of attempts decides."""
    assert Retry().retries(ValueError())
    assert Retry().max_attempts == 1
