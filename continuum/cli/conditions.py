"""Conditions and orders as given on the command line, checked before anything connects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from continuum.cli.inputs import parse_json, read_text
from continuum.errors import QueryError


def read_where(text: str | None) -> Any:
    """The structured condition in JSON text (`@file` and `-` allowed); None matches all.

    Raises:
        UsageError: not JSON.
        QueryError: not a condition.

    Example:
        >>> read_where('[["eq", "state", "failed"]]')
        [['eq', 'state', 'failed']]
    """
    if text is None:
        return None
    from continuum.query.structured import parse_where

    where = parse_json(read_text(text, "--where"), "--where")
    parse_where(where)
    return where


def read_order(text: str | None) -> tuple[str, str] | None:
    """The order from `FIELD`, `FIELD asc`, `FIELD desc`, or JSON `["desc", "FIELD"]`.

    Raises:
        QueryError: not a field and a direction.

    Example:
        >>> read_order("duration desc")
        ('desc', 'duration')
    """
    if text is None:
        return None
    from continuum.query.structured import parse_order

    spelled = text.lstrip().startswith("[")
    order: Any = parse_json(text, "--order-by") if spelled else _spoken_order(text)
    parse_order(order)
    return (order[0], order[1])


def check_cursor(
    cursor: str | None, *, namespace: str | None, where: Any, order: tuple[str, str] | None
) -> None:
    """Refuse a cursor that was changed or belongs to another query.

    Raises:
        QueryError: it does not go on where this query ended.
    """
    if cursor is None:
        return
    from continuum.query.cursor import decode
    from continuum.query.structured import parse_order, parse_where
    from continuum.query.tree import Query

    decode(Query(namespace, parse_where(where), parse_order(order)), cursor)


def check_group_by(names: Sequence[str]) -> None:
    """Refuse what is not a run field.

    Raises:
        QueryError: names the nearest field.
    """
    from continuum.query.fields import find_field

    for name in names:
        find_field(name)


def _spoken_order(text: str) -> tuple[str, str]:
    words = text.split()
    direction = words[1].lower() if len(words) == 2 else "asc"
    if len(words) not in (1, 2) or direction not in ("asc", "desc"):
        raise QueryError(
            f"cannot order by {text[:80]!r}", hint="write a field and asc or desc: started_at desc"
        )
    return (direction, words[0])
