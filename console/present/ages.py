"""Times and durations as an operator reads them: short, and never wider than seven cells."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from enum import StrEnum

MINUTE, HOUR, DAY = 60, 3600, 86_400
MONTH = 27 * DAY
"""From here on the day of a month could be that of another month."""


class Times(StrEnum):
    """How moments are told."""

    RELATIVE = "relative"
    """`2m ago`; exact times in the zone of this machine."""
    UTC = "UTC"
    LOCAL = "local"


_told: Times = Times.RELATIVE


def told() -> Times:
    """How moments are told now, on every screen."""
    return _told


def tell(times: Times) -> None:
    """Tell moments like this from now on."""
    global _told
    _told = times


def _zone() -> tzinfo | None:
    return UTC if _told is Times.UTC else None


def duration(seconds: float) -> str:
    """`420ms`, `1.4s`, `31s`, `14m03s`, `3h12m`, `2d04h`, `400d`."""
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        return f"{round(seconds * 1000)}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m{whole % MINUTE:02d}s"
    if whole < DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02d}m"
    if whole < 100 * DAY:
        return f"{whole // DAY}d{whole % DAY // HOUR:02d}h"
    return f"{whole // DAY}d"


def rough(seconds: float) -> str:
    """One unit: `3s`, `2m`, `5h`, `12d`."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m"
    if whole < DAY:
        return f"{whole // HOUR}h"
    return f"{whole // DAY}d"


def ago(then: datetime, now: datetime) -> str:
    """`now`, `3s ago`, `2m ago`; at most eight cells, also as a time: `09:26:53`, `14 09:26`."""
    seconds = (now - then).total_seconds()
    if _told is not Times.RELATIVE:
        at, today = then.astimezone(_zone()), now.astimezone(_zone())
        if at.date() == today.date():
            return at.strftime("%H:%M:%S")
        return at.strftime("%d %H:%M" if abs(seconds) < MONTH else "%y-%m-%d")
    return "now" if seconds < 1 else f"{rough(seconds)} ago"


def clock(at: datetime) -> str:
    """Wall-clock time to the millisecond."""
    return at.astimezone(_zone()).strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def stamp(at: datetime) -> str:
    """Date and time with the zone, to the second."""
    return at.astimezone(_zone()).strftime("%Y-%m-%d %H:%M:%S %Z")


def zone() -> str:
    """The zone in which times are shown: `UTC`, `CET`, `+0530`."""
    return datetime.now(UTC).astimezone(_zone()).strftime("%Z")
