"""The Runs screen over a source in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from console.present.plain import short_id
from console.sample import NOW, SampleSource, sample_runs
from console.source import MAX_ROWS, PAGE, RunsPage, RunsQuery
from continuum.errors import DatabaseUnavailable, QueryError
from continuum.model import Run
from tests.console.driving import console, wait_until

Asked = tuple[RunsQuery, int, str | None]


@dataclass(slots=True)
class Troubled(SampleSource):
    """A source that can be away, slow, or asked what it was asked."""

    error: Exception | None = None
    asked: list[Asked] = field(default_factory=list[Asked])
    gate: asyncio.Event | None = None

    async def runs(
        self, query: RunsQuery, limit: int = PAGE, cursor: str | None = None
    ) -> RunsPage:
        self.asked.append((query, limit, cursor))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return await SampleSource.runs(self, query, limit, cursor)


def newer(run: Run, seconds: float, tail: int) -> Run:
    """A later run that looks like this one."""
    from uuid import UUID

    started = NOW + timedelta(seconds=seconds)
    return replace(run, id=UUID(int=run.id.int + (tail << 80)), started_at=started)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30), (140, 40), (200, 50)])
async def test_every_size_shows_states_and_runs(size: tuple[int, int]) -> None:
    """From the smallest layout to a full screen: header, tabs, the newest run, the keys."""
    source = SampleSource()
    async with console(source, size=size) as ui:
        await ui.settled()
        newest = source.all_runs[0]
        await ui.shows(short_id(newest.id))
        text = ui.text()
        assert "continuum" in text
        assert "RW" in text
        assert "running" in text
        assert "? Keys" in text
        assert max(len(line) for line in text.splitlines()) <= size[0]


async def test_the_cursor_stays_on_its_run_while_others_arrive() -> None:
    """A run aimed at stays under the cursor when newer runs push it down."""
    source = SampleSource()
    async with console(source) as ui:
        await ui.settled()
        await ui.press("down", "down")
        aimed = ui.runs.list.cursor_row
        assert aimed is not None
        source.all_runs += [newer(source.all_runs[0], n, n + 1) for n in range(12)]
        await ui.press("r")
        await wait_until(lambda: ui.runs.list.cursor_index == 14, "the new rows")
        assert ui.runs.list.cursor_row == aimed
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        assert ui.run.run_id == aimed.id


async def test_state_tabs_filter_and_go_round() -> None:
    """`>` and `<` walk the states; what is shown has that state."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("greater_than_sign", "greater_than_sign")
        await wait_until(
            lambda: ui.runs.page is not None and ui.runs.runs_query.state == "suspended"
        )
        assert {run.state for run in ui.runs.list.rows} == {"suspended"}
        await ui.press("less_than_sign", "less_than_sign", "less_than_sign")
        await wait_until(lambda: ui.runs.runs_query.state == "cancelled" and ui.runs.page)
        await ui.press("escape")
        await wait_until(lambda: ui.runs.runs_query.state is None and ui.runs.page)


async def test_attribute_filter_narrows_and_esc_clears() -> None:
    """`/` takes attribute conditions, the title shows them, `Esc` removes them."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("attributes.plan = 'pro' and attributes.region = 'eu'")
        await ui.press("enter")
        await wait_until(lambda: ui.runs.runs_query.expression and ui.runs.page)
        rows = ui.runs.list.rows
        assert rows
        assert all(
            run.attributes["plan"] == "pro" and run.attributes["region"] == "eu" for run in rows
        )
        await ui.shows("attributes.region = 'eu'")
        await ui.press("escape")
        await wait_until(lambda: not ui.runs.runs_query.expression and ui.runs.page)


async def test_keys_typed_into_the_filter_run_no_action() -> None:
    """`q`, `X`, `s` and `0` in the filter line are text."""
    async with console(SampleSource(), namespace="orders") as ui:
        await ui.settled()
        await ui.press("slash")
        await ui.type("qXs0n")
        assert type(ui.app.screen).__name__ == "RunsScreen"
        assert ui.runs.runs_query.namespace == "orders"
        await ui.press("escape")
        assert ui.runs.focused is ui.runs.list


async def test_a_filter_that_cannot_be_read_says_where() -> None:
    """A mistake stays in the line with its position; the rows stay as they are."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        before = ui.runs.list.rows
        await ui.press("slash")
        await ui.type("stat = 'failed'")
        await ui.press("enter")
        await ui.shows("^ unknown field 'stat' (did you mean state?)")
        assert ui.runs.list.rows == before


async def test_a_condition_the_database_refuses_returns_to_the_line() -> None:
    """A `QueryError` reopens the filter with the message, and the last good query goes on."""
    source = Troubled()
    async with console(source) as ui:
        await ui.settled()
        before = ui.runs.list.rows
        source.error = QueryError("sorting takes too long", hint="index attributes.plan")
        await ui.press("slash")
        await ui.type("stuck order by attributes.plan")
        await ui.press("enter")
        await ui.shows("sorting takes too long (index attributes.plan)")
        assert ui.runs.list.rows == before
        assert ui.runs.runs_query.expression == ""
        source.error = None
        await ui.press("escape")
        await wait_until(lambda: ui.runs.page is not None and not ui.runs.runs_query.expression)
        await wait_until(lambda: len(ui.runs.list.rows) > 0, "rows again")


