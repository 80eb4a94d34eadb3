"""The state filter as a row of tabs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.style import Style
from rich.text import Text

from console.present import states
from console.source import Counts
from console.themes import Palette

CHOICES: Final[tuple[str | None, ...]] = (None, *states.STATES)
WIDE: Final = 92


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab and where it stands, for clicks."""

    state: str | None
    start: int
    end: int


def number(counts: Counts, state: str | None) -> str:
    """`1,204`; `1,204+` when there are at least so many."""
    found = counts.total if state is None else counts[state]
    return f"{found:,}" + ("" if counts.exact else "+")


def tabs(
    chosen: str | None, counts: Counts | None, width: int, palette: Palette
) -> tuple[Text, list[Tab]]:
    """The line and the places of its tabs; counts are left out where there is no room."""
    for counted, worded in ((True, True), (False, True), (False, False)):
        line, places = _line(chosen, counts if counted else None, palette, worded=worded)
        if line.cell_len <= width:
            break
    return line, places


def _line(
    chosen: str | None, counts: Counts | None, palette: Palette, *, worded: bool
) -> tuple[Text, list[Tab]]:
    line, places = Text(" "), list[Tab]()
    for state in CHOICES:
        start = line.cell_len
        on = state == chosen
        line.append_text(_tab(state, on, counts, palette, worded=worded or on))
        places.append(Tab(state, start, line.cell_len))
        line.append(" ")
    return line, places


def _tab(
    state: str | None,
    on: bool,
    counts: Counts | None,
    palette: Palette,
    *,
    worded: bool,
) -> Text:
    look = palette.text if state is None else states.style(state, palette)
    words = "All" if state is None else states.glyph(state)
    if worded and state is not None:
        words += f" {state.capitalize()}"
    if counts is not None:
        words += f" {number(counts, state)}"
    if on:
        return Text(f" {words} ", look + Style(reverse=True, bold=True))
    if counts is not None and state is not None and not counts[state]:
        return Text(f" {words} ", palette.faint)
    return Text(f" {words} ", palette.bad if state == "failed" else palette.muted)
