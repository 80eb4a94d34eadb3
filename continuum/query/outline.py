"""What a condition implies, whatever else it says: all that choosing an index needs to know.

Nothing here asks a database. Each answer is a *necessary* condition: a run outside it cannot match,
a run inside it may still not match.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar

from continuum.model import RunState
from continuum.query.tree import (
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
    Query,
    Relative,
    all_of,
    any_of,
)

LIVE: Final = frozenset(state.value for state in RunState if not state.terminal)
ENDED: Final = frozenset(state.value for state in RunState if state.terminal)
STATES: Final = LIVE | ENDED
FAILED: Final = frozenset({RunState.FAILED.value})
LEASE_FIELDS: Final = ("owner", "waiting_on", "stuck", "paused")
"""Only live runs have them."""
MAX_LISTED: Final = 20
"""So many values of one attribute are looked up one by one; more are looked up by the key."""

MISSING: Final = "missing"
"""Stands for the type of an attribute that is not there or null."""
ALL_TYPES: Final = frozenset({"number", "string", "boolean", "array", "object", MISSING})

T = TypeVar("T")


def conjuncts(condition: Condition, *, negated: bool = False) -> Iterator[Condition]:
    """Conditions that all hold exactly when this one holds; negations stand at the leaves."""
    match condition:
        case Not(part):
            yield from conjuncts(part, negated=not negated)
        case All(parts) if not negated:
            for part in parts:
                yield from conjuncts(part)
        case AnyOf(parts) if negated:
            for part in parts:
                yield from conjuncts(part, negated=True)
        case All(parts):
            yield any_of(all_of(conjuncts(part, negated=True)) for part in parts)
        case AnyOf(parts):
            yield any_of(all_of(conjuncts(part)) for part in parts)
        case _:
            yield Not(condition) if negated else condition


def values_of(condition: Condition, name: str) -> frozenset[Any] | None:
    """The only values that the field of a matching run can have; None: it can be any.

    Example:
        >>> sorted(values_of(Not(Compare(Field("state"), Comparison.EQ, "completed")), "state"))
        ['cancelled', 'failed', 'running', 'suspended']
    """
    match condition:
        case Compare(Field(field), Comparison.EQ, value) if field == name:
            return None if isinstance(value, Relative) else frozenset({value})
        case OneOf(Field(field), values) if field == name:
            return None if any(isinstance(v, Relative) for v in values) else frozenset(values)
        case All():
            sets = [values_of(part, name) for part in conjuncts(condition)]
            return _meet(sets)
        case AnyOf(parts):
            return _join([values_of(part, name) for part in parts])
        case Not(part) if not isinstance(part, Compare | OneOf | Matches | Exists):
            return values_of(all_of(conjuncts(condition)), name)
        case _ if name == "state":
            return _states_of(condition)
        case _:
            return None


def _states_of(leaf: Condition) -> frozenset[str] | None:
    """What a leaf about something else, or a negated one, says about the state."""
    match leaf:
        case Not(Compare(Field("state"), Comparison.EQ, value)):
            return STATES - {value}
        case Not(OneOf(Field("state"), values)):
            return STATES - frozenset(values)
        case Not(Exists(Field("completed_at"))):
            return LIVE
        case Not(Compare(Field("stuck" | "paused"), Comparison.EQ, False)):
            return LIVE
        case Compare(Field("stuck" | "paused"), Comparison.EQ, value):
            return LIVE if value is True else None
        case OneOf(Field("stuck" | "paused"), values):
            return None if False in values else LIVE
        case (
            Compare(Field("completed_at"))
            | OneOf(Field("completed_at"))
            | Exists(Field("completed_at"))
        ):
            return ENDED
        case (
            Compare(Field("error_family"))
            | OneOf(Field("error_family"))
            | Matches(Field("error_family"))
            | Exists(Field("error_family"))
        ):
            return FAILED
        case (
            Compare(Field("owner" | "waiting_on"))
            | OneOf(Field("owner" | "waiting_on"))
            | Matches(Field("owner" | "waiting_on"))
            | Exists(Field("owner" | "waiting_on"))
        ):
            return LIVE
        case _:
            return None


def types_of(condition: Condition, attribute: Attribute) -> frozenset[str]:
    """The JSON types that the attribute of a matching run can have, `MISSING` among them."""
    match condition:
        case All():
            parts = conjuncts(condition)
            return ALL_TYPES.intersection(*(types_of(part, attribute) for part in parts))
        case AnyOf(parts):
            return frozenset[str]().union(*(types_of(part, attribute) for part in parts))
        case Compare(operand, _, value) if operand == attribute:
            return frozenset({type_of(value)})
        case OneOf(operand, values) if operand == attribute:
            return frozenset(type_of(value) for value in values)
        case Matches(operand) if operand == attribute:
            return frozenset({"string"})
        case Exists(operand) if operand == attribute:
            return ALL_TYPES - {MISSING}
        case Not(Exists(operand)) if operand == attribute:
            return frozenset({MISSING})
        case _:
            return ALL_TYPES


def type_of(value: Any) -> str:
    """The JSON type of a value in a condition on an attribute."""
    match value:
        case bool():
            return "boolean"
        case str():
            return "string"
        case JsonText(text):
            return "object" if text.lstrip().startswith("{") else "array"
        case _:
            return "number"


def containment(condition: Condition) -> Condition | None:
    """The part of the condition that an index of attributes as a whole serves; None: nothing.

    Made of equalities with an attribute, and of `Exists` of top-level keys alone.
    """
    match condition:
        case All():
            served = [containment(part) for part in conjuncts(condition)]
            found = _most_telling([part for part in served if part is not None])
            return all_of(found) if found else None
        case AnyOf(parts):
            served = [containment(part) for part in parts]
            found = [part for part in served if part is not None]
            return any_of(found) if found and len(found) == len(served) else None
        case Compare(Attribute(), Comparison.EQ, _):
            return condition
        case OneOf(Attribute(), values) if 0 < len(values) <= MAX_LISTED:
            return condition
        case (
            Compare(Attribute(path)) | OneOf(Attribute(path)) | Matches(Attribute(path))
            | Exists(Attribute(path))
        ):  # fmt: skip
            return Exists(Attribute(path[:1]))
        case _:
            return None


def _most_telling(parts: list[Condition]) -> list[Condition]:
    """Equalities alone, if there are any: that a key is there too goes without saying."""
    equalities: list[Condition] = [part for part in parts if not isinstance(part, Exists)]
    return equalities or list(dict.fromkeys(parts))


def about(condition: Condition, operand: Operand) -> list[Condition]:
    """The comparisons with the operand that must hold: bounds of a range, or a value."""
    return [
        part
        for part in conjuncts(condition)
        if isinstance(part, Compare | OneOf) and part.operand == operand
    ]


def about_leases(condition: Condition) -> list[Condition]:
    """The conjuncts that say something of the leases of live runs, and of nothing else."""
    return [part for part in conjuncts(condition) if set(_fields_of(part)) <= set(LEASE_FIELDS)]


def is_of_leases(operand: Operand) -> bool:
    """Whether only live runs have it, in their leases."""
    return isinstance(operand, Field) and operand.name in LEASE_FIELDS


def reads_leases(condition: Condition) -> bool:
    """Whether the condition has to look at the leases of live runs at all."""
    return not set(LEASE_FIELDS).isdisjoint(_fields_of(condition))


def reads_attributes(query: Query) -> bool:
    """Whether condition or order look at attributes."""
    return isinstance(query.order.operand, Attribute) or "attributes" in _fields_of(query.condition)


def attributes_in(condition: Condition) -> Iterator[Compare | OneOf]:
    """Comparisons with attributes, negated ones left out."""
    for part in conjuncts(condition):
        match part:
            case AnyOf(parts) | All(parts):
                for inner in parts:
                    yield from attributes_in(inner)
            case Compare(Attribute()) | OneOf(Attribute()):
                yield part
            case _:
                pass


def _fields_of(condition: Condition) -> Iterator[str]:
    match condition:
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _fields_of(part)
        case Not(part):
            yield from _fields_of(part)
        case Compare(operand) | OneOf(operand) | Matches(operand) | Exists(operand):
            yield operand.name if isinstance(operand, Field) else "attributes"


def is_relative(condition: Condition) -> bool:
    """Whether what it means depends on when it is read."""
    match condition:
        case All(parts) | AnyOf(parts):
            return any(map(is_relative, parts))
        case Not(part):
            return is_relative(part)
        case Compare(_, _, value):
            return isinstance(value, Relative)
        case OneOf(_, values):
            return any(isinstance(value, Relative) for value in values)
        case Matches() | Exists():
            return False


def _meet(sets: list[frozenset[T] | None]) -> frozenset[T] | None:
    found: frozenset[T] | None = None
    for values in sets:
        if values is not None:
            found = values if found is None else found & values
    return found


def _join(sets: list[frozenset[T] | None]) -> frozenset[T] | None:
    found: frozenset[T] = frozenset()
    for values in sets:
        if values is None:
            return None
        found |= values
    return found
