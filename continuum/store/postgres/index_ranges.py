"""What a condition says of the key of a declared index, as SQL that this index serves."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from psycopg.sql import Composed

from continuum.model import AttributeIndex, AttributeType
from continuum.query.compile import Compiler
from continuum.query.outline import about, type_of
from continuum.query.tree import Attribute, Compare, Comparison, Condition
from continuum.store.postgres.attribute_indexes import INDEXED_CHARACTERS, key_of, presence_of
from continuum.store.postgres.stretches import JSON_TYPE

SQL_TYPE: Final = {
    AttributeType.TEXT: "text",
    AttributeType.NUMBER: "numeric",
    AttributeType.BOOLEAN: "boolean",
}
_LOOSE: Final = {
    Comparison.EQ: "=",
    Comparison.LT: "<=",
    Comparison.LTE: "<=",
    Comparison.GT: ">=",
    Comparison.GTE: ">=",
}


def key_of_index(index: AttributeIndex) -> str:
    """What the index sorts by, after the namespace."""
    return _text(key_of(index.path, index.type))


def presence(index: AttributeIndex) -> str:
    """Which runs are in the index."""
    return _text(presence_of(index.path, index.type))


def key_parts(index: AttributeIndex, condition: Condition) -> Iterator[Compare]:
    """The comparisons that must hold and that bound the key."""
    for part in about(condition, Attribute(index.path)):
        if isinstance(part, Compare) and type_of(part.value) == JSON_TYPE[index.type]:
            yield part


def key_range(compiler: Compiler, index: AttributeIndex, condition: Condition) -> list[str]:
    """Bounds of the key that every match lies within."""
    return [key_bound(compiler, index, part) for part in key_parts(index, condition)]


def key_bound(compiler: Compiler, index: AttributeIndex, part: Compare) -> str:
    """One such bound; the key is cut, so the value itself is always let in."""
    return f"{key_of_index(index)} {_LOOSE[part.comparison]} {_bind(compiler, index, part.value)}"


def is_exact(index: AttributeIndex, part: Compare) -> bool:
    """Whether its bound lets nothing else in: the key of an equality is neither cut nor rounded."""
    if part.comparison is not Comparison.EQ:
        return False
    if isinstance(part.value, str):
        return len(part.value) < INDEXED_CHARACTERS
    return index.type is AttributeType.BOOLEAN


def _bind(compiler: Compiler, index: AttributeIndex, value: Any) -> str:
    match index.type:
        case AttributeType.TEXT:
            return compiler.bind(value[:INDEXED_CHARACTERS], "text")
        case AttributeType.BOOLEAN:
            return compiler.bind(value, "boolean")
        case AttributeType.NUMBER:
            number = compiler.bind(Decimal(str(value)), "numeric")
            return f"trim_scale(round(least(greatest({number}, -1e310), 1e310), 350))"


def _text(piece: Composed) -> str:
    """Literals as the index has them, in a text where parameters begin with a percent sign."""
    return piece.as_string(None).replace("%", "%%")
