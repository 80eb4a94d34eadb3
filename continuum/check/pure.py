"""`@continuum.pure`: its author vouches for what the check cannot see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

MARK: Final = "__continuum_pure__"


def pure(fn: F) -> F:
    """Declare that a helper depends on its arguments alone and changes nothing.

    The determinism check then accepts the calls in it that it cannot see into. What it can see
    is still checked, in it and in everything it reaches.

    Example:
        @continuum.pure
        def price(order: Order) -> Decimal:
            return rate_table.lookup(order.sku)
    """
    setattr(fn, MARK, True)
    return fn
