"""A query as rows of field, operator and value below heads of groups, and back to its text.

Every tree of the language has rows, and they make the same tree again. A row may be unfinished: it
then says what it lacks and stands in no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from console import expressions
from continuum.errors import QueryError
from continuum.query.printing import print_operand, print_value
from continuum.query.text import parse_text
from continuum.query.tree import (
    NEWEST_FIRST,
    All,
    AnyOf,
    Compare,
    Comparison,
    Condition,
    Exists,
    Matches,
    Not,
    OneOf,
    Operand,
    Order,
    all_of,
    any_of,
)

FIELD: Final = 0
SIGN: Final = 1
VALUE: Final = 2
"""The cells of a row, from the left."""
LISTS: Final = frozenset({"in", "not in"})
WITHOUT_VALUE: Final = frozenset({"is null", "is not null"})
ASCENDING: Final = "smallest first"
DESCENDING: Final = "largest first"

Path: TypeAlias = tuple[int, ...]
"""Where a row or group stands: its number in the group, in the group around that, and so on."""
ORDER: Final[Path] = (-1,)
"""Where the order stands."""


class Joint(StrEnum):
    """How the parts of a group count."""

    ALL = "all of"
    ANY = "any of"
    NONE = "none of"
    NOT_ALL = "not all of"


@dataclass(frozen=True, slots=True)
class Row:
    """One condition.

    Attributes:
        operand: None until one is chosen.
        sign: the operator as it is written; empty until one is chosen.
        value: as it is written, the values of a list without their brackets.
        condition: what the row means; None as long as it is unfinished.
    """

    operand: Operand | None = None
    sign: str = ""
    value: str = ""
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Parts below one head."""

    joint: Joint
    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderRow:
    """The order, which may lack its field."""

    operand: Operand | None = None
    descending: bool = False


Node: TypeAlias = Row | Group


