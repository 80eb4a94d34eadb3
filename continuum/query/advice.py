"""The index that would have helped."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Final

from continuum.model import AttributeIndex, AttributeType
from continuum.query.outline import attributes_in, type_of
from continuum.query.printing import print_operand
from continuum.query.tree import Attribute, Compare, Query

_INDEXED: Final = {
    "string": AttributeType.TEXT,
    "number": AttributeType.NUMBER,
    "boolean": AttributeType.BOOLEAN,
}


def index_command(query: Query, declared: Collection[AttributeIndex] = ()) -> str | None:
    """The command that declares the index for the query's order, else for a condition of it.

    None: no index on an attribute would help, or there is one.

    Example:
        >>> from continuum.query.tree import Comparison
        >>> index_command(Query(None, Compare(Attribute(("plan",)), Comparison.EQ, "pro")))
        'continuum attributes index plan --type text'
    """
    ordered_by = query.order.operand
    if isinstance(ordered_by, Attribute):
        if any(index.path == ordered_by.path for index in declared):
            return None
        return f"continuum attributes index {_argument(ordered_by)}"
    for part in attributes_in(query.condition):
        values = (part.value,) if isinstance(part, Compare) else part.values
        types = {_INDEXED.get(type_of(value)) for value in values}
        indexed = types.pop() if len(types) == 1 else None
        if indexed is None or not isinstance(part.operand, Attribute):
            continue
        if not any((i.path, i.type) == (part.operand.path, indexed) for i in declared):
            return f"continuum attributes index {_argument(part.operand)} --type {indexed}"
    return None


def _argument(attribute: Attribute) -> str:
    """The key as the command takes it, quoted for a shell."""
    return shlex.quote(print_operand(attribute).removeprefix("attributes."))
