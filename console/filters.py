"""The filter line: a small part of the query language, as structured conditions.

    plan = 'pro' and tier >= 4
    attributes.region='eu' workflow = shop:order_flow

A bare name is a run field when there is one of that name, else an attribute. Values are quoted
text, JSON scalars, or bare words. What is not understood is an error with its position; nothing
is ever guessed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from console.source import Condition

FIELDS: Final = frozenset({
    "id", "run_id", "namespace", "workflow", "version", "version_hash", "state", "started_at",
    "updated_at", "completed_at", "duration", "parent_id", "owner", "waiting_on", "error",
    "error_type", "incarnation",
})  # fmt: skip
_OPERATORS: Final = {
    "=": "eq",
    "!=": "neq",
    "<>": "neq",
    "<": "lt",
    "<=": "lte",
    ">": "gt",
    ">=": "gte",
}
_SPACE: Final = re.compile(r"\s*")
_PATH: Final = re.compile(r'(?:"[^"]+"|[A-Za-z_][\w-]*)(?:\.(?:"[^"]+"|[A-Za-z_][\w-]*))*')
_PART: Final = re.compile(r'"([^"]+)"|([A-Za-z_][\w-]*)')
_OPERATOR: Final = re.compile(r"!=|<>|<=|>=|=|<|>")
_AND: Final = re.compile(r"and\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"'((?:[^']|'')*)'")
_JSON_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD: Final = re.compile(r"[^\s'\"()]+")


@dataclass(frozen=True, slots=True)
class FilterError(Exception):
    """The filter line cannot be read; `position` is an offset in it."""

    message: str
    position: int

    def __str__(self) -> str:
        return self.message


def parse(line: str) -> tuple[Condition, ...]:
    """The conditions of a filter line; empty for a blank one. Raises `FilterError`."""
    found: list[Condition] = []
    at = _skip(line, 0)
    while at < len(line):
        if found and (joined := _AND.match(line, at)):
            at = _skip(line, joined.end())
        condition, at = _condition(line, at)
        found.append(condition)
        at = _skip(line, at)
    return tuple(found)


def _condition(line: str, at: int) -> tuple[Condition, int]:
    path = _PATH.match(line, at)
    if path is None:
        raise FilterError("expected a field or attribute name, as in: plan = 'pro'", at)
    names = [quoted or bare for quoted, bare in _PART.findall(path[0])]
    at = _skip(line, path.end())
    operator = _OPERATOR.match(line, at)
    if operator is None:
        raise FilterError(f"expected = != < <= > >= after {path[0]}", at)
    value, end = _value(line, _skip(line, operator.end()))
    return (_OPERATORS[operator[0]], _field(names), value), end


def _field(names: list[str]) -> str | list[str]:
    if names[0] == "attributes" and len(names) > 1:
        return names
    if len(names) == 1 and names[0] in FIELDS:
        return "id" if names[0] == "run_id" else names[0]
    return ["attributes", *names]


def _value(line: str, at: int) -> tuple[Any, int]:
    if quoted := _QUOTED.match(line, at):
        return quoted[1].replace("''", "'"), quoted.end()
    if text := _JSON_TEXT.match(line, at):
        return _json(text[0], at), text.end()
    if word := _WORD.match(line, at):
        if word[0] in ("true", "false") or word[0][0] in "-0123456789":
            return _json(word[0], at), word.end()
        return word[0], word.end()
    raise FilterError("expected a value, as in: plan = 'pro'", at)


def _json(text: str, at: int) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: text)
    except ValueError:
        if text.startswith('"'):
            raise FilterError("the text is not closed or has a bad escape", at) from None
        return text


def _skip(line: str, at: int) -> int:
    match = _SPACE.match(line, at)
    return match.end() if match else at


def describe(conditions: tuple[Condition, ...]) -> str:
    """The conditions in the query language's own spelling, to show and to copy."""
    signs = {name: sign for sign, name in _OPERATORS.items() if sign != "<>"}
    return " and ".join(
        f"{_path(field)} {signs[name]} {_literal(value)}" for name, field, value in conditions
    )


def _path(field: str | list[str]) -> str:
    if isinstance(field, str):
        return field
    head, *rest = field
    return ".".join([head, *(part if part.isidentifier() else f'"{part}"' for part in rest)])


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value)
