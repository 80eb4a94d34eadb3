"""What each cell of the form takes: choices for it, and what was typed or chosen put into the form.

A cell is edited as a piece of an expression: what stands before it there says what can follow, so
the completion of the query language serves it as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from console import completion
from console.completion import Known, Offer
from console.form import edits
from console.form.rows import (
    ASCENDING,
    DESCENDING,
    FIELD,
    ORDER,
    SIGN,
    Form,
    Group,
    Joint,
    OrderRow,
    Path,
    Row,
    before,
    lack,
)
from continuum.errors import QueryError
from continuum.query.fields import Kind, nullable
from continuum.query.printing import print_operand
from continuum.query.text import parse_operands
from continuum.query.tree import Operand

_EQUAL: Final = ("=", "!=", "in", "not in")
_ORDERED: Final = (">", ">=", "<", "<=")
_LIKE: Final = ("like", "not like", "ilike", "not ilike")
_SIGNS: Final = {
    Kind.TEXT: (*_EQUAL, *_LIKE, *_ORDERED),
    Kind.STATE: (*_EQUAL, *_LIKE),
    Kind.UUID: (*_EQUAL, *_ORDERED),
    Kind.INTEGER: (*_EQUAL, *_ORDERED),
    Kind.TIME: (*_ORDERED, *_EQUAL),
    Kind.SECONDS: (*_ORDERED, *_EQUAL),
    Kind.BOOLEAN: ("=", "!="),
}
"""Every operator that the language allows for a kind of value, the likeliest first."""
_MEANT: Final = {
    "=": "is", "!=": "is not", "in": "is one of", "not in": "is none of",
    ">": "more, or later", ">=": "at least", "<": "less, or earlier", "<=": "at most",
    "like": "fits % and _", "not like": "does not fit", "ilike": "fits, in any case",
    "not ilike": "does not fit, in any case", "is null": "is missing", "is not null": "is there",
}  # fmt: skip
_JOINTS: Final = {
    Joint.ALL: "every row below holds",
    Joint.ANY: "at least one row below holds",
    Joint.NONE: "no row below holds",
    Joint.NOT_ALL: "at least one row below does not hold",
}
_DIRECTIONS: Final = {ASCENDING: "oldest, a to z", DESCENDING: "newest, z to a"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell that is being edited.

    Attributes:
        path: its row.
        number: of the cell in the row.
        label: says what is wanted.
        content: what is in it now.
        before: what stands before it in an expression; None when only choices are taken.
        choices: all there is to choose from, when there is nothing else.
    """

    path: Path
    number: int
    label: str
    content: str
    before: str | None = None
    choices: Sequence[Offer] = ()


def signs(operand: Operand, known: Known) -> tuple[str, ...]:
    """The operators that the type of a field allows; of an attribute those of the types it has."""
    found = completion.kinds(operand, known) or [Kind.TEXT, Kind.INTEGER]
    allowed = [sign for kind in found for sign in _SIGNS[kind]]
    missing = ("is null", "is not null") if nullable(operand) else ()
    return tuple(dict.fromkeys([*allowed, *missing]))


def cell(form: Form, path: Path, number: int, known: Known) -> Cell:
    """How a cell of the form is edited.

    Raises:
        KeyError: it cannot be edited yet: another one must be filled before.
    """
    node = form.order if path == ORDER else edits.at(form, path)
    match node:
        case Group(joint):
            offers = [Offer(each.value, said) for each, said in _JOINTS.items()]
            return Cell(path, number, "group", joint.value, choices=offers)
        case OrderRow(_, descending) if number != FIELD:
            offers = [Offer(each, said) for each, said in _DIRECTIONS.items()]
            content = DESCENDING if descending else ASCENDING
            return Cell(path, number, "order", content, choices=offers)
        case Row(operand) | OrderRow(operand) if number == FIELD:
            content = "" if operand is None else print_operand(operand)
            label = "order by" if path == ORDER else "field"
            return Cell(path, number, label, content, before="order by ")
        case Row(operand) if operand is not None and number == SIGN:
            allowed = signs(operand, known)
            offers = [Offer(sign, _MEANT.get(sign, "")) for sign in allowed]
            return Cell(path, number, print_operand(operand), node.sign, choices=offers)
        case Row(operand) if operand is not None and node.sign:
            head = before(node)
            return Cell(path, number, head.removesuffix("(").strip(), node.value, before=head)
        case _:
            raise KeyError(number)


def matching(offers: Sequence[Offer], typed: str) -> list[Offer]:
    """Of a few choices those that begin so, or else have it inside."""
    wanted = typed.strip().lower()
    begun = [each for each in offers if each.text.startswith(wanted)]
    same = [each for each in begun if each.text == wanted]
    rest = [each for each in begun if each not in same]
    return [*same, *rest] or [each for each in offers if wanted in f"{each.text} {each.note}"]


def taken(form: Form, cell: Cell, written: str, known: Known) -> Form:
    """The form with this in the cell.

    Raises:
        QueryError: that is nothing the cell takes; its place is one in what was written.
    """
    path, text = cell.path, written.strip()
    if cell.before is None:
        return _chosen(form, cell, text)
    if cell.number == FIELD:
        found = parse_operands(written)
        if len(found) != 1:
            raise QueryError("one field or attribute stands here", position=0, expression=written)
        return edits.with_operand(form, path, found[0], signs(found[0], known))
    changed = edits.with_value(form, path, written if text else "")
    fault = lack(edits.at(changed, path))
    if fault is not None:
        raise fault.error or QueryError(fault.said, position=len(written), expression=written)
    return changed


def _chosen(form: Form, cell: Cell, text: str) -> Form:
    if all(text != each.text for each in cell.choices):
        hint = "one of: " + ", ".join(each.text for each in cell.choices)
        raise QueryError(f"no {text[:40]!r} here", position=0, hint=hint, expression=text)
    if cell.path == ORDER:
        descending = form.order is not None and form.order.descending
        return form if descending == (text == DESCENDING) else edits.turned(form, ORDER)
    if cell.number == SIGN:
        return edits.with_sign(form, cell.path, text)
    return edits.joined(form, cell.path, Joint(text))


def is_list(cell: Cell) -> bool:
    """Whether the cell takes several values."""
    return cell.before is not None and cell.before.endswith(" (")


def next_cell(form: Form, path: Path) -> int | None:
    """The cell of a row that is to be filled next; None when nothing is missing."""
    node = form.order if path == ORDER else edits.at(form, path)
    found = None if node is None else lack(node)
    return None if found is None else found.cell
