"""The modes as a row, with the crumbs of the one on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.style import Style
from rich.text import Text

from console.actions import MODES, SCREENS
from console.themes import Palette

BETWEEN: Final = " › "


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mode stands in the row, for clicks."""

    mode: str
    start: int
    end: int


def modes(
    current: str, crumbs: Sequence[str], width: int, palette: Palette
) -> tuple[Text, list[Place]]:
    """`1 Runs › 0199…c41e   2 Audit   3 Nodes`: the line, and the places of the modes in it.

    Args:
        current: the mode on screen.
        crumbs: from below it to the screen on top; those in the middle give way first.
        width: cells.
        palette: to paint with.
    """
    shown = list(crumbs)
    while True:
        line, places = _line(current, shown, palette)
        if line.cell_len <= width or not shown:
            return line, places
        shown = ["…", *shown[2:]] if len(shown) > 2 or shown[:1] == ["…"] else shown[1:]


def _line(current: str, crumbs: Sequence[str], palette: Palette) -> tuple[Text, list[Place]]:
    line, places = Text(), list[Place]()
    for mode, key in MODES.items():
        on = mode == current
        line.append(" ")
        start = line.cell_len
        line.append(f" {key}", palette.key if not on else palette.muted)
        line.append(f" {SCREENS[mode]}", palette.strong if on else palette.muted)
        for number, crumb in enumerate(crumbs if on else ()):
            last = number == len(crumbs) - 1
            line.append(BETWEEN, palette.faint)
            line.append(crumb, palette.accent + Style(bold=True) if last else palette.text)
        line.append(" ")
        places.append(Place(mode, start, line.cell_len))
    return line, places
