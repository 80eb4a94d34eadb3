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
SAFE_DARK: Final = Theme(
    name="continuum-safe-dark",
    primary="#56b4e9",
    secondary="#8fa3b8",
    accent="#cc79a7",
    success="#4aa8d8",
    warning="#f0e442",
    error="#e69f00",
    foreground="#e2e6ea",
    background="#101214",
    surface="#181b1f",
    panel="#22272c",
    dark=True,
)
"""For eyes that do not tell red from green: blue is well, yellow warns, orange is wrong."""
SAFE_LIGHT: Final = Theme(
    name="continuum-safe-light",
    primary="#005f9e",
    secondary="#55606b",
    accent="#8a3a6d",
    success="#0a6a9c",
    warning="#3d3700",
    error="#b34700",
    foreground="#1e2429",
    background="#fcfcfa",
    surface="#f4f4f0",
    panel="#e7e7e1",
    dark=False,
)
THEMES: Final = (DARK, LIGHT, SAFE_DARK, SAFE_LIGHT)
DEFAULT_THEME: Final = DARK.name

LEGIBLE: Final = 4.5
"""The least contrast of any text with what it stands on (WCAG AA)."""
CURSOR: Final = 0.22
"""Share of the primary colour in the row under the cursor."""


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
        foreground = _colour(variables, "foreground", "#d0d0d0")
        background = _colour(variables, "background", "#000000")
        own = foreground.ansi is None and background.ansi is None
        behind = grounds(variables)

        def ink(name: str) -> Style:
            colour = _colour(variables, name, "#d0d0d0")
            if own and colour.ansi is None:
                colour = _towards(foreground, colour, behind)
            return Style(color=colour.rich_color)

        def mixed(share: float) -> Style:
            if not own:
                return Style(color=foreground.rich_color, dim=share < 0.8)
            colour = background.blend(foreground, share)
            return Style(color=_towards(foreground, colour, behind).rich_color)

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


def grounds(variables: Mapping[str, str]) -> list[Color]:
    """What text stands on: the screen, dialogs, bars, and the row under the cursor."""
    background = _colour(variables, "background", "#000000")
    primary = _colour(variables, "primary", "#808080")
    found = [background.blend(primary, CURSOR), background]
    return [*found, *(_colour(variables, name, background.hex) for name in ("surface", "panel"))]


def style_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The quieter inks for style sheets, legible on every ground of the theme.

    Args:
        variables: the theme's own.
    """
    palette = Palette.from_variables(variables)
    inks = {"muted": palette.muted, "faint": palette.faint, "wrong": palette.bad}
    return {
        name: Color.from_rich_color(style.color).hex
        for name, style in inks.items()
        if style.color is not None and style.color.triplet is not None
    }


def contrast(one: Color, other: Color) -> float:
    """How far two colours are apart in brightness, from 1 to 21 (WCAG 2)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Color) -> float:
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in colour.rgb)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _towards(foreground: Color, colour: Color, behind: list[Color]) -> Color:
    """The colour, moved towards that of plain text until it is legible on everything."""
    for step in range(20):
        found = colour.blend(foreground, step / 20)
        if all(contrast(found, each) >= LEGIBLE for each in behind):
            return found
    return foreground


def _colour(variables: Mapping[str, str], name: str, fallback: str) -> Color:
    try:
        return Color.parse(variables.get(name, fallback))
    except ValueError:
        return Color.parse(fallback)
