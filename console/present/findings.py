"""A finding of a report: how bad, which, what, and what to do about it."""

from __future__ import annotations

from typing import Final

from rich.style import Style
from rich.text import Text

from console.present.blocks import Block, Opening, labelled, paragraph
from console.present.plain import one_line
from console.themes import Palette

MARKS: Final = {"error": "✗", "warning": "!", "unknown": "?", "info": "·"}


def severity(name: str, palette: Palette) -> Style:
    """How a severity looks."""
    looks = {"error": palette.bad, "warning": palette.warn, "unknown": palette.accent}
    return looks.get(name, palette.info) + Style(bold=name == "error")


def finding(
    level: str, code: str, message: str, fix: str, opening: Opening, *, note: str = "",
    width: int, palette: Palette,
) -> Block:  # fmt: skip
    """The block of one finding.

    Args:
        level: its severity.
        code: the sort of finding.
        message: what, where, how many.
        fix: what to do about it.
        opening: the runs behind it.
        note: a word beside the code.
        width: cells.
        palette: to paint with.
    """
    first = Text().append(f"{MARKS.get(level, '·')} {level:<8}", severity(level, palette))
    first.append(code, palette.strong)
    if note:
        first.append(f"  {note}", palette.faint)
    lines = [
        first,
        *paragraph(Text(one_line(message, 2000), palette.text), width, 2),
        *labelled(Text("  fix", palette.key), Text(one_line(fix, 2000), palette.muted), width, 7),
    ]
    return Block(tuple(lines), ("finding", code, message), opening)
