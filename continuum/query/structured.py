"""The structured spelling: `where=[("eq", ["attributes", "plan"], "pro")]` to a tree."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeGuard, cast

from continuum.errors import QueryError
from continuum.query.fields import MAX_INTEGER, Kind, check_text, find_field, fit, nearest
from continuum.query.tree import (
    NEWEST_FIRST,
    All,
    AnyOf,
    Attribute,
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
)

MAX_DEPTH: Final = 32
MAX_CONDITIONS: Final = 256
MAX_VALUES: Final = 1000
MAX_PATH: Final = 16


def parse_where(where: object) -> Condition:
    """The tree of a structured condition; None or an empty list matches everything.

    Args:
        where: one condition (a sequence that starts with a string) or a sequence of conditions,
            all of which must hold.

    Raises:
        QueryError: says which condition is wrong and how to write it.

    Example:
        `parse_where([("eq", "state", "failed"), ("exists", ["attributes", "plan"])])`
    """
    return _Parser().where(where)


def parse_order(order: object) -> Order:
    """The order of `("desc", "started_at")`; None is newest first.

    Raises:
        QueryError: not a direction and a run field.
    """
    if order is None:
        return NEWEST_FIRST
    if not _is_sequence(order) or len(order) != 2 or order[0] not in ("asc", "desc"):
        raise QueryError(
            f"cannot order by {str(order)[:80]!r}",
            hint='write order_by=("desc", "started_at"): "asc" or "desc" and one run field',
        )
    operand = _operand(order[1])
    if isinstance(operand, Attribute):
        raise QueryError("cannot order by an attribute", hint="order by a run field")
    return Order(operand, descending=order[0] == "desc")


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


def _operand(path: object) -> Operand:
    keys = [path] if isinstance(path, str) else path
    if not _is_sequence(keys) or not keys:
        raise QueryError(
            f"{str(path)[:80]!r} is not a field",
            hint='a field is "state", an attribute is ["attributes", "plan"]',
        )
    names = list(keys)
    if not all(isinstance(name, str) for name in names):
        raise QueryError(f"the path {str(path)[:80]!r} has a key that is not text")
    first, *rest = cast("list[str]", names)
    if first != "attributes" or isinstance(path, str):
        if rest:
            raise QueryError(f"field {first[:80]!r} has no parts", hint="only attributes have")
        return Field(find_field(first).name)
    if not rest or len(rest) > MAX_PATH:
        raise QueryError(
            f"an attribute path has 1 to {MAX_PATH} keys",
            hint='for example ["attributes", "plan"]',
        )
    return Attribute(tuple(check_text(key, "attribute key") for key in rest))


def _name(operand: Operand) -> str:
    return operand.name if isinstance(operand, Field) else ".".join(("attributes", *operand.path))


def _value(operand: Operand, value: object) -> Any:
    if isinstance(operand, Field):
        return fit(find_field(operand.name), value)
    return _attribute_value(operand, value)


def _attribute_value(operand: Operand, value: object) -> Any:
    name = _name(operand)
    if value is None:
        raise QueryError(
            f"{name}: null is never equal to anything", hint="use exists or missing instead"
        )
    if isinstance(value, str):
        return check_text(value, name)
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= MAX_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dict | list | tuple):
        return _json_text(name, cast("object", value))
    raise QueryError(f"{name}: {str(value)[:60]!r} is not a JSON value")


def _json_text(name: str, value: object) -> JsonText:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise QueryError(f"{name}: the value is not JSON") from None
    if "\\u0000" in text:
        raise QueryError(f"{name}: text with a NUL never matches")
    return JsonText(check_text(text, name))


class _Parser:
    """Counts conditions and depth while it builds the tree."""

    def __init__(self) -> None:
        self._conditions = 0

    def where(self, where: object) -> Condition:
        if where is None:
            return All()
        if not _is_sequence(where):
            raise QueryError(
                f"where is a list of conditions, not {type(where).__name__}",
                hint='for example [("eq", "state", "failed")]',
            )
        items = where
        if items and isinstance(items[0], str):
            return self._condition(items, 1)
        return All(tuple(self._condition(item, 1) for item in items))

    def _condition(self, node: object, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise QueryError(f"conditions are nested deeper than {MAX_DEPTH}")
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise QueryError(f"more than {MAX_CONDITIONS} conditions")
        if not _is_sequence(node) or not node or not isinstance(node[0], str):
            raise QueryError(
                f"{str(node)[:80]!r} is not a condition",
                hint='a condition is (operator, path, value), as ("eq", "state", "failed")',
            )
        operator, *arguments = node
        if operator in ("and", "or"):
            return self._junction(str(operator), arguments, depth)
        if operator == "not":
            (part,) = _arity("not", arguments, 1)
            return Not(self._condition(part, depth + 1))
        return _leaf(str(operator), arguments)

    def _junction(self, operator: str, arguments: list[object], depth: int) -> Condition:
        (listed,) = _arity(operator, arguments, 1)
        if not _is_sequence(listed):
            raise QueryError(f'"{operator}" takes a list of conditions')
        parts = [self._condition(item, depth + 1) for item in listed]
        return All(tuple(parts)) if operator == "and" else AnyOf(tuple(parts))


def _arity(operator: str, arguments: list[object], count: int) -> list[object]:
    if len(arguments) != count:
        raise QueryError(f'"{operator}" takes {count} after its name, not {len(arguments)}')
    return arguments


def _leaf(operator: str, arguments: list[object]) -> Condition:
    build = _LEAVES.get(operator)
    if build is None:
        suggestion = nearest(operator, [*_LEAVES, "and", "or", "not"])
        hint = None if suggestion else f"operators are {', '.join([*_LEAVES, 'and', 'or', 'not'])}"
        raise QueryError(f"unknown operator {operator[:60]!r}", suggestion=suggestion, hint=hint)
    arity, make = build
    _arity(operator, arguments, arity)
    return make(_operand(arguments[0]), arguments[1:])


def _compare(comparison: Comparison) -> Callable[[Operand, list[object]], Condition]:
    def make(operand: Operand, arguments: list[object]) -> Condition:
        value = _value(operand, arguments[0])
        if comparison is not Comparison.EQ:
            _check_ordered(operand, value)
        return Compare(operand, comparison, value)

    return make


def _check_ordered(operand: Operand, value: object) -> None:
    if isinstance(value, bool | JsonText):
        raise QueryError(
            f"{_name(operand)}: only numbers, text and times have an order", hint="use eq or neq"
        )
    if isinstance(operand, Field) and find_field(operand.name).kind is Kind.STATE:
        raise QueryError("states have no order", hint='use ("in", "state", [...])')


def _one_of(operand: Operand, arguments: list[object]) -> Condition:
    values = arguments[0]
    if not _is_sequence(values):
        raise QueryError(f"{_name(operand)}: in and not_in take a list of values")
    listed = values
    if len(listed) > MAX_VALUES:
        raise QueryError(f"{_name(operand)}: more than {MAX_VALUES} values")
    return OneOf(operand, tuple(_value(operand, value) for value in listed))


def _matches(*, ignore_case: bool) -> Callable[[Operand, list[object]], Condition]:
    def make(operand: Operand, arguments: list[object]) -> Condition:
        name, pattern = _name(operand), arguments[0]
        textual = isinstance(operand, Attribute) or (
            find_field(operand.name).kind in (Kind.TEXT, Kind.STATE)
        )
        if not textual or not isinstance(pattern, str):
            raise QueryError(f"{name}: like and ilike compare text with a text pattern")
        trailing = len(pattern) - len(pattern.rstrip("\\"))
        if trailing % 2:
            raise QueryError(
                f"{name}: the pattern ends with an unfinished escape", hint="write \\\\"
            )
        return Matches(operand, check_text(pattern, name), ignore_case)

    return make


def _between(operand: Operand, arguments: list[object]) -> Condition:
    low, high = arguments
    return All((
        _compare(Comparison.GTE)(operand, [low]),
        _compare(Comparison.LTE)(operand, [high]),
    ))  # fmt: skip


_LEAVES: Final[dict[str, tuple[int, Callable[[Operand, list[object]], Condition]]]] = {
    "eq": (2, _compare(Comparison.EQ)),
    "neq": (2, lambda operand, rest: Not(_compare(Comparison.EQ)(operand, rest))),
    "lt": (2, _compare(Comparison.LT)),
    "lte": (2, _compare(Comparison.LTE)),
    "gt": (2, _compare(Comparison.GT)),
    "gte": (2, _compare(Comparison.GTE)),
    "in": (2, _one_of),
    "not_in": (2, lambda operand, rest: Not(_one_of(operand, rest))),
    "like": (2, _matches(ignore_case=False)),
    "ilike": (2, _matches(ignore_case=True)),
    "between": (3, _between),
    "exists": (1, lambda operand, _: Exists(operand)),
    "missing": (1, lambda operand, _: Not(Exists(operand))),
}
