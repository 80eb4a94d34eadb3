"""Single conditions from an operand and plain values, checked: what both spellings build with."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from continuum.errors import QueryError
from continuum.query.fields import FIELDS, Kind, check_text, find_field, fit
from continuum.query.limits import MAX_INTEGER, MAX_PATH, MAX_VALUES
from continuum.query.tree import (
    Attribute,
    Compare,
    Comparison,
    Condition,
    Field,
    JsonText,
    Matches,
    OneOf,
    Operand,
    all_of,
)


def operand_of(keys: Sequence[str]) -> Operand:
    """The operand of a path: a field, or `attributes` and the keys inside them.

    Raises:
        QueryError: no such field; carries the nearest name.
    """
    first, *rest = keys
    if first == "attributes":
        if not rest or len(rest) > MAX_PATH:
            raise QueryError(
                f"an attribute path has 1 to {MAX_PATH} keys",
                hint='write attributes.plan, or ["attributes", "plan"] in JSON',
            )
        return Attribute(tuple(check_text(key, "attribute key") for key in rest))
    name = find_field(first).name
    if rest:
        raise QueryError(f"field {name} has no parts", hint="only attributes have")
    return Field(name)


def name_of(operand: Operand) -> str:
    """The operand as people write it in messages."""
    return operand.name if isinstance(operand, Field) else ".".join(("attributes", *operand.path))


def compare(operand: Operand, comparison: Comparison, value: object) -> Condition:
    """`operand <comparison> value`.

    Raises:
        QueryError: the value does not fit the operand, or has no order.
    """
    fitted = _value(operand, value)
    if comparison is not Comparison.EQ:
        _check_ordered(operand, fitted)
    return Compare(operand, comparison, fitted)


def between(operand: Operand, low: object, high: object) -> Condition:
    """At least `low` and at most `high`."""
    return all_of([
        compare(operand, Comparison.GTE, low), compare(operand, Comparison.LTE, high),
    ])  # fmt: skip


def one_of(operand: Operand, values: Sequence[object]) -> Condition:
    """The operand equals one of the values."""
    if len(values) > MAX_VALUES:
        raise QueryError(f"{name_of(operand)}: more than {MAX_VALUES:,} values")
    return OneOf(operand, tuple(_value(operand, value) for value in values))


def matches(operand: Operand, pattern: object, *, ignore_case: bool) -> Condition:
    """The operand is text like the pattern."""
    name = name_of(operand)
    textual = isinstance(operand, Attribute) or (
        FIELDS[operand.name].kind in (Kind.TEXT, Kind.STATE)
    )
    if not textual or not isinstance(pattern, str):
        raise QueryError(f"{name}: like and ilike compare text with a text pattern")
    trailing = len(pattern) - len(pattern.rstrip("\\"))
    if trailing % 2:
        raise QueryError(f"{name}: the pattern ends with an unfinished escape", hint="write \\\\")
    return Matches(operand, check_text(pattern, name), ignore_case)


def _check_ordered(operand: Operand, value: object) -> None:
    if isinstance(value, bool | JsonText):
        raise QueryError(
            f"{name_of(operand)}: only numbers, text and times have an order",
            hint="ask whether it is equal",
        )
    if isinstance(operand, Field) and FIELDS[operand.name].kind is Kind.STATE:
        raise QueryError("states have no order", hint="name them: state in (...)")


def _value(operand: Operand, value: object) -> Any:
    if isinstance(operand, Field):
        return fit(FIELDS[operand.name], value)
    name = name_of(operand)
    if value is None:
        raise QueryError(
            f"{name}: null is never equal to anything", hint="ask whether it is null or missing"
        )
    if isinstance(value, str):
        return check_text(value, name)
    if isinstance(value, bool | JsonText):
        return value
    if isinstance(value, int) and abs(value) <= MAX_INTEGER:
        return value
    if isinstance(value, float | Decimal) and math.isfinite(float(value)):
        return float(value)
    if isinstance(value, dict | list | tuple):
        return json_text(name, cast("object", value))
    raise QueryError(f"{name}: {str(value)[:60]!r} is not a JSON value that can be compared")


def json_text(name: str, value: object) -> JsonText:
    """An object or array as the tree holds it.

    Raises:
        QueryError: not JSON, or text that PostgreSQL cannot hold.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise QueryError(f"{name}: the value is not JSON") from None
    if "\\u0000" in text:
        raise QueryError(f"{name}: text with a NUL never matches")
    return JsonText(check_text(text, name))
