"""The query form in every size, with text of any kind, and in plain characters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.app import ConsoleApp
from console.form.rows import Row
from console.sample import SampleSource
from console.session import Session
from console.source import RunsQuery
from console.widgets.choice_list import ChoiceList
from continuum.query.tree import Attribute, Compare, Comparison
from tests.console.driving import Driver, console, wait_until
from tests.console.query_forms import cell, form, lines, opened
from tests.console.test_hostile import HOSTILE, assert_harmless, hostile_source


@pytest.mark.parametrize("text", [*HOSTILE.values(), "x" * 10_000, "'\"", "🚀שלום", "a b"])
async def test_hostile_keys_and_values(text: str) -> None:
    """Shown safely, within their cells, and picked as they are."""
    source = hostile_source(text)
    for number, run in enumerate(source.all_runs):
        source.all_runs[number] = replace(run, attributes={text: text[:6000]})
    async with console(source, size=(80, 24)) as ui:
        await opened(ui)
        await ui.press("a")
        await wait_until(lambda: any("attributes" in each.text for each in
                                     cell(ui).query_one(ChoiceList).offers), "keys")  # fmt: skip
        await ui.type("attributes.")
        if "\0" in text:
            await ui.press("tab", "enter")
            await ui.shows("a NUL")
            assert_harmless(ui)
            return
        await ui.press("enter")
        assert_harmless(ui)
        await ui.press("enter")
        await wait_until(lambda: cell(ui).chosen, "values")
        assert_harmless(ui)
        await ui.press("enter")
        assert_harmless(ui)
        width = {len(line) for line in ui.text().splitlines()}
        assert max(width) <= 80
        row = form(ui).rows.line.node
        assert isinstance(row, Row)
        assert row.condition == Compare(Attribute((text,)), Comparison.EQ, text[:6000])
        await ui.press("slash")
        assert_harmless(ui)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 50)])
async def test_long_values_are_cut(size: tuple[int, int]) -> None:
    """Nothing overlaps, whatever the sizes; all keys are in the last lines."""
    long = f"attributes.{'k' * 300} in ('{'v' * 300}', 'w') and stuck"
    async with console(SampleSource(), size=size, query=RunsQuery(None, long)) as ui:
        await opened(ui)
        [_, row, *_] = lines(ui)
        assert row.count("…") == 2
        assert "… in" in row
        for key in ("add group", "all/any", "run it", "Esc leave"):
            assert key in ui.text()


async def test_in_plain_characters() -> None:
    """With `--ascii` nothing else, in as many cells; also what is typed and chosen."""
    app = ConsoleApp(Session(hostile_source("\x1b漢"), None), plain=True)
    async with app.run_test(size=(80, 24)) as pilot:
        ui = Driver(app, pilot)  # pyright: ignore[reportArgumentType]
        await opened(ui)
        await ui.press("a")
        await ui.type("attributes.")
        await ui.press("tab")
        typed = ui.text()
        await ui.press("escape")
        for text in (typed, ui.text()):
            assert text.isascii()
            assert {len(line) for line in text.splitlines()} == {80}
