"""One query from what a caller gives: text, data, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from continuum.codec.attributes import check_namespace
from continuum.errors import QueryError
from continuum.query.structured import parse_operand, parse_order, parse_where
from continuum.query.tree import NEWEST_FIRST, Condition, Operand, Order, Query, all_of

Direction: TypeAlias = Literal["asc", "desc"]
OrderBy: TypeAlias = tuple[Direction, str | Sequence[str]] | Sequence[str] | str
"""`("desc", "started_at")`, `("asc", ["attributes", "tier"])`, or `"attributes.tier desc"`."""


def build_query(
    expression: str | None,
    namespace: str | None,
    where: Sequence[Any] | None = None,
    order_by: OrderBy | None = None,
    *,
    ordered: bool = True,
) -> Query:
    """The query of a condition as text, as data, or both, which then both must hold.

    Args:
        expression: text, with or without an order.
        namespace: where to look; None is everywhere.
        where: conditions as data.
        order_by: the order, unless the text has one.
        ordered: whether there may be an order at all.

    Raises:
        QueryError: one of them is wrong, or the order is given twice.
        NamespaceError.
    """
    within = None if namespace is None else check_namespace(namespace)
    condition: Condition = parse_where(where)
    order = None if order_by is None else read_order(order_by)
    if expression is not None:
        from continuum.query.text import parse_text

        typed, typed_order = parse_text(expression)
        condition = all_of([typed, condition])
        if typed_order is not None:
            if order is not None or not ordered:
                problem = "the order is given twice" if ordered else "a count has no order"
                raise QueryError(problem, hint="leave order by out of the expression")
            order = typed_order
    return Query(within, condition, order or NEWEST_FIRST)


def read_order(order_by: OrderBy) -> Order:
    """An order as data or text.

    Raises:
        QueryError: not a field or attribute and a direction.
    """
    if not isinstance(order_by, str):
        return parse_order(order_by)
    from continuum.query.text import parse_order_text

    return parse_order_text(order_by)


def read_operands(group_by: str | Sequence[str]) -> list[Operand]:
    """Operands as text, several with commas between them, or one as a path.

    Raises:
        QueryError: not a field or attribute.
    """
    if not isinstance(group_by, str):
        return [parse_operand(group_by)]
    from continuum.query.text import parse_operands

    return parse_operands(group_by)
