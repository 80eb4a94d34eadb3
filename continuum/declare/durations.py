"""A duration is a `timedelta` or seconds, everywhere."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

from continuum.errors import DefinitionError

Duration = timedelta | float
LONGEST: Final = 100 * 366 * 86400.0
"""A hundred years: beyond it, arithmetic on timestamps overflows."""


def seconds(value: object, what: str, *, zero: bool = False) -> float:
    """A duration in seconds.

    Args:
        value: a timedelta, or seconds.
        what: how errors name it.
        zero: whether 0 is allowed.

    Raises:
        DefinitionError: not a duration, negative, NaN, or beyond a hundred years.
    """
    if isinstance(value, timedelta):
        result = value.total_seconds()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        result = float(value)
    else:
        raise DefinitionError(
            f"{what} must be a timedelta or seconds, not {type(value).__qualname__}"
        )
    if math.isnan(result) or result < 0 or result > LONGEST or (result == 0 and not zero):
        bound = "at least 0" if zero else "more than 0"
        raise DefinitionError(f"{what} must be {bound} and at most 100 years, not {value}")
    return result


def optional_seconds(value: object, what: str) -> float | None:
    """Like `seconds`, and None stays None."""
    return None if value is None else seconds(value, what)