@dataclass(frozen=True, slots=True)
class Form:
    """A whole query."""

    root: Group
    order: OrderRow | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the form, as deep as its groups are nested."""

    path: Path
    depth: int
    node: Row | Group | OrderRow


@dataclass(frozen=True, slots=True)
class Lack:
    """What a row lacks, and in which of its cells."""

    cell: int
    said: str
    error: QueryError | None = None


# from a query


def read(expression: str) -> Form:
    """The rows of an expression.

    Raises:
        QueryError: it cannot be read; located.
    """
    condition, order = parse_text(expression)
    return opened(condition, order)


def opened(condition: Condition, order: Order | None = None) -> Form:
    """The rows of a tree, with a row for the order if one is given."""
    node = _node(condition)
    root = node if isinstance(node, Group) else Group(Joint.ALL, (node,))
    return Form(root, None if order is None else OrderRow(order.operand, order.descending))


def _node(condition: Condition) -> Node:
    match condition:
        case All(parts):
            return Group(Joint.ALL, tuple(map(_node, parts)))
        case AnyOf(parts):
            return Group(Joint.ANY, tuple(map(_node, parts)))
        case Not(All(parts)):
            return Group(Joint.NOT_ALL, tuple(map(_node, parts)))
        case Not(AnyOf(parts)):
            return Group(Joint.NONE, tuple(map(_node, parts)))
        case Not(Not() as inner):
            return Group(Joint.NONE, (_node(inner),))
        case Not(inner):
            row = _row(inner)
            return replace(row, sign=opposite(row.sign), condition=condition)
        case leaf:
            return _row(leaf)


_SIGNS: Final = {
    Comparison.EQ: "=",
    Comparison.LT: "<",
    Comparison.LTE: "<=",
    Comparison.GT: ">",
    Comparison.GTE: ">=",
}
_OPPOSITES: Final = {
    "=": "!=", "in": "not in", "like": "not like", "ilike": "not ilike",
    "is not null": "is null", "<": "not <", "<=": "not <=", ">": "not >", ">=": "not >=",
}  # fmt: skip
"""With a missing value both `<` and `>=` are false, so the opposite of the one is not the other."""
_BACK: Final = {negated: sign for sign, negated in _OPPOSITES.items()}


def opposite(sign: str) -> str:
    """The operator that holds for exactly the other runs."""
    return _OPPOSITES.get(sign) or _BACK.get(sign, sign)


def _row(leaf: Condition) -> Row:
    match leaf:
        case Compare(operand, comparison, value):
            return Row(operand, _SIGNS[comparison], print_value(value), leaf)
        case OneOf(operand, values):
            return Row(operand, "in", ", ".join(map(print_value, values)), leaf)
        case Matches(operand, pattern, ignore_case):
            return Row(operand, "ilike" if ignore_case else "like", print_value(pattern), leaf)
        case Exists(operand):
            return Row(operand, "is not null", "", leaf)
        case other:
            raise TypeError(f"a {type(other).__name__} is no row")


# and back


def condition(node: Node) -> Condition | None:
    """What it means without its unfinished rows; None when nothing else is in it."""
    if isinstance(node, Row):
        return node.condition
    parts = [found for part in node.parts if (found := condition(part)) is not None]
    if node.parts and not parts:
        return None
    match node.joint:
        case Joint.ALL:
            return all_of(parts)
        case Joint.ANY:
            return any_of(parts)
        case Joint.NONE:
            return Not(any_of(parts))
        case Joint.NOT_ALL:
            return Not(all_of(parts))


def order(form: Form) -> Order:
    """The order that the form asks for."""
    row = form.order
    if row is None or row.operand is None:
        return NEWEST_FIRST
    return Order(row.operand, row.descending)


def text(form: Form) -> str:
    """The expression of the form; unfinished rows are not in it."""
    found = condition(form.root)
    return expressions.text(All() if found is None else found, order(form))


# one row


def before(row: Row) -> str:
    """What stands before the value of a row in an expression."""
    assert row.operand is not None
    bare = row.sign.removeprefix("not ")
    opening = "(" if row.sign in LISTS else ""
    if bare != row.sign and bare in _SIGNS.values():  # `not` stands before the field then
        return f"not {print_operand(row.operand)} {bare} {opening}"
    return f"{print_operand(row.operand)} {row.sign} {opening}"


def filled(row: Row) -> Row:
    """The row with what it means, as far as that can be read."""
    try:
        return replace(row, condition=_meaning(row))
    except QueryError:
        return replace(row, condition=None)


def _meaning(row: Row) -> Condition | None:
    """What a row means, None when a cell is empty.

    Raises:
        QueryError: the value cannot be read, or does not fit; its place is one in the value.
    """
    if row.operand is None or not row.sign:
        return None
    if not row.value.strip() and row.sign not in WITHOUT_VALUE:
        return None
    head = before(row)
    written = head + row.value + (")" if row.sign in LISTS else "")
    try:
        found, order_too = parse_text(written)
    except QueryError as error:
        if error.position is None:
            raise
        at = max(0, min(error.position - len(head), len(row.value)))
        raise QueryError(
            error.message, position=at, hint=error.hint, suggestion=error.suggestion,
            expression=row.value,
        ) from None  # fmt: skip
    same = _node(found)
    if (
        order_too is not None
        or not isinstance(same, Row)
        or (same.operand, same.sign) != (row.operand, row.sign)
    ):
        raise QueryError(
            "more than a value stands here", position=0, expression=row.value,
            hint="another condition is a row of its own",
        )  # fmt: skip
    return found


def lack(row: Row | Group | OrderRow) -> Lack | None:
    """What is missing in a row, or wrong with it; None when it is finished."""
    if isinstance(row, Group):
        return None
    if row.operand is None:
        return Lack(FIELD, "no field is chosen")
    if isinstance(row, OrderRow) or row.condition is not None:
        return None
    if not row.sign:
        return Lack(SIGN, "no operator is chosen")
    try:
        found = _meaning(row)
    except QueryError as error:
        return Lack(VALUE, error.message, error)
    return Lack(VALUE, "a value is missing") if found is None else None


def cells(node: Row | Group | OrderRow) -> int:
    """How many cells can be chosen in a line."""
    if isinstance(node, Group):
        return 1
    if isinstance(node, OrderRow):
        return 2
    return 2 if node.sign in WITHOUT_VALUE else 3


def lines(form: Form) -> list[Line]:
    """The form from its first line to the order."""
    found = list(_lines(form.root, (), 0))
    if form.order is not None:
        found.append(Line(ORDER, 0, form.order))
    return found


def _lines(node: Node, path: Path, depth: int) -> Iterator[Line]:
    yield Line(path, depth, node)
    if isinstance(node, Group):
        for number, part in enumerate(node.parts):
            yield from _lines(part, (*path, number), depth + 1)


def unfinished(form: Form) -> tuple[Path, Lack] | None:
    """The first row that lacks something."""
    for line in lines(form):
        if (found := lack(line.node)) is not None:
            return line.path, found
    return None
