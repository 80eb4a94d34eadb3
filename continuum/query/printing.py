"""A tree as text that parses to the same tree."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, assert_never
from uuid import UUID

from continuum.query.times import format_interval
from continuum.query.tree import (
    NEWEST_FIRST,
    All,
    AnyOf,
    Compare,
    Comparison,
    Condition,
    Exists,
    Field,
    JsonText,
    Matches,
    Not,
    OneOf,
    Operand,
    Order,
    Relative,
)

_SIGNS: Final = {
    Comparison.EQ: "=",
    Comparison.LT: "<",
    Comparison.LTE: "<=",
    Comparison.GT: ">",
    Comparison.GTE: ">=",
}
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def print_query(condition: Condition, order: Order) -> str:
    """The expression of a condition and an order; newest first goes without saying."""
    parts = [] if condition == All() else [print_condition(condition)]
    if order != NEWEST_FIRST:
        direction = " desc" if order.descending else ""
        parts.append(f"order by {print_operand(order.operand)}{direction}")
    return " ".join(parts)


def print_condition(condition: Condition) -> str:
    """The condition without an order."""
    match condition:
        case All(parts):
            return " and ".join(_bracketed(part) for part in parts) or "true"
        case AnyOf(parts):
            return " or ".join(_bracketed(part) for part in parts) or "false"
        case Not(part):
            return _print_negation(part)
        case Compare(operand, comparison, value):
            return f"{print_operand(operand)} {_SIGNS[comparison]} {print_value(value)}"
        case OneOf(operand, values):
            return f"{print_operand(operand)} in ({', '.join(map(print_value, values))})"
        case Matches(operand, pattern, ignore_case):
            like = "ilike" if ignore_case else "like"
            return f"{print_operand(operand)} {like} {_quoted(pattern)}"
        case Exists(operand):
            return f"{print_operand(operand)} is not null"
        case _:
            assert_never(condition)


def _print_negation(part: Condition) -> str:
    match part:
        case Exists(operand):
            return f"{print_operand(operand)} is null"
        case Compare(operand, Comparison.EQ, value):
            return f"{print_operand(operand)} != {print_value(value)}"
        case Matches(operand, pattern, ignore_case):
            like = "ilike" if ignore_case else "like"
            return f"{print_operand(operand)} not {like} {_quoted(pattern)}"
        case OneOf(operand, values):
            return f"{print_operand(operand)} not in ({', '.join(map(print_value, values))})"
        case _:
            return f"not {_bracketed(part)}"


def _bracketed(part: Condition) -> str:
    text = print_condition(part)
    return f"({text})" if isinstance(part, All | AnyOf) and part.parts else text


def print_operand(operand: Operand) -> str:
    """`state`, `attributes.plan`, `attributes."odd key"`."""
    if isinstance(operand, Field):
        return operand.name
    return ".".join(("attributes", *(_print_key(key) for key in operand.path)))


def _print_key(key: str) -> str:
    if _PLAIN_KEY.fullmatch(key):
        return key
    escaped = key.replace('"', '""')
    return f'"{escaped}"'


def print_value(value: Any) -> str:
    """`'pro'`, `4`, `true`, `now() - interval '2 hours'`."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case JsonText(text):
            return f"{_quoted(text)}::jsonb"
        case Relative(base, offset):
            sign = "-" if offset < timedelta() else "+"
            shift = f" {sign} interval '{format_interval(offset)}'" if offset else ""
            return f"{base}(){shift}"
        case datetime():
            return _quoted(value.isoformat())
        case str() | UUID():
            return _quoted(str(value))
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be in a query")


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
