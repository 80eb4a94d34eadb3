"""Numbers and times as the messages of findings say them."""

from __future__ import annotations

from datetime import datetime

from continuum.store.health import MOST


def many(number: int) -> str:
    """A number that was counted up to `MOST`."""
    return f"{number:,}" if number < MOST else f"{MOST:,} or more"


def seconds_since(moment: datetime, now: datetime) -> float:
    """Seconds that have passed; 0 for a moment to come."""
    return max((now - moment).total_seconds(), 0.0)


def lasting(seconds: float) -> str:
    """A duration, roughly."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(seconds: float) -> str:
    """How long something is past, roughly."""
    return f"{lasting(seconds)} ago"
