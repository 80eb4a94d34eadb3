"""The query form on screen: by keys alone, text and rows following each other, and mistakes."""

from __future__ import annotations

import pytest

from console.dialogs.query_form import QueryFormDialog
from console.form.rows import ORDER
from console.sample import SampleSource
from console.source import ClientSource, RunsQuery
from console.widgets.choice_list import ChoiceList
from console.widgets.form_keys import FormKeys
from console.widgets.form_rows import FormRows
from console.widgets.query_bar import QueryBar
from continuum import Continuum
from tests.console.driving import console, wait_until
from tests.console.query_forms import answered, cell, form, lines, offered, opened
from tests.console.test_query_bar import shop_flow

BOTH = "state = 'failed' and attributes.region in ('eu', 'us')"


async def test_a_query_is_built_by_keys_alone() -> None:
    """Field, operator and values are picked; the list answers what they say."""
    async with console(SampleSource()) as ui:
        await opened(ui)
        await ui.press("a")
        await ui.type("sta")
        await offered(ui, "state")
        await ui.press("enter")
        await offered(ui, "=")
        await ui.press("enter")
        await wait_until(lambda: cell(ui).chosen, "states with their numbers")
        await ui.type("fa")
        await offered(ui, "'failed'")
        await ui.press("enter")
        assert form(ui).text == "state = 'failed'"
        await ui.press("a")
        await ui.type("reg")
        await offered(ui, "attributes.region")
        await ui.press("enter")
        await ui.type("in")
        await ui.press("enter")
        await wait_until(lambda: cell(ui).chosen, "regions with their numbers")
        await ui.type("eu")
        await offered(ui, "'eu'")
        await ui.press("tab")
        await offered(ui, ",")
        await ui.press("tab")
        await ui.type("us")
        await offered(ui, "'us'")
        await ui.press("tab", "enter")
        assert form(ui).text == BOTH
        await ui.press("r")
        await answered(ui, BOTH)
        await wait_until(lambda: ui.runs.list.rows, "rows")
        found = {(run.state, run.attributes["region"]) for run in ui.runs.list.rows}
        assert {state for state, _ in found} == {"failed"}
        assert {region for _, region in found} <= {"eu", "us"}


async def test_a_cell_changes_the_text() -> None:
    """One cell of what is asked already; the rest of the text stays."""
    query = RunsQuery(None, "state = 'failed' and duration > 5 order by duration")
    async with console(SampleSource(), query=query) as ui:
        await opened(ui)
        assert lines(ui) == [
            "all of", "▸ state = 'failed'", "duration > 5", "order by duration smallest first",
        ]  # fmt: skip
        await ui.press("down", "right", "enter")
        await ui.type("<=")
        await ui.press("enter")
        assert form(ui).text == "state = 'failed' and duration <= 5 order by duration"
        await ui.press("o", "right", "enter")
        await ui.type("la")
        await ui.press("enter")
        assert form(ui).text == "state = 'failed' and duration <= 5 order by duration desc"
        await ui.press("d")
        assert form(ui).text == "state = 'failed' and duration <= 5"
        await ui.press("u")
        assert form(ui).text == "state = 'failed' and duration <= 5 order by duration desc"
        assert form(ui).rows.line.path == ORDER
        await ui.press("home", "down", "n", "up", "c")
        assert form(ui).text == "state != 'failed' or duration <= 5 order by duration desc"
        await ui.press("r")
        await answered(ui, "state != 'failed' or duration <= 5 order by duration desc")


async def test_the_rows_follow_the_text() -> None:
    """As soon as it can be read; Enter in it asks."""
    query = RunsQuery(None, "state = 'failed'")
    async with console(SampleSource(), query=query) as ui:
        await opened(ui)
        await ui.press("slash", "end")
        await ui.type(" or not (paused or stuck)")
        assert lines(ui) == [
            "any of", "▸ state = 'failed'", "none of", "paused = true", "stuck = true",
        ]  # fmt: skip
        await ui.press("escape")
        assert form(ui).focused is form(ui).rows
        await ui.press("u")
        assert form(ui).text == "state = 'failed'"
        assert lines(ui) == ["all of", "▸ state = 'failed'"]
        await ui.press("slash", "end")
        await ui.type(" and stuck")
        await ui.press("enter")
        await answered(ui, "state = 'failed' and stuck")


