"""What a report is made of on screen: blocks of lines under headings; some can be opened."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.style import Style
from rich.text import Text

from console.themes import Palette

_WRAP: Final = Console(width=80)
"""Wrapping asks for a console, and uses nothing of it."""
LEAST: Final = 24
"""No column of text is narrower."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The runs that `Enter` shows.

    Attributes:
        where: an expression of the query language; None when no run is behind the block.
        crumb: what they are, in a few words.
        why_not: what to say without an expression.
    """

    where: str | None
    crumb: str = ""
    why_not: str = "no run is behind this line"


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines.

    Attributes:
        lines: as wide as they come; what is too wide is cut.
        key: what it is about, across refreshes; None for what the cursor passes over.
        opening: what `Enter` shows.
    """

    lines: tuple[Text, ...]
    key: Hashable | None = None
    opening: Opening | None = None


def heading(title: str, count: int | None, width: int, palette: Palette) -> Block:
    """A line above a section, with a rule to the end of it."""
    line = Text().append(title.upper(), palette.muted + Style(bold=True))
    if count is not None:
        line.append(f" {count:,}", palette.muted)
    rule = max(0, width - line.cell_len - 1)
    return Block((Text(""), line.append(" ").append("─" * rule, palette.faint)))


def paragraph(text: Text, width: int, indent: int = 0) -> list[Text]:
    """The text wrapped, every line indented alike."""
    gap = Text(" " * indent)
    wrapped = text.wrap(_WRAP, max(LEAST, width - indent)) or [text]
    found: list[Text] = []
    for line in wrapped:
        line.rstrip()
        found.append(gap.copy().append_text(line))
    return found


def labelled(label: Text, text: Text, width: int, indent: int) -> list[Text]:
    """The label, and beside it the text wrapped in a column of its own."""
    first, *rest = paragraph(text, width - indent)
    gap = " " * max(1, indent - label.cell_len)
    return [
        Text().append_text(label).append(gap).append_text(first),
        *(Text(" " * indent).append_text(line) for line in rest),
    ]


def without_gap(blocks: Sequence[Block]) -> list[Block]:
    """The blocks without the blank line that a heading has above it, for the first of them."""
    if not blocks or blocks[0].lines[0].plain:
        return list(blocks)
    first = blocks[0]
    return [Block(first.lines[1:], first.key, first.opening), *blocks[1:]]


def facts_line(loud: Text, facts: Sequence[Text], width: int) -> Text:
    """The verdict, and as many of the facts behind it as there is room for."""
    line = Text().append_text(loud)
    for fact in facts:
        if line.cell_len + 3 + fact.cell_len > width:
            break
        line.append("   ").append_text(fact)
    return line


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table row."""

    text: Text
    right: bool = False


def rows(cells: Sequence[Sequence[Cell]], room: int, gap: int = 2) -> list[Text]:
    """Rows of a table: columns as wide as their widest cell, the widest of all cut to fit.

    Args:
        cells: rows of equally many cells.
        room: for a whole row.
        gap: between columns.
    """
    if not cells:
        return []
    widths = [max(row[column].text.cell_len for row in cells) for column in range(len(cells[0]))]
    over = sum(widths) + gap * (len(widths) - 1) - room
    while over > 0 and max(widths) > 8:
        widest = widths.index(max(widths))
        widths[widest] -= 1
        over -= 1
    return [_row(row, widths, gap) for row in cells]


def _row(row: Sequence[Cell], widths: Sequence[int], gap: int) -> Text:
    line = Text()
    for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
        text = cell.text.copy()
        text.truncate(width, overflow="ellipsis")
        space = " " * (width - text.cell_len)
        line.append(" " * gap if number else "")
        line.append_text(Text(space) + text if cell.right else text + Text(space))
    return line
