"""The query bar as text: parts of an expression, choices, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from console import expressions
from console.completion import Offer
from console.present.plain import one_line
from console.themes import Palette
from continuum.errors import QueryError
from continuum.query.printing import print_operand
from continuum.query.tree import NEWEST_FIRST

PLACEHOLDER = "every run, newest first"


def parts_line(
    expression: str, width: int, palette: Palette
) -> tuple[Text, list[tuple[int, int, int]]]:
    """The line, and where each part of the condition stands in it (start, end, number)."""
    query = expressions.parse(expression)
    line, places = Text(" / ", palette.key), list[tuple[int, int, int]]()
    if not expression:
        return line.append(PLACEHOLDER, palette.faint), places
    for number, part in enumerate(expressions.chips(query.condition)):
        if number:
            line.append(" and ", palette.faint)
        start = line.cell_len
        line.append(one_line(part, 120), palette.strong)
        if line.cell_len > width - 2:
            break
        places.append((start, line.cell_len, number))
    if query.order != NEWEST_FIRST:
        direction = " desc" if query.order.descending else ""
        line.append(f"  order by {one_line(print_operand(query.order.operand), 60)}{direction}",
                    palette.muted)  # fmt: skip
    line.truncate(width, overflow="ellipsis")
    return line, places


def problem(error: QueryError) -> str:
    """What is wrong, and its hint."""
    return error.message + (f" ({error.hint})" if error.hint else "")


def pointed_out(said: str, at: int | None, width: int) -> str:
    """A message, with a caret in column `at` above or beside it.

    Args:
        said: the message.
        at: the column of the fault, None when it has no place or is out of sight.
        width: of the line.
    """
    said = one_line(said, 400)
    if at is None or not 0 <= at < width:
        return said
    if at + 2 + cell_len(said) <= width:
        return " " * at + "^ " + said
    if cell_len(said) + 1 <= at:
        return " " * (at - cell_len(said) - 1) + said + " ^"
    return " " * at + "^\n" + said


def choices_size(offers: Sequence[Offer], note: str, rows: int) -> tuple[int, int]:
    """Columns and rows that the choices want, at most so many rows."""
    widest = max((cell_len(each.text) + cell_len(each.note) for each in offers), default=0)
    lines = len(offers) + bool(note)
    return max(24, min(72, widest + 5), cell_len(note) + 2), min(rows, lines)


def first_shown(count: int, marked: int, room: int) -> int:
    """The first of so many choices that is in view together with the marked one."""
    return max(0, min(marked - room + 1, count - room))


def choices(
    offers: Sequence[Offer], marked: int, note: str, width: int, height: int, palette: Palette
) -> Text:
    """The choices around the marked one, and a note about them in the last row."""
    room = height - bool(note)
    begin = first_shown(len(offers), marked, room)
    lines = list[Text]()
    for number, offer in enumerate(offers[begin : begin + room], begin):
        lines.append(_choice(offer, width, palette, marked=number == marked))
    if note:
        lines.append(Text(f" {note}", palette.warn))
    return Text("\n").join(lines)


def _choice(offer: Offer, width: int, palette: Palette, *, marked: bool) -> Text:
    said = one_line(offer.note, 40)
    word = Text(one_line(offer.text, 200))
    word.truncate(max(8, width - cell_len(said) - 4), overflow="ellipsis")
    gap = max(1, width - word.cell_len - cell_len(said) - 2)
    line = Text(" ").append_text(word).append(" " * gap).append(f"{said} ", palette.muted)
    if marked:
        line.stylize(palette.accent + Style(reverse=True))
    return line
