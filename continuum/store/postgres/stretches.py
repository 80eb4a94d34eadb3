"""An order in parts, each of which one statement can sort, or one index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from continuum.model import AttributeIndex, AttributeType
from continuum.query.cursor import Position
from continuum.query.fields import nullable
from continuum.query.ordering import TYPES, type_place
from continuum.query.outline import MISSING, types_of, values_of
from continuum.query.tree import Attribute, Query

JSON_TYPE: Final = {
    AttributeType.NUMBER: "number",
    AttributeType.TEXT: "string",
    AttributeType.BOOLEAN: "boolean",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the order that one statement can sort, or one index.

    Attributes:
        tail: it holds the runs without a value to sort by.
        types: JSON types in it, when an attribute is sorted by.
        index: declared, in whose order it is.
    """

    tail: bool = False
    types: tuple[str, ...] | None = None
    index: AttributeIndex | None = None


def stretches(query: Query, indexes: Sequence[AttributeIndex]) -> list[Stretch]:
    """The order, part by part."""
    operand = query.order.operand
    if not nullable(operand):
        return [Stretch()]
    if not isinstance(operand, Attribute):
        return [Stretch(), Stretch(tail=True)]
    possible = types_of(query.condition, operand)
    declared: dict[str, AttributeIndex] = {}
    if len(namespaces_of(query) or ()) == 1:  # by which a declared index is sorted first
        declared = {JSON_TYPE[i.type]: i for i in indexes if i.valid and i.path == operand.path}
    found: list[Stretch] = []
    for name in TYPES:
        if name not in possible:
            continue
        if name in declared:
            found.append(Stretch(types=(name,), index=declared[name]))
        elif found and found[-1].index is None:
            found[-1] = Stretch(types=(*(found[-1].types or ()), name))
        else:
            found.append(Stretch(types=(name,)))
    return [*found, Stretch(tail=True)] if MISSING in possible else found


def namespaces_of(query: Query) -> frozenset[str] | None:
    """The only namespaces that matches can be in; None: any."""
    named = values_of(query.condition, "namespace")
    if query.namespace is None:
        return named
    within = frozenset({query.namespace})
    return within if named is None else within & named


def is_behind(stretch: Stretch, position: Position | None) -> bool:
    """Whether all of the stretch lies before the position."""
    if position is None or stretch.tail:
        return False
    if position.tail:
        return True
    if stretch.types is None:
        return False
    return TYPES.index(stretch.types[-1]) < type_place(str(position.key))
