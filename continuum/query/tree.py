"""A query as data. Both spellings of the language build these nodes, and only these.

Logic is two-valued: a comparison with something missing, null or of another type is false, so its
negation is true.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, TypeAlias
from uuid import UUID

FieldValue: TypeAlias = str | int | bool | Decimal | datetime | UUID
"""A value already fitted to its field's kind."""


@dataclass(frozen=True, slots=True)
class Relative:
    """A time that depends on when the query is read; `times.pin` turns it into a `datetime`.

    Args:
        base: the moment of reading, or the midnight (UTC) before it.
        offset: what is added to it.
    """

    base: Literal["now", "today"]
    offset: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of every run, by its canonical name."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value inside the run's attributes; each element of `path` is one key."""

    path: tuple[str, ...]


Operand: TypeAlias = Field | Attribute


@dataclass(frozen=True, slots=True)
class JsonText:
    """An object or array to compare an attribute with, as JSON text."""

    text: str


class Comparison(StrEnum):
    """Operators that take one value."""

    EQ = "eq"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"


@dataclass(frozen=True, slots=True)
class Compare:
    """`operand <comparison> value`."""

    operand: Operand
    comparison: Comparison
    value: FieldValue | Relative | Any


@dataclass(frozen=True, slots=True)
class OneOf:
    """The operand equals one of the values."""

    operand: Operand
    values: tuple[FieldValue | Relative | Any, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """The operand is a string like `pattern` (`%`, `_`, backslash escapes)."""

    operand: Operand
    pattern: str
    ignore_case: bool


@dataclass(frozen=True, slots=True)
class Exists:
    """The operand is there and not null."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; true when there is none."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; false when there is none."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition: TypeAlias = Compare | OneOf | Matches | Exists | All | AnyOf | Not


def all_of(parts: Iterable[Condition]) -> Condition:
    """The conjunction in its only form: no conjunction inside another, none of one part."""
    flat: list[Condition] = []
    for part in parts:
        flat += part.parts if isinstance(part, All) else [part]
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def any_of(parts: Iterable[Condition]) -> Condition:
    """The disjunction in its only form: no disjunction inside another, none of one part."""
    flat: list[Condition] = []
    for part in parts:
        flat += part.parts if isinstance(part, AnyOf) else [part]
    return flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


@dataclass(frozen=True, slots=True)
class Order:
    """One run field or attribute in one direction; runs without a value come last.

    Ties, and runs without a value, go by start and then by run id in the same direction. The values
    of an attribute sort by type, in either direction: numbers, strings (by code point), false and
    true, arrays, objects; arrays tie with arrays, objects with objects, and JSON null counts as
    missing. So an index on one type serves the order of its values both ways.
    """

    operand: Operand
    descending: bool


NEWEST_FIRST = Order(Field("started_at"), descending=True)


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for (`namespace` None: everywhere) and in which order."""

    namespace: str | None
    condition: Condition = All()
    order: Order = NEWEST_FIRST

    @property
    def text(self) -> str:
        """The condition and order as an expression, which parses to this tree.

        It may be longer than a parsed expression may be, when a list of values is long.

        Example:
            >>> Query(None, Not(Compare(Field("state"), Comparison.EQ, "failed"))).text
            "state != 'failed'"
        """
        from continuum.query.printing import print_query

        return print_query(self.condition, self.order)
