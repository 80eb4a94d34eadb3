"""Legible in every theme of the console, told apart without colour, and drawn in plain ASCII."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.style import Style
from textual.color import Color

from console.app import ConsoleApp
from console.plain_characters import plain
from console.present import states
from console.sample import SampleSource
from console.session import Session
from console.themes import (
    LEGIBLE,
    THEMES,
    Palette,
    contrast,
    grounds,
    style_variables,
)
from tests.console.driving import Driver, console

SHEET = Path(__file__).parents[2] / "console" / "styles" / "console.tcss"
INKS = ("text", "strong", "muted", "faint", "accent", "info", "good", "warn", "bad", "key")
OWN = {theme.name: theme.to_color_system().generate() for theme in THEMES}


def colour(style: Style) -> Color:
    """The colour of a style's text."""
    assert style.color is not None
    return Color.from_rich_color(style.color)


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21, a colour on itself 1, and the known middle value holds."""
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#777")) == pytest.approx(1)
    assert contrast(Color.parse("#767676"), Color.parse("#fff")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("ink", INKS)
@pytest.mark.parametrize("theme", OWN)
def test_every_text_is_legible(theme: str, ink: str) -> None:
    """At least 4.5:1 on the screen, in dialogs, on bars and in the row under the cursor."""
    found = colour(getattr(Palette.from_variables(OWN[theme]), ink))
    for ground in grounds(OWN[theme]):
        assert contrast(found, ground) >= LEGIBLE


@pytest.mark.parametrize("theme", OWN)
def test_the_inks_of_the_style_sheet_are_legible(theme: str) -> None:
    """Titles, labels and errors; and what is on a coloured button or banner."""
    variables = OWN[theme]
    for ink in style_variables(variables).values():
        for ground in grounds(variables):
            assert contrast(Color.parse(ink), ground) >= LEGIBLE
    background = Color.parse(variables["background"])
    for filled in ("primary", "error"):
        assert contrast(background, Color.parse(variables[filled])) >= LEGIBLE
    for tinted, share in (("error", 0.12), ("error", 0.18)):
        ground = background.blend(Color.parse(variables[tinted]), share)
        assert contrast(colour(Palette.from_variables(variables).bad), ground) >= LEGIBLE


def test_the_style_sheet_thins_no_text() -> None:
    """A share of the foreground is no ink: only what cannot be used may be that faint."""
    sheet = SHEET.read_text(encoding="utf-8")
    thinned = re.findall(r"(?<!-)color: \$foreground \d+%;", sheet)
    assert thinned == ["color: $foreground 35%;"]


def deuteranope(found: Color) -> tuple[float, float, float]:
    """How the colour looks without the green-sensitive cones (Machado and others, 2009)."""
    r, g, b = found.rgb
    return (
        0.367322 * r + 0.860646 * g - 0.227968 * b,
        0.280085 * r + 0.672501 * g + 0.047413 * b,
        -0.011820 * r + 0.042940 * g + 0.968881 * b,
    )


@pytest.mark.parametrize("theme", ["continuum-safe-dark", "continuum-safe-light"])
def test_states_differ_without_red_and_green(theme: str) -> None:
    """Well, warning and wrong stay far apart for a deuteranope."""
    palette = Palette.from_variables(OWN[theme])
    looks = [deuteranope(colour(getattr(palette, ink))) for ink in ("good", "warn", "bad")]
    for index, one in enumerate(looks):
        for other in looks[index + 1 :]:
            assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 40


async def every_state(ui: Driver) -> str:
    """The screen once runs of every state are in view."""
    await ui.settled()
    text = ui.text()
    assert all(state in text for state in states.STATES)
    return text


async def test_states_differ_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR no colour is left, and every state has its glyph and its word."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(SampleSource(), size=(120, 60)) as ui:
        assert ui.app.no_color
        text = await every_state(ui)
        for state in states.STATES:
            assert f"{states.glyph(state)} {state}" in text
        lines = ui.app.screen._compositor.render_strips(ui.app.size)
        styles = [segment.style for line in lines for segment in line if segment.style]
        triplets = [
            found.get_truecolor() for style in styles for found in (style.color, style.bgcolor)
            if found is not None
        ]  # fmt: skip
        assert triplets
        assert all(t.red == t.green == t.blue for t in triplets)


async def test_plain_characters_only() -> None:
    """`--ascii`: not one other character on the screen, states told apart by letter and word."""
    app = ConsoleApp(Session(SampleSource(), None), plain=True)
    async with app.run_test(size=(120, 60), notifications=True) as pilot:
        ui = Driver(app, pilot)
        text = await every_state(ui)
        assert text.isascii()
        for letter, state in zip("RSCFX", states.STATES, strict=True):
            assert f"{letter} {state}" in text
        await ui.press("question_mark")
        await ui.on_screen("KeysDialog")
        assert ui.text().isascii()


@pytest.mark.parametrize(
    ("text", "translated"),
    [("✗ failed 0199…c41e", "F failed 0199~c41e"), ("plain", "plain"), ("╭─╮│", "+-+|"),
     ("Zürich 東京", "Z?rich ????"), ("▊", " ")],
)  # fmt: skip
def test_characters_keep_their_width(text: str, translated: str) -> None:
    """What the console draws has a sign of its own; anything else is as many `?` as it is wide."""
    assert plain(text) == translated
