"""The query form as text: its rows in columns, what they lack, and the keys below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from console.form.rows import (
    ASCENDING,
    DESCENDING,
    LISTS,
    WITHOUT_VALUE,
    Form,
    Group,
    Joint,
    Line,
    OrderRow,
    Row,
    lack,
    lines,
)
from console.present.plain import one_line
from console.themes import Palette
from continuum.query.printing import print_operand

LONGEST: Final = 400
"""Characters of a value that are looked at; no terminal is wider."""
_SIGN: Final = 12
"""Columns of an operator and the space behind it."""
_STEP: Final = 2
_EMPTY: Final = {
    Joint.ALL: "every run",
    Joint.ANY: "no run",
    Joint.NONE: "every run",
    Joint.NOT_ALL: "no run",
}
_MISSING: Final = ("a field?", "operator?", "a value?")


@dataclass(frozen=True, slots=True)
class Piece:
    """One cell on its line: where it begins, and how much room it has."""

    start: int
    width: int
    text: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """Where operators and values begin, the same for all rows."""

    sign: int
    value: int
    width: int


def columns(form: Form, width: int) -> Columns:
    """Columns for these rows: the fields get what they need, at most 45 of 100."""
    needed = 12
    for line in lines(form):
        node = line.node
        if isinstance(node, Row | OrderRow) and node.operand is not None:
            said = one_line(print_operand(node.operand), LONGEST)
            needed = max(needed, _indent(line, width) + cell_len(said))
    sign = min(needed, width * 45 // 100) + 2
    return Columns(sign, min(sign + _SIGN, width - 8), width)


def _indent(line: Line, width: int) -> int:
    """Deep groups stand side by side where there is no room."""
    extra = len("order by ") if isinstance(line.node, OrderRow) else 0
    return min(_STEP * line.depth, width // 5) + extra


def pieces(line: Line, at: Columns) -> list[Piece]:
    """The cells of a line; none reaches into the next."""
    node, start = line.node, _indent(line, at.width)
    if isinstance(node, Group):
        return [Piece(start, at.width - start, node.joint.value)]
    words = [
        "" if node.operand is None else one_line(print_operand(node.operand), LONGEST),
        node.sign if isinstance(node, Row) else (DESCENDING if node.descending else ASCENDING),
    ]
    places = [(start, at.sign - start - 1), (at.sign, at.value - at.sign - 1)]
    if isinstance(node, OrderRow):
        places[1] = (at.sign, at.width - at.sign)
    elif node.sign not in WITHOUT_VALUE:
        words.append(_value(node))
        places.append((at.value, at.width - at.value))
    return [
        Piece(begin, max(1, room), word or _MISSING[number], missing=not word)
        for number, (word, (begin, room)) in enumerate(zip(words, places, strict=True))
    ]


def _value(row: Row) -> str:
    said = one_line(row.value, LONGEST)
    listed = row.sign in LISTS and (row.value or row.condition is not None)
    return f"({said})" if listed else said


def row(line: Line, at: Columns, palette: Palette, cell: int | None) -> Text:
    """One line of the form.

    Args:
        line: of the form.
        at: where the columns are.
        palette: the colours.
        cell: the one under the cursor, if the cursor is here.
    """
    node = line.node
    fault = lack(node)
    found = Text()
    if isinstance(node, OrderRow):
        found.append("order by", palette.muted)
    for number, piece in enumerate(pieces(line, at)):
        found.append(" " * max(0, piece.start - found.cell_len))
        word = Text(piece.text, _style(node, number, palette))
        if piece.missing or (fault is not None and fault.cell == number):
            word.stylize(palette.bad)
        word.truncate(piece.width, overflow="ellipsis")
        if number == cell:
            word.stylize(Style(reverse=True))
        found.append_text(word)
    if isinstance(node, Group) and not node.parts:
        found.append(f"  {_EMPTY[node.joint]}", palette.faint)
    return found


def _style(node: Row | Group | OrderRow, number: int, palette: Palette) -> Style:
    if isinstance(node, Group):
        return palette.key
    return (palette.strong, palette.muted, palette.text)[number]


def status(form: Form, index: int, palette: Palette) -> Text:
    """What the row under the cursor lacks, else what another lacks, else how many there are."""
    found = lines(form)
    rows = [number for number, line in enumerate(found) if isinstance(line.node, Row)]
    here = [index] if index < len(found) else []
    for number in [*here, *range(len(found))]:
        fault = lack(found[number].node)
        if fault is not None:
            which = f"row {rows.index(number) + 1}" if number in rows else "order"
            hint = f" ({fault.error.hint})" if fault.error and fault.error.hint else ""
            return Text(one_line(f"! {which}: {fault.said}{hint}", LONGEST), palette.bad)
    if not rows:
        return Text("no condition yet", palette.faint)
    count = f"{len(rows)} condition{'s' if len(rows) > 1 else ''}"
    return Text(count, palette.faint)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the footer, and the action a click on it runs."""

    shown: str
    title: str
    action: str = ""


def wrapped(keys: Sequence[Key], width: int) -> list[list[Key]]:
    """The keys in lines that are no longer than this."""
    found: list[list[Key]] = [[]]
    used = 0
    for key in keys:
        room = cell_len(f"{key.shown} {key.title}") + 2
        if found[-1] and used + room - 2 > width:
            found.append([])
            used = 0
        found[-1].append(key)
        used += room
    return found
