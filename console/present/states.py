"""How a run's state looks: glyph, word and colour, never colour alone."""

from __future__ import annotations

from typing import Final

from rich.style import Style
from rich.text import Text

from console.themes import Palette

STATES: Final = ("running", "suspended", "completed", "failed", "cancelled")
LIVE: Final = frozenset({"running", "suspended"})
_GLYPH: Final = {
    "running": "↻",
    "suspended": "◌",
    "completed": "✓",
    "failed": "✗",
    "cancelled": "⊘",
}


def glyph(state: str) -> str:
    """One cell; a state this release does not know shows as `?`."""
    return _GLYPH.get(state, "?")


def style(state: str, palette: Palette) -> Style:
    """Failed stands out; what is over steps back."""
    styles = {
        "running": palette.info,
        "suspended": palette.accent,
        "completed": palette.good,
        "failed": palette.bad + Style(bold=True),
        "cancelled": palette.muted,
    }
    return styles.get(state, palette.warn)


def badge(state: str, palette: Palette, *, changed: bool = False) -> Text:
    """Glyph and word; reversed for one refresh after the state changed."""
    look = style(state, palette)
    return Text(f"{glyph(state)} {state}", style=look + Style(reverse=True) if changed else look)
