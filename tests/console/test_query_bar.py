"""The query bar on screen: typing, completing, mistakes, and what stays as it was."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from textual.widgets import Input

from console.sample import SampleSource
from console.source import ClientSource, Counts, RunsQuery
from console.widgets.choice_list import ChoiceList
from console.widgets.query_bar import QueryBar
from console.widgets.query_parts import QueryParts
from continuum import Continuum, activity, workflow
from tests.console.driving import Driver, console, wait_until


def line(ui: Driver) -> Input:
    """The input of the bar."""
    return ui.runs.query_one(QueryBar).query_one(Input)


def choices(ui: Driver) -> ChoiceList:
    """The list below it."""
    return ui.runs.query_one(ChoiceList)


async def offered(ui: Driver, text: str) -> None:
    """The marked choice is this one."""
    await wait_until(lambda: choices(ui).chosen and choices(ui).chosen.text == text, text)


async def test_a_query_is_typed_with_tab_alone() -> None:
    """Field, operator, value and order are completed; Enter runs it and gives the list back."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("sta")
        await offered(ui, "state")
        await ui.press("tab", "tab")
        assert line(ui).value == "state = "
        await ui.type("fa")
        await offered(ui, "'failed'")
        await ui.press("right")
        await ui.type("ord")
        await ui.press("tab")
        await ui.type("dur")
        await ui.press("tab", "tab")
        assert line(ui).value == "state = 'failed' order by duration desc "
        await ui.press("enter")
        await wait_until(lambda: ui.runs.page is not None and ui.runs.list.rows)
        rows = ui.runs.list.rows
        assert {run.state for run in rows} == {"failed"}
        assert list(rows) == sorted(rows, key=lambda run: run.duration, reverse=True)
        assert ui.runs.focused is ui.runs.list
        assert ui.runs.runs_query.expression == "state = 'failed' order by duration desc"


async def test_opening_selects_the_text_and_esc_leaves_it() -> None:
    """What is typed replaces the old expression, unless it is given up."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("stuck")
        await ui.press("enter")
        await wait_until(lambda: ui.runs.page is not None)
        await ui.press("slash")
        assert line(ui).selected_text == "stuck"
        await ui.type("x")
        assert line(ui).value == "x"
        await ui.press("escape")
        assert ui.runs.runs_query.expression == "stuck"
        assert ui.runs.focused is ui.runs.list
        assert not choices(ui).display


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 50)])
async def test_the_choices_never_cover_the_bar(size: tuple[int, int]) -> None:
    """At most eight rows, below the line, whole on screen."""
    async with console(SampleSource(), size=size) as ui:
        await ui.settled()
        await ui.press("slash")
        await wait_until(lambda: len(choices(ui).offers) > 8, "keys")
        await ui.pilot.pause()
        region, bar = choices(ui).region, line(ui).region
        assert region.height == 8
        assert region.y > bar.y
        assert region.bottom <= size[1]
        assert region.right <= size[0]
        await ui.press("up")
        assert choices(ui).chosen == choices(ui).offers[-1]


async def test_values_come_with_their_numbers() -> None:
    """Read in the background; a count cut short is `or more`."""

    @dataclass(slots=True)
    class Partly(SampleSource):
        async def values(self, namespace: str | None, operand: str) -> Counts:
            found = await SampleSource.values(self, namespace, operand)
            return Counts(found.of, exact=False)

    async with console(Partly()) as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("attributes.plan = ")
        await wait_until(lambda: "or more" in ui.text(), "numbers")
        assert {offer.text for offer in choices(ui).offers} == {"'free'", "'pro'", "'team'"}


async def test_a_read_that_no_longer_matters_is_cancelled() -> None:
    """Leaving the bar ends what is being read for it."""
    cancelled = asyncio.Event()

    @dataclass(slots=True)
    class Slow(SampleSource):
        async def values(self, namespace: str | None, operand: str) -> Counts:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            raise AssertionError

    async with console(Slow()) as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("workflow = ")
        assert not cancelled.is_set()
        await ui.press("escape")
        await wait_until(cancelled.is_set, "the end of the read")


async def test_keys_that_cannot_be_read_in_time_are_told() -> None:
    """Fields are offered still, with a word about what is missing."""

    @dataclass(slots=True)
    class Late(SampleSource):
        async def attribute_keys(self, namespace: str | None) -> list[object]:
            raise TimeoutError

    async with console(Late()) as ui:  # pyright: ignore[reportArgumentType]
        await ui.settled()
        await ui.press("slash")
        await ui.shows("attribute keys could not be read in time")
        await ui.shows("workflow")


async def test_a_click_takes_a_part_out() -> None:
    """The parts in force stand in the bar; so does the order."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("state = 'failed' and attributes.plan = 'pro' order by duration")
        await ui.press("enter")
        await ui.shows("order by duration")
        await ui.pilot.click(QueryParts, offset=(5, 0))
        await wait_until(
            lambda: ui.runs.runs_query.expression == "attributes.plan = 'pro' order by duration"
        )
        await ui.press("backspace")
        await wait_until(lambda: ui.runs.runs_query.expression == "order by duration")


async def test_the_mark_stands_below_the_mistake() -> None:
    """In the column of what is wrong, with the nearest name; the cursor goes there."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("state = 'failed' and wrkflow = 'x'")
        await ui.press("enter")
        await ui.shows("did you mean workflow?")
        rows = ui.text().splitlines()
        typed = next(row for row in rows if "wrkflow" in row and "/" in row)
        marked = next(row for row in rows if "^" in row)
        assert marked.index("^") == typed.index("wrkflow")
        assert line(ui).cursor_position == len("state = 'failed' and ")


@activity
async def count(number: int) -> int:
    """Trivial."""
    return number


@workflow
async def shop_flow(number: int) -> int:
    """Runs that can be told apart."""
    return await count(number)


async def test_the_database_completes_keys_and_values(dsn: str) -> None:
    """Against PostgreSQL: keys with shares, values with counts, and the rows they lead to."""
    async with Continuum(dsn) as client, client.worker([shop_flow]):
        for number in range(6):
            attributes = {"region": "eu" if number % 3 else "us", "tier": number % 2}
            run = await client.start(shop_flow, number, attributes=attributes)
            await run.result(timeout=20)
        source = ClientSource(client)
        assert await source.values("default", "attributes.region") == Counts({"eu": 4, "us": 2})
        assert (await source.states(RunsQuery(expression="state = 'failed'"))).of["completed"] == 6
        async with console(source, namespace="default") as ui:
            await wait_until(lambda: len(ui.runs.list.rows) == 6, "six runs")
            await ui.press("slash")
            await ui.type("reg")
            await offered(ui, "attributes.region")
            await ui.press("tab", "tab")
            await ui.shows("'us'")
            await ui.type("us")
            await ui.press("tab", "enter")
            await wait_until(lambda: len(ui.runs.list.rows) == 2, "two runs")
