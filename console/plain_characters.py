"""`--ascii`: every line that goes to the terminal, in ASCII."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_OWN: Final = str.maketrans({
    "↻": "R", "◌": "S", "✓": "C", "✗": "F", "⊘": "X",
    "▸": ">", "›": ">", "‹": "<", "·": "-", "…": "~", "–": "-", "—": "-",
    "↑": "^", "↓": "v", "←": "<", "→": ">", "⏎": "<", "•": "*",
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "#", "█": "@",
    "╭": "+", "╮": "+", "╰": "+", "╯": "+",
})  # fmt: skip
"""What the console draws with. A state keeps a letter of its own."""

_LINES: Final = {"─": "-", "━": "-", "═": "-", "│": "|", "┃": "|", "║": "|"}


class PlainCharacters(LineFilter):
    """Translates what the console draws; any other character becomes `?`, as wide as it was."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """One line, of the same width."""
        del background
        return [
            segment
            if segment.control or segment.text.isascii()
            else Segment(plain(segment.text), segment.style)
            for segment in segments
        ]


def plain(text: str) -> str:
    """The text in ASCII, in as many cells.

    Example:
        >>> plain("✗ failed 0199…c41e")
        'F failed 0199~c41e'
    """
    return "".join(map(_plain, text.translate(_OWN)))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if character in _LINES:
        return _LINES[character]
    if "─" <= character <= "╿":
        return "+"
    if "▀" <= character <= "▟":
        return " "
    return "?" * cell_len(character)
