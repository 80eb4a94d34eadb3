"""The console's own colours, and the palette that presenters paint with.

Presenters never name a colour: they take a `Palette`, computed from whatever theme is active, so
one set of rules serves every theme, dark or light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

DARK: Final = Theme(
    name="continuum-dark",
    primary="#5aa9e6",
    secondary="#7d93b2",
    accent="#e0a458",
    success="#6fc28b",
    warning="#e3b341",
    error="#ef6f6c",
    foreground="#d3dce4",
    background="#0d1217",
    surface="#131a21",
    panel="#1d2730",
    dark=True,
)
LIGHT: Final = Theme(
    name="continuum-light",
    primary="#1f6fb2",
    secondary="#54708a",
    accent="#a05a00",
    success="#2c7a4b",
    warning="#8a5a00",
    error="#b3372f",
    foreground="#22303a",
    background="#fbfaf7",
    surface="#f3f1ea",
    panel="#e6e2d7",
    dark=False,
)
DEFAULT_THEME: Final = DARK.name


@dataclass(frozen=True, slots=True)
class Palette:
    """Named text styles of the active theme."""

    text: Style
    strong: Style
    muted: Style
    faint: Style
    accent: Style
    info: Style
    good: Style
    warn: Style
    bad: Style
    key: Style

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Palette:
        """Derive the styles from a theme's generated variables (`App.theme_variables`)."""
        background = _colour(variables, "background", "#000000")
        foreground = _colour(variables, "foreground", "#d0d0d0")

        def ink(name: str) -> Style:
            return Style(color=_colour(variables, name, "#d0d0d0").rich_color)

        def mixed(share: float) -> Style:
            if foreground.ansi is not None or background.ansi is not None:
                return Style(color=foreground.rich_color, dim=share < 0.8)
            return Style(color=background.blend(foreground, share).rich_color)

        return cls(
            text=mixed(1.0),
            strong=Style(color=foreground.rich_color, bold=True),
            muted=mixed(0.68),
            faint=mixed(0.45),
            accent=ink("text-accent"),
            info=ink("text-primary"),
            good=ink("text-success"),
            warn=ink("text-warning"),
            bad=ink("text-error"),
            key=ink("text-accent") + Style(bold=True),
        )


def _colour(variables: Mapping[str, str], name: str, fallback: str) -> Color:
    try:
        return Color.parse(variables.get(name, fallback))
    except ValueError:
        return Color.parse(fallback)
