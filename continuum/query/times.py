"""Times relative to the moment of reading, and the durations they are written with.

A day is 24 hours, and `today` begins at midnight UTC. Months and years have no fixed length.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, assert_never

from continuum.errors import QueryError
from continuum.query.tree import (
    All,
    AnyOf,
    Compare,
    Condition,
    Exists,
    Matches,
    Not,
    OneOf,
    Relative,
)

MAX_OFFSET: Final = timedelta(days=36_500)
_UNITS: Final = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONG: Final = {
    "microsecond": "us", "millisecond": "ms", "sec": "s", "second": "s", "min": "m", "minute": "m",
    "hr": "h", "hour": "h", "day": "d", "week": "w",
}  # fmt: skip
_NUMBER: Final = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_PART: Final = re.compile(rf"\s*({_NUMBER})\s*([a-z]+)", re.IGNORECASE)
_MOMENT: Final = re.compile(
    rf"(now|today)?(?:\s*([+-])\s*((?:{_NUMBER}(?:us|ms|[smhdw]))+))?", re.IGNORECASE
)


def parse_interval(text: str) -> timedelta:
    """The duration written as `2 days 3 hours`, `90 minutes` or `1h30m`.

    Raises:
        QueryError: a unit that is unknown or has no fixed length, or more than 100 years.
    """
    total, at = timedelta(), 0
    while at < len(text.rstrip()):
        part = _PART.match(text, at)
        if part is None:
            raise QueryError(
                f"{text[:60]!r} is not an interval", hint="for example interval '2 days 3 hours'"
            )
        total += _length(part[1], part[2].lower())
        if total > MAX_OFFSET:
            raise QueryError(f"the interval {text[:60]!r} is longer than 100 years")
        at = part.end()
    if not text.strip():
        raise QueryError("the interval is empty", hint="for example interval '2 days'")
    return total


def _length(number: str, unit: str) -> timedelta:
    short = unit if unit in _UNITS else _LONG.get(unit.removesuffix("s"))
    if short is None:
        hint = "units are us, ms, s, m, h, d, w, or written out: seconds, minutes, hours, days"
        if unit.startswith(("mon", "year", "decade", "centur")):
            hint = "months and years have no fixed length; write days"
        raise QueryError(f"no unit {unit[:30]!r}", hint=hint)
    whole, _, fraction = number.partition(".")
    size = _UNITS[short] // timedelta(microseconds=1)
    micros = int(whole) * size
    if fraction:
        micros += round(int(fraction) * size / 10 ** len(fraction))
    if micros > MAX_OFFSET // timedelta(microseconds=1):
        raise QueryError("an interval is at most 100 years")
    return timedelta(microseconds=micros)


def format_interval(interval: timedelta) -> str:
    """Text that `parse_interval` reads back exactly; of the size, whatever the sign.

    Example:
        >>> format_interval(timedelta(hours=26, seconds=1.5))
        '1 day 2 hours 1 second 500000 microseconds'
    """
    size = abs(interval)
    parts = (
        (size.days, "day"),
        (size.seconds // 3600, "hour"),
        (size.seconds // 60 % 60, "minute"),
        (size.seconds % 60, "second"),
        (size.microseconds, "microsecond"),
    )
    words = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number]
    return " ".join(words) or "0 seconds"


def parse_relative(text: str) -> Relative | None:
    """`now`, `today`, `-2h`, `now-30m`, `today+12h`; None for any other text.

    Example:
        >>> parse_relative("-2h")
        Relative(base='now', offset=datetime.timedelta(days=-1, seconds=79200))
    """
    moment = _MOMENT.fullmatch(text.strip())
    if moment is None or not moment[0]:
        return None
    base, sign, written = moment.groups()
    offset = timedelta() if written is None else parse_interval(written)
    start = "today" if base is not None and base.lower() == "today" else "now"
    return Relative(start, -offset if sign == "-" else offset)


def moment_of(relative: Relative, read_at: datetime) -> datetime:
    """The time it stands for when the query is read at `read_at`."""
    base = read_at.astimezone(UTC)
    if relative.base == "today":
        base = base.replace(hour=0, minute=0, second=0, microsecond=0)
    return base + relative.offset


def pin(condition: Condition, read_at: datetime) -> Condition:
    """The condition with every relative time turned into a fixed one.

    Args:
        condition: any.
        read_at: the moment the first page was read, with its time zone.
    """
    match condition:
        case Compare(operand, comparison, Relative() as value):
            return Compare(operand, comparison, moment_of(value, read_at))
        case OneOf(operand, values) if any(isinstance(value, Relative) for value in values):
            return OneOf(operand, tuple(_pinned(value, read_at) for value in values))
        case All(parts):
            return All(tuple(pin(part, read_at) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(pin(part, read_at) for part in parts))
        case Not(part):
            return Not(pin(part, read_at))
        case Compare() | OneOf() | Matches() | Exists():
            return condition
        case _:
            assert_never(condition)


def _pinned(value: Any, read_at: datetime) -> Any:
    return moment_of(value, read_at) if isinstance(value, Relative) else value
