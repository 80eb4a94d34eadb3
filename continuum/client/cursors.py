"""Pages of what a store lists by a key, and the cursors between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from continuum.errors import QueryError
from continuum.model import Page, Stamp

T = TypeVar("T")
LARGEST_ID: Final = 2**63 - 1


def page_of(found: Sequence[T], limit: int, cursor_of: Callable[[T], str], at: datetime) -> Page[T]:
    """The first `limit` of what was found, which is one more when there is a next page.

    Args:
        found: in order, at most `limit` + 1.
        limit: entries on the page.
        cursor_of: where the page after an entry begins.
        at: when it was read.
    """
    more = cursor_of(found[limit - 1]) if len(found) > limit else None
    return Page(tuple(found[:limit]), more, True, Stamp(at, 0.0))


def read_number(cursor: str | None, largest: int = LARGEST_ID) -> int | None:
    """The number in a cursor, at most `largest`.

    Raises:
        QueryError: it is no such cursor.
    """
    if cursor is None:
        return None
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 20 and int(cursor) <= largest:
        return int(cursor)
    raise _not_a_cursor(cursor)


def print_moment(at: datetime, entry_id: UUID) -> str:
    """A cursor for lists by time and id."""
    return f"{at.isoformat()} {entry_id}"


def read_moment(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The inverse of `print_moment`.

    Raises:
        QueryError: it is no such cursor.
    """
    if cursor is None:
        return None
    text, _, entry_id = cursor.partition(" ")
    try:
        at, known = datetime.fromisoformat(text), UUID(entry_id)
    except ValueError:
        raise _not_a_cursor(cursor) from None
    if at.tzinfo is None:
        raise _not_a_cursor(cursor)
    return at, known


def _not_a_cursor(cursor: str) -> QueryError:
    return QueryError(f"{cursor[:40]!r} is not a cursor", hint="use next_cursor as it was given")