async def test_namespace_picker_and_all() -> None:
    """`n` offers those that hold runs, typing narrows, `0` looks at all together."""
    async with console(SampleSource(), namespace="billing") as ui:
        await ui.settled()
        assert {run.namespace for run in ui.runs.list.rows} == {"billing"}
        await ui.press("n")
        await ui.on_screen("NamespaceDialog")
        await ui.shows("reports")
        await ui.type("rep")
        await ui.press("enter")
        await wait_until(lambda: ui.runs.runs_query.namespace == "reports" and ui.runs.page)
        assert {run.namespace for run in ui.runs.list.rows} == {"reports"}
        await ui.shows("ns reports")
        await ui.press("0")
        await wait_until(lambda: ui.runs.runs_query.namespace is None and ui.runs.page)
        await ui.shows("NAMESPACE")


async def test_paging_goes_deeper_while_scrolling_and_stops_at_the_cap() -> None:
    """Each time the end comes near one page more is read, at most a thousand rows."""
    source = Troubled(all_runs=sample_runs(1300))
    async with console(source) as ui:
        await ui.settled()
        assert len(ui.runs.list.rows) == 100
        for wanted in (200, 300):
            await ui.press("G")
            await wait_until(
                lambda wanted=wanted: len(ui.runs.list.rows) >= wanted, f"{wanted} rows"
            )
        for _ in range(10):
            await ui.press("G")
            await ui.pilot.pause()
        await wait_until(lambda: len(ui.runs.list.rows) >= 900, "deep")
        while len(ui.runs.list.rows) < MAX_ROWS:
            before = len(ui.runs.list.rows)
            await ui.press("G")
            await wait_until(lambda before=before: len(ui.runs.list.rows) > before, "more")
        await ui.press("G", "r")
        await ui.shows("narrow the query")
        assert max(limit for _, limit, _ in source.asked) == MAX_ROWS


async def test_database_away_keeps_rows_dimmed_and_recovers() -> None:
    """The banner says it, old rows stay, the app stays, and the first answer clears it all."""
    source = Troubled()
    async with console(source) as ui:
        await ui.settled()
        before = ui.runs.list.rows
        source.error = DatabaseUnavailable("connection refused")
        await ui.press("r")
        await ui.shows("database unreachable")
        assert ui.runs.list.rows == before
        assert ui.runs.list.stale
        assert "stale" in ui.text()
        source.error = None
        await ui.press("r")
        await wait_until(lambda: not ui.runs.list.stale, "recovery")
        assert "database unreachable" not in ui.text()


async def test_database_away_from_the_start_is_no_empty_list() -> None:
    """Nothing read yet is not drawn as `no runs`."""
    source = Troubled(error=DatabaseUnavailable("connection refused"))
    async with console(source) as ui:
        await ui.shows("database unreachable")
        await ui.shows("nothing could be read yet")
        assert "No runs" not in ui.text()
        source.error = None
        await ui.press("r")
        await ui.settled()


async def test_an_answer_to_an_old_question_is_dropped() -> None:
    """Changing the namespace while a slow page is under way never shows the old namespace."""
    source = Troubled()
    async with console(source, namespace="billing") as ui:
        await ui.settled()
        source.gate = asyncio.Event()
        await ui.press("r")
        await wait_until(lambda: len(source.asked) >= 2, "the slow read")
        await ui.press("0")
        source.gate.set()
        await wait_until(lambda: ui.runs.page is not None and len(ui.runs.list.rows) == 100)
        assert len({run.namespace for run in ui.runs.list.rows}) == 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RunsQuery(None), "No runs yet"),
        (lambda: RunsQuery("billing"), "No runs in billing"),
        (lambda: RunsQuery("billing", "state = 'failed'"), "No run matches"),
    ],
)
async def test_empty_states(make: Callable[[], RunsQuery], words: str) -> None:
    """An empty list says why it is empty and which key helps."""
    query = make()
    async with console(SampleSource(all_runs=[]), namespace=query.namespace, query=query) as ui:
        await ui.shows(words)


async def test_keys_go_on_working_when_the_list_is_empty() -> None:
    """With no rows `0`, `n` and `?` still answer."""
    async with console(SampleSource(), namespace="nowhere") as ui:
        await ui.shows("No runs in nowhere")
        await ui.press("0")
        await wait_until(lambda: len(ui.runs.list.rows) == 100, "all namespaces")
        await ui.press("down")
        assert ui.runs.list.cursor_index == 1


async def test_nothing_is_read_under_a_dialog() -> None:
    """While a dialog is open the list below does not move, and reading goes on after it."""
    source = Troubled()
    async with console(source) as ui:
        await ui.settled()
        await ui.press("question_mark")
        await ui.on_screen("KeysDialog")
        await wait_until(lambda: ui.runs.live.suspended)
        asked = len(source.asked)
        ui.runs.live.refresh()
        await ui.pilot.pause()
        assert len(source.asked) == asked
        await ui.press("escape")
        await wait_until(lambda: len(source.asked) > asked, "reading again")


async def test_pause_is_shown_and_refresh_still_works() -> None:
    """`p` freezes the list and the header says so."""
    source = Troubled()
    async with console(source) as ui:
        await ui.settled()
        await ui.press("p")
        await ui.shows("paused")
        asked = len(source.asked)
        await ui.press("r")
        await wait_until(lambda: len(source.asked) == asked + 1)
        await ui.press("p")
        await ui.toasts("live again")


async def test_without_workers_the_header_says_so() -> None:
    """Runs that nobody executes are the first thing to see."""
    async with console(SampleSource(live_nodes=0)) as ui:
        await ui.shows("no worker")
