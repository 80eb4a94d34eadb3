"""What a condition means, for runs in memory.

The same two-valued logic as the SQL it stands beside: a comparison with something missing, null or
of another type is false, so its negation is true.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, assert_never, cast

import msgspec

from continuum.query.ordering import exact_number
from continuum.query.tree import (
    All,
    AnyOf,
    Attribute,
    Compare,
    Comparison,
    Condition,
    Exists,
    JsonText,
    Matches,
    Not,
    OneOf,
    Operand,
)

ValueOf = Callable[[str], Any]
"""Gives the value of a run field by name, None when it is missing."""

_ORDER: Final[dict[Comparison, Callable[[Any, Any], bool]]] = {
    Comparison.LT: operator.lt,
    Comparison.LTE: operator.le,
    Comparison.GT: operator.gt,
    Comparison.GTE: operator.ge,
}


def holds(condition: Condition, value_of: ValueOf, attributes: Mapping[str, Any]) -> bool:
    """Whether a run with these fields and attributes matches."""
    match condition:
        case Not(part):
            return not holds(part, value_of, attributes)
        case All(parts):
            return all(holds(part, value_of, attributes) for part in parts)
        case AnyOf(parts):
            return any(holds(part, value_of, attributes) for part in parts)
        case Compare(operand, comparison, value):
            return _compare(stored(operand, value_of, attributes), comparison, value)
        case OneOf(operand, values):
            found = stored(operand, value_of, attributes)
            return any(_compare(found, Comparison.EQ, value) for value in values)
        case Matches(operand, pattern, ignore_case):
            found = stored(operand, value_of, attributes)
            return isinstance(found, str) and _like(found, pattern, ignore_case=ignore_case)
        case Exists(operand):
            return stored(operand, value_of, attributes) is not None
        case _:
            assert_never(condition)


def stored(operand: Operand, value_of: ValueOf, attributes: Mapping[str, Any]) -> Any:
    """The operand's value in that run; None when it is missing or null."""
    if not isinstance(operand, Attribute):
        return value_of(operand.name)
    value: Any = attributes
    for key in operand.path:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value).get(key)
    return value


def _compare(one: Any, comparison: Comparison, given: Any) -> bool:
    if one is None:
        return False
    if isinstance(given, JsonText):
        given = msgspec.json.decode(given.text)
    if comparison is Comparison.EQ:
        return _same(one, given)
    if isinstance(one, bool) or isinstance(given, bool):
        return type(one) is type(given) and _ORDER[comparison](one, given)
    first, second = exact_number(one), exact_number(given)
    return type(first) is type(second) and _ORDER[comparison](first, second)


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON values: types differ, or values do; numbers by value."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return type(one) is type(other) and one == other
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return first.keys() == second.keys() and all(_same(first[k], second[k]) for k in first)
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(cast("list[Any]", one), cast("list[Any]", other), strict=False)
        return len(one) == len(other) and all(_same(a, b) for a, b in pairs)  # pyright: ignore[reportUnknownArgumentType]
    first, second = exact_number(one), exact_number(other)
    return type(first) is type(second) and first == second


def _like(text: str, pattern: str, *, ignore_case: bool) -> bool:
    if ignore_case:
        text, pattern = _lower(text), _lower(pattern)
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters)))
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    return re.compile("".join(parts), re.DOTALL)


def _lower(text: str) -> str:
    """ASCII only, as ILIKE does under the C collation."""
    return "".join(c.lower() if c.isascii() else c for c in text)