async def test_a_mistake_in_the_text_keeps_the_rows() -> None:
    """Dimmed, and not to be changed; the mark stands below its place; nothing is asked."""
    query = RunsQuery(None, "state = 'failed'")
    async with console(SampleSource(), query=query) as ui:
        await opened(ui)
        await ui.press("slash", "end")
        await ui.type(" and wrkflow = 'x'")
        await ui.shows("did you mean workflow?")
        assert form(ui).rows.stale
        assert lines(ui) == ["all of", "▸ state = 'failed'"]
        shown = ui.text().splitlines()
        typed = next(row for row in shown if "wrkflow" in row and "/ " in row)
        marked = next(row for row in shown if "^" in row)
        assert marked.index("^") == typed.index("wrkflow")
        await ui.press("enter")
        assert type(ui.app.screen) is QueryFormDialog
        await ui.press("escape", "n")
        await ui.toasts("the text cannot be read")
        assert form(ui).text == "state = 'failed' and wrkflow = 'x'"
        await ui.press("r")
        assert form(ui).focused is form(ui).line.input
        await ui.press("escape", "u")
        assert form(ui).text == "state = 'failed'"
        assert not form(ui).rows.stale


@pytest.mark.parametrize("expression", ["state='failed'  and(stuck)", "", "started_at > -2h"])
async def test_what_is_not_changed_stays_as_it_was(expression: str) -> None:
    """Opened, looked at and run, byte for byte; and Esc leaves a changed one alone."""
    async with console(SampleSource(), query=RunsQuery(None, expression)) as ui:
        await opened(ui)
        await ui.press("down", "right", "up", "escape")
        await answered(ui, expression)
        await ui.press("f2", "r")
        await answered(ui, expression)
        await ui.press("f2", "home", "a")
        await ui.type("duration")
        await ui.press("enter", "enter")
        await ui.type("5")
        await ui.press("enter")
        assert form(ui).text != expression
        await ui.press("escape")
        await answered(ui, expression)


async def test_a_half_filled_row_is_not_asked() -> None:
    """It is marked, says what is missing, and stands in no text."""
    async with console(SampleSource(), query=RunsQuery(None, "state = 'failed'")) as ui:
        await opened(ui)
        await ui.press("a")
        await ui.type("workflow")
        await ui.press("enter", "escape")
        await ui.shows("! row 2: no operator is chosen")
        assert lines(ui)[-1] == "! workflow operator? a value?"
        assert form(ui).text == "state = 'failed'"
        await ui.press("home", "r")
        await ui.toasts("a row is not finished")
        assert (form(ui).rows.line.path, form(ui).rows.cell) == ((1,), 1)
        await ui.press("enter", "enter")
        assert "workflow =" in ui.text()
        await ui.press("escape", "r")
        await ui.toasts("a row is not finished")
        await ui.shows("! row 2: a value is missing")
        await ui.press("d", "r")
        await answered(ui, "state = 'failed'")


async def test_a_wrong_value_stays_in_its_cell() -> None:
    """With the words of the language and a mark; the row is as before when the cell is left."""
    async with console(SampleSource(), query=RunsQuery(None, "started_at > -2h")) as ui:
        await opened(ui)
        await ui.press("right", "right", "enter")
        await ui.type("-2 hours")
        await ui.press("enter")
        await ui.shows("^")
        assert cell(ui).display
        await ui.press("escape")
        assert form(ui).text == "started_at > -2h"
        assert form(ui).rows.has_focus


async def test_another_field_asks_for_what_no_longer_fits() -> None:
    """Its value is asked for again, with what is wrong; Esc leaves the row marked."""
    async with console(SampleSource(), query=RunsQuery(None, "workflow = 'x'")) as ui:
        await opened(ui)
        await ui.press("enter")
        await ui.type("state")
        await ui.press("enter")
        await ui.shows("no state 'x'")
        await ui.press("escape")
        assert lines(ui)[-1] == "! state = 'x'"
        assert form(ui).text == ""
        await ui.press("u")
        assert form(ui).text == "workflow = 'x'"


