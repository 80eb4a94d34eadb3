"""What the query language means, written a second time: plain Python over dictionaries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

MISSING = object()
TIMES = ("started_at", "updated_at", "completed_at")
RELATIVE: dict[Any, Callable[[datetime], datetime]] = {
    "now": lambda read_at: read_at,
    "-36h": lambda read_at: read_at - timedelta(hours=36),
    "today": lambda read_at: datetime.combine(read_at.astimezone(UTC), time(), UTC),
}


def holds(node: Any, run: dict[str, Any]) -> bool:
    """Whether a structured condition (or a list of them) holds for a run."""
    if isinstance(node, list):
        return all(holds(part, run) for part in node)
    operator, *arguments = node
    match operator:
        case "and":
            return all(holds(part, run) for part in arguments[0])
        case "or":
            return any(holds(part, run) for part in arguments[0])
        case "not":
            return not holds(arguments[0], run)
        case _:
            return _leaf(operator, arguments, run)


def _leaf(operator: str, arguments: list[Any], run: dict[str, Any]) -> bool:
    path, *rest = arguments
    stored = value_at(path, run)
    if operator in ("exists", "missing"):
        there = stored is not MISSING and stored is not None
        return there == (operator == "exists")
    if operator in ("neq", "not_in"):
        return not _leaf({"neq": "eq", "not_in": "in"}[operator], arguments, run)
    if operator == "in":
        return any(_compare("eq", stored, _given(path, value, run)) for value in rest[0])
    if operator == "between":
        low, high = (_given(path, value, run) for value in rest)
        return _compare("gte", stored, low) and _compare("lte", stored, high)
    if operator in ("like", "ilike"):
        return isinstance(stored, str) and like(stored, rest[0], fold=operator == "ilike")
    return _compare(operator, stored, _given(path, rest[0], run))


def value_at(path: Any, run: dict[str, Any]) -> Any:
    """The stored value; MISSING when a key on the way is not there."""
    if isinstance(path, str):
        return run["id" if path == "run_id" else path]
    value: Any = run[path[0]]
    for key in path[1:]:
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value


def _given(path: Any, value: Any, run: dict[str, Any]) -> Any:
    if path in TIMES and value in RELATIVE:
        return RELATIVE[value](run["read_at"])
    if path in TIMES and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if path == "duration":
        if isinstance(value, timedelta):
            return Decimal(value // timedelta(microseconds=1)) / 1_000_000
        return Decimal(repr(value))
    if path in ("id", "run_id", "parent_id") and isinstance(value, str):
        return UUID(value)
    return value


def _compare(operator: str, stored: Any, given: Any) -> bool:
    if operator == "eq":
        return same(stored, given)
    one, other = _ordered(stored), _ordered(given)
    if one is None or other is None or one[0] != other[0]:
        return False
    match operator:
        case "lt":
            return one < other
        case "lte":
            return one <= other
        case "gt":
            return one > other
        case _:
            return one >= other


def _ordered(value: Any) -> tuple[str, Any] | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return ("number", Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    if isinstance(value, str | datetime | UUID):
        return (type(value).__name__, value)
    return None


def same(one: Any, other: Any) -> bool:
    """JSON equality: types differ, then values differ; numbers by value."""
    if one is MISSING or one is None or other is None:
        return False
    return _same_json(one, other)


def _same_json(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return type(one) is type(other) and one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same_json(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_json, one, other))
    first, second = _ordered(one), _ordered(other)
    return first is not None and first == second


def like(text: str, pattern: str, *, fold: bool) -> bool:
    """SQL LIKE with backslash escapes; ILIKE folds ASCII only."""
    parts: list[str] = []
    characters = iter(_ascii_lower(pattern) if fold else pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters)))
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    wanted = re.compile("".join(parts), re.DOTALL)
    return wanted.fullmatch(_ascii_lower(text) if fold else text) is not None


def _ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def ordered(runs: Sequence[dict[str, Any]], direction: str, path: Any) -> list[dict[str, Any]]:
    """Sorted by a field or attribute, ties by start and id in the same direction.

    The types of an attribute and missing values keep their places in both directions.
    """

    def ties(run: dict[str, Any]) -> tuple[Any, ...]:
        return (run["id"].int,) if path in ("id", "run_id") else (run["started_at"], run["id"].int)

    def value(run: dict[str, Any]) -> Any:
        found = value_at(path, run)
        if isinstance(path, list):
            return json_rank(found)[1]
        return found[:120] if isinstance(found, str) else found

    groups: dict[int, list[dict[str, Any]]] = {}
    for run in runs:
        found = value_at(path, run)
        kind = 0 if isinstance(path, str) else json_rank(found)[0]
        groups.setdefault(9 if found in (None, MISSING) else kind, []).append(run)
    result: list[dict[str, Any]] = []
    for kind in sorted(groups):
        key = ties if kind == 9 else lambda run: (value(run), *ties(run))
        result += sorted(groups[kind], key=key, reverse=direction == "desc")
    return result


def json_rank(value: Any) -> tuple[int, Any]:
    """numbers, strings, booleans, arrays, objects, the last two all alike."""
    if isinstance(value, str):
        return 1, value[:120]
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, int | float):
        return 0, Decimal(repr(value))
    return 3 if isinstance(value, list) else 4, 0


def grouped(runs: Sequence[dict[str, Any]], paths: Sequence[Any]) -> list[int]:
    """How many runs share a value of each path, largest first; null counts as missing."""
    groups = Counter(tuple(_identity(value_at(path, run)) for path in paths) for run in runs)
    return sorted(groups.values(), reverse=True)


def _identity(value: Any) -> Any:
    """A stand-in that can be hashed: equal exactly for values that are the same."""
    if value is MISSING or value is None:
        return None
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, dict):
        return ("object", frozenset((key, _identity(part)) for key, part in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_identity, value)))
    return _ordered(value)
