"""Conditions and orders as given on the command line, checked before anything connects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from continuum.cli.inputs import parse_json, read_text

if TYPE_CHECKING:
    from continuum.query.tree import Query


def read_expression(text: str | None) -> str | None:
    """The expression, or what `@file` or standard input (`-`) holds."""
    return None if text is None else read_text(text, "the expression").strip()


def read_where(text: str | None) -> Any:
    """The conditions in JSON text (`@file` and `-` allowed); None matches all.

    Raises:
        UsageError: not JSON.

    Example:
        >>> read_where('[["eq", "state", "failed"]]')
        [['eq', 'state', 'failed']]
    """
    return None if text is None else parse_json(read_text(text, "--where"), "--where")


def read_selection(text: str | None) -> dict[str, Any]:
    """The runs that `--where` names: JSON when it starts with `[`, else an expression.

    Raises:
        UsageError, QueryError: not a condition.

    Example:
        >>> read_selection("state = 'failed'")
        {'expression': "state = 'failed'"}
    """
    if text is None:
        return {}
    given = read_text(text, "--where").strip()
    selection: dict[str, Any] = {"expression": given}
    if given.startswith("["):
        selection = {"where": parse_json(given, "--where")}
    check_query(None, ordered=False, **selection)
    return selection


def read_order(text: str | None) -> Any:
    """The order: text as `FIELD`, `FIELD asc`, `attributes.KEY desc`, or `["desc", "FIELD"]`.

    Raises:
        UsageError: it starts like JSON and is not.
    """
    if text is not None and text.lstrip().startswith("["):
        return parse_json(text, "--order-by")
    return text


def check_query(
    namespace: str | None,
    *,
    expression: str | None = None,
    where: Any = None,
    order_by: Any = None,
    cursor: str | None = None,
    ordered: bool = True,
) -> Query:
    """The query; refuses what is none, and a cursor that was changed or belongs to another one.

    Raises:
        QueryError: says what is wrong, and where in an expression.
    """
    from continuum.query.building import build_query

    query = build_query(expression, namespace, where, order_by, ordered=ordered)
    if cursor is not None:
        from continuum.query.cursor import decode

        decode(query, cursor)
    return query


def group_names(text: str) -> list[str]:
    """The names of what a count is grouped by, as columns.

    Raises:
        QueryError: not a list of fields and attributes.

    Example:
        >>> group_names('state, attributes."odd key"')
        ['state', 'attributes."odd key"']
    """
    from continuum.query.fields import check_groupable
    from continuum.query.printing import print_operand
    from continuum.query.text import parse_operands

    operands = parse_operands(text)
    for operand in operands:
        check_groupable(operand)
    return [print_operand(operand) for operand in operands]
