"""Durations as workflow code gives them."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from continuum.declare.functions import misplaced


def seconds_of(duration: object, what: str) -> float:
    """A duration in seconds; a workflow may also wait for ever, or not at all.

    Args:
        duration: a timedelta or seconds.
        what: the call that it is given to.

    Raises:
        DefinitionError: no duration.
    """
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    number = isinstance(duration, int | float) and not isinstance(duration, bool)
    if not number or duration != duration:
        raise misplaced(f"{what} takes a timedelta or seconds, not {duration!r:.80}")
    return float(cast("float", duration))
