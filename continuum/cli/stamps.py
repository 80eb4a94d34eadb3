"""When, where and how completely an answer was read, as the line on stderr says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.cli.records import format_time

if TYPE_CHECKING:
    from continuum.model import Stamp


def read_text(stamp: Stamp) -> str:
    """The moment and the server.

    Example:
        >>> from datetime import UTC, datetime
        >>> from continuum.model import Stamp
        >>> read_text(Stamp(datetime(2026, 11, 23, 12, tzinfo=UTC), 0.01, "replica", 0.25))
        'read at: 2026-11-23T12:00:00Z, replica, behind by: 0.2 s'
    """
    text = f"read at: {format_time(stamp.at)}, {stamp.source}"
    if stamp.source == "replica":
        behind = "unknown" if stamp.lag is None else f"{stamp.lag:.1f} s"
        text += f", behind by: {behind}"
    return text


def page_text(stamp: Stamp, *, complete: bool) -> str:
    """How much a page is of what it could be.

    Example:
        >>> from datetime import UTC, datetime
        >>> from continuum.model import Stamp
        >>> page_text(Stamp(datetime(2026, 11, 23, 12, tzinfo=UTC), 0.01), complete=True)
        'complete: true, read at: 2026-11-23T12:00:00Z, primary'
    """
    return f"complete: {'true' if complete else 'false'}, {read_text(stamp)}"


def count_text(stamp: Stamp) -> str:
    """What a number is worth.

    Example:
        >>> from datetime import UTC, datetime
        >>> from continuum.model import Stamp
        >>> count_text(Stamp(datetime(2026, 11, 23, 12, tzinfo=UTC), 0.01))
        'exact: true, complete: true, read at: 2026-11-23T12:00:00Z, primary'
    """
    exact = "true" if stamp.exact else "false (there are at least so many)"
    complete = "true" if stamp.complete else "false"
    return f"exact: {exact}, complete: {complete}, {read_text(stamp)}"
