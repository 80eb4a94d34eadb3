"""The index that would have helped."""

from __future__ import annotations

import shlex

from continuum.query.outline import attributes_in, type_of
from continuum.query.printing import print_operand
from continuum.query.tree import Attribute, Compare, Query

_INDEXED: dict[str, str] = {"string": "text", "number": "number", "boolean": "boolean"}


def index_command(query: Query) -> str | None:
    """The command that declares the index for the query's order, else for a condition of it.

    None: no index on an attribute would help.

    Example:
        >>> from continuum.query.tree import Comparison
        >>> index_command(Query(None, Compare(Attribute(("plan",)), Comparison.EQ, "pro")))
        'continuum attributes index plan --type text'
    """
    if isinstance(query.order.operand, Attribute):
        return f"continuum attributes index {_argument(query.order.operand)}"
    for part in attributes_in(query.condition):
        values = (part.value,) if isinstance(part, Compare) else part.values
        types = {type_of(value) for value in values}
        if isinstance(part.operand, Attribute) and len(types) == 1 and types <= _INDEXED.keys():
            indexed = _INDEXED[types.pop()]
            return f"continuum attributes index {_argument(part.operand)} --type {indexed}"
    return None


def _argument(attribute: Attribute) -> str:
    """The key as the command takes it, quoted for a shell."""
    return shlex.quote(print_operand(attribute).removeprefix("attributes."))
