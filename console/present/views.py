"""The saved views as a row of tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.style import Style
from rich.text import Text

from console.present.plain import one_line
from console.source import Counts
from console.themes import Palette
from console.views import View

LONGEST: Final = 24
"""Characters of a name on a tab."""


@dataclass(frozen=True, slots=True)
class ViewPlace:
    """Where the tab of a view stands in the row, for clicks."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """The view that is shown, and whether its query was changed since it was opened."""

    name: str
    changed: bool = False


def view_tabs(
    views: Sequence[View],
    chosen: Chosen | None,
    counts: Mapping[str, Counts],
    width: int,
    palette: Palette,
) -> tuple[Text, list[ViewPlace]]:
    """` All  Needs attention 7  Running 41 `: the line, and the places of its tabs.

    Counts give way first; then the tabs farthest from the chosen one, which `‹` and `›` stand for.
    """
    for numbered in (True, False):
        numbers = [counts.get(view.name) if numbered else None for view in views]
        tabs = [
            _tab(view, chosen, each, palette) for view, each in zip(views, numbers, strict=True)
        ]
        if 1 + sum(tab.cell_len + 1 for tab in tabs) <= width:
            return _line(views, tabs, 0, len(tabs), palette)
    at = next((n for n, view in enumerate(views) if chosen and view.name == chosen.name), 0)
    begin, end = at, at + 1
    room = width - 4 - tabs[at].cell_len
    while True:
        if end < len(tabs) and tabs[end].cell_len < room:
            room -= tabs[end].cell_len + 1
            end += 1
        elif begin > 0 and tabs[begin - 1].cell_len < room:
            begin -= 1
            room -= tabs[begin].cell_len + 1
        else:
            return _line(views, tabs, begin, end, palette)


def _line(
    views: Sequence[View], tabs: Sequence[Text], begin: int, end: int, palette: Palette
) -> tuple[Text, list[ViewPlace]]:
    line, places = Text("‹" if begin else " ", palette.faint), list[ViewPlace]()
    for view, tab in zip(views[begin:end], tabs[begin:end], strict=True):
        places.append(ViewPlace(view.name, line.cell_len, line.cell_len + tab.cell_len))
        line.append_text(tab).append(" ")
    if end < len(tabs):
        line.append("›", palette.faint)
    return line, places


def _tab(view: View, chosen: Chosen | None, counts: Counts | None, palette: Palette) -> Text:
    on = chosen is not None and view.name == chosen.name
    words = one_line(view.name, LONGEST)
    if on and chosen is not None and chosen.changed:
        words += "*"
    if counts is not None:
        words += f" {number(counts)}"
    if on:
        return Text(f" {words} ", palette.key + Style(reverse=True))
    return Text(f" {words} ", palette.muted if counts is None or counts.total else palette.faint)


def number(counts: Counts) -> str:
    """`1,204`; `1,204+` when there are at least so many."""
    return f"{counts.total:,}" + ("" if counts.exact else "+")
