"""Durations as people write them in options: `30d`, `12h`, `1h30m`."""

from __future__ import annotations

from datetime import timedelta

from continuum.cli.failures import UsageError
from continuum.errors import QueryError


def read_duration(text: str, option: str) -> timedelta:
    """The duration that an option has.

    Args:
        text: numbers with units: s, m, h, d, w; no longer than 100 years.
        option: for the error.

    Raises:
        UsageError: it is not one.

    Example:
        >>> read_duration("1d12h", "--older-than")
        datetime.timedelta(days=1, seconds=43200)
    """
    from continuum.query.times import parse_interval

    try:
        found = parse_interval(text)
    except QueryError as error:
        raise UsageError(f"{option}: {error.message}", hint=f"for example {option} 30d") from None
    if not text.strip():
        raise UsageError(f"{option} is empty", hint=f"for example {option} 30d")
    return found