async def test_groups_are_built_negated_and_removed() -> None:
    """`any of` in `all of`, with a row to fill at once; without its row it goes."""
    async with console(SampleSource(), query=RunsQuery(None, "stuck")) as ui:
        await opened(ui)
        await ui.press("A")
        await ui.type("paused")
        await ui.press("enter", "enter")
        await ui.type("true")
        await ui.press("enter", "a")
        await ui.type("key")
        await ui.press("enter")
        await ui.type("is null")
        await ui.press("enter")
        assert form(ui).text == "stuck = true and (paused = true or key is null)"
        await ui.press("up", "up", "n")
        assert form(ui).text == "stuck = true and not (paused = true or key is null)"
        await ui.press("enter")
        await ui.type("not all")
        await ui.press("enter")
        assert form(ui).text == "stuck = true and not (paused = true and key is null)"
        await ui.press("down", "delete", "d")
        assert lines(ui) == ["all of", "▸ stuck = true"]


async def test_from_the_open_bar() -> None:
    """The form takes what is being typed, also a mistake, and Esc goes back to it."""
    async with console(SampleSource(), query=RunsQuery(None, "stuck")) as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("state = 'fail")
        await ui.press("f2")
        await ui.on_screen("QueryFormDialog")
        assert form(ui).text == "state = 'fail"
        await ui.shows("the string has no end")
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        bar = ui.runs.query_one(QueryBar)
        assert bar.typed == "state = 'fail"
        await ui.press("end")
        await ui.type("ed'")
        await ui.press("f2", "down", "n", "r")
        await answered(ui, "state != 'failed'")
        assert bar.typed is None


async def test_without_the_key() -> None:
    """`:form` opens it, for terminals that have no F2."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("colon")
        await ui.type("form")
        await ui.press("enter")
        await ui.on_screen("QueryFormDialog")


async def test_the_mouse_works() -> None:
    """A cell is chosen and opened, a choice taken, a key of the last lines pressed."""
    query = RunsQuery(None, "state = 'failed' and stuck")
    async with console(SampleSource(), query=query) as ui:
        await opened(ui)
        await ui.pilot.click(FormRows, offset=(5, 2))
        assert form(ui).rows.line.path == (1,)
        await ui.pilot.click(FormRows, offset=(5, 1))
        await ui.pilot.click(FormRows, offset=(5, 1))
        assert cell(ui).display
        await ui.press("escape")
        await ui.press("right")
        await ui.press("enter")
        await offered(ui, "=")
        choices = cell(ui).query_one(ChoiceList)
        await ui.pilot.click(choices, offset=(3, 1))
        await wait_until(lambda: form(ui).text == "state != 'failed' and stuck = true", "the text")
        keys = form(ui).query_one(FormKeys)
        shown = next(line for line in ui.text().splitlines() if "negate" in line)
        await ui.pilot.click(keys, offset=(shown.index("negate") - keys.region.x, 0))
        await wait_until(lambda: form(ui).text == "state = 'failed' and stuck = true", "the text")


async def test_the_database_answers_the_rows(dsn: str) -> None:
    """Against PostgreSQL, also when keys and values cannot be read in time: all can be typed."""
    async with Continuum(dsn) as client, client.worker([shop_flow]):
        for number in range(4):
            attributes = {"region": "eu" if number else "us"}
            run = await client.start(shop_flow, number, attributes=attributes)
            await run.result(timeout=20)
        async with console(ClientSource(client), namespace="default") as ui:
            await wait_until(lambda: len(ui.runs.list.rows) == 4, "four runs")
            await opened(ui)
            await ui.press("a")
            await ui.type("attributes.region")
            await ui.press("enter", "enter")
            await ui.type("'us'")
            await ui.press("enter", "r")
            await answered(ui, "attributes.region = 'us'")
            await wait_until(lambda: len(ui.runs.list.rows) == 1, "one run")
