"""Gestures on the list: each rewrites the one expression, and can be taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from console import cells, expressions, pages
from console.sample import NOW, SampleSource, sample_runs
from console.source import MAX_ROWS, PAGE, RunsPage, RunsQuery
from console.trail import Trail
from continuum.model import Run, RunError
from continuum.query.tree import Field
from tests.console.driving import Driver, console, wait_until

RUNS = sample_runs(40)


def page(runs: list[Run], cursor: str | None = "on", *, complete: bool = True) -> RunsPage:
    """A page of these."""
    return RunsPage(tuple(runs), cursor, complete, NOW)


def ids(found: RunsPage) -> list[UUID]:
    """Of the runs, in order."""
    return [run.id for run in found.runs]


# pages put together


def test_only_what_is_in_view_is_read_again() -> None:
    """Deep down more is read, in a changing order all of it, and never over the cap."""
    held = page(sample_runs(500))
    start, lasting = Field("started_at"), Field("duration")
    assert pages.depth(30, None, start) == PAGE
    assert pages.depth(30, held, start) == PAGE
    assert pages.depth(130, held, start) == 2 * PAGE
    assert pages.depth(30, held, lasting) == 500
    assert pages.depth(5000, held, start) == MAX_ROWS


def test_what_was_held_stays_behind_what_was_read_again() -> None:
    """New runs in front push none out, and a run that left between is gone."""
    held = page(RUNS[3:30], "deep")
    fresh = page([*RUNS[:10], *RUNS[11:15]])
    found = pages.refreshed(held, fresh)
    assert ids(found) == [run.id for run in [*RUNS[:10], *RUNS[11:30]]]
    assert found.cursor == "deep"


def test_pages_that_do_not_meet_are_not_put_together() -> None:
    """Between them there could be runs that nobody read."""
    assert pages.refreshed(page(RUNS[20:]), page(RUNS[:10])) == page(RUNS[:10])


def test_an_answer_cut_short_takes_nothing_away() -> None:
    """What was found before stays; an answer that came to its end replaces all."""
    held = page(RUNS[:10], "deep")
    assert ids(pages.refreshed(held, page([], complete=False))) == ids(held)
    assert ids(pages.refreshed(held, page([], None))) == []


def test_the_next_page_comes_behind() -> None:
    """A run that is in both is as it was read last."""
    again = replace(RUNS[9], waiting_on="timer")
    found = pages.extended(page(RUNS[:10]), page([again, *RUNS[10:20]], None))
    assert ids(found) == [run.id for run in RUNS[:20]]
    assert found.runs[9] == again
    assert not found.more


# cells and queries asked before


@pytest.mark.parametrize(
    ("column", "changes", "expression"),
    [
        ("state", {}, "state = 'running'"),
        ("workflow", {"workflow": "shop:it's"}, "workflow = 'shop:it''s'"),
        ("version", {"version_hash": "03be"}, "version_hash = '03be'"),
        ("waits", {"waiting_on": "signal fraud_review until 2026-03-14T09:00:00Z"},
         "waiting_on like 'signal fraud\\_review%'"),
        ("waits", {"waiting_on": "activity m:charge attempt 2 of 5, retry at 2026-03-14T09:00:00Z"},
         "waiting_on like 'activity m:charge%'"),
        ("waits", {"error": RunError("shop.Declined", "no")}, "error_type = 'shop.Declined'"),
        ("started", {"started_at": NOW}, "started_at >= '2026-03-14T09:26:53.589000+00:00'"),
    ],
)  # fmt: skip
def test_a_cell_as_a_condition(column: str, changes: dict[str, object], expression: str) -> None:
    """Times that differ from run to run are left out of what a run waits for."""
    run = replace(RUNS[0], **{"waiting_on": None, **changes})  # pyright: ignore[reportArgumentType]
    [found] = cells.meaning(run, column)
    assert expressions.text(found) == expression
    assert expressions.parse(expression).condition == found


def test_an_empty_cell_is_no_condition() -> None:
    """A run that waits for nothing, a version that is not fixed yet, a duration."""
    run = replace(RUNS[0], waiting_on=None, version_hash="")
    assert [cells.meaning(run, name) for name in ("waits", "version", "lasted")] == [[], [], []]


def test_queries_are_walked_back_and_forth() -> None:
    """What was gone back from is forgotten once something else is asked."""
    first, second, third = (RunsQuery(None, f"version = {number}") for number in (1, 2, 3))
    trail = Trail(first, most=2)
    trail.ask(first)
    assert not trail.can(-1)
    trail.ask(second)
    assert trail.step(-1) == first
    trail.ask(third)
    assert trail.step(1) is None
    assert trail.step(-1) == first
    trail.ask(second)
    trail.ask(third)
    assert trail.step(-1) == second
    assert trail.step(-1) is None


# on screen


async def asks(ui: Driver, expression: str) -> None:
    """The list answers this expression."""
    await wait_until(
        lambda: ui.runs.runs_query.expression == expression and ui.runs.page is not None, expression
    )


async def test_cells_columns_and_back() -> None:
    """`=` and `\\` by the cell, `o` by the column, `[` and `]` through what was asked."""
    async with console(SampleSource(), size=(140, 40)) as ui:
        await ui.settled()
        await ui.press("down", "equals_sign")
        await asks(ui, "state = 'running'")
        await ui.press("escape")
        await asks(ui, "")
        await ui.press("right", "right", "right")
        assert ui.runs.list.cursor_column is not None
        assert ui.runs.list.cursor_column.name == "workflow"
        run = ui.runs.list.cursor_row
        assert run is not None
        await ui.press("backslash")
        await asks(ui, f"workflow != '{run.workflow}'")
        assert run.workflow not in {row.workflow for row in ui.runs.list.rows}
        await ui.press("o")
        await asks(ui, f"workflow != '{run.workflow}' order by workflow")
        await ui.shows("WORKFLOW↑")
        await ui.press("O")
        await asks(ui, f"workflow != '{run.workflow}' order by workflow desc")
        await ui.press("left_square_bracket", "left_square_bracket")
        await asks(ui, f"workflow != '{run.workflow}'")
        await ui.press("right_square_bracket")
        await asks(ui, f"workflow != '{run.workflow}' order by workflow")


async def test_a_cell_with_several_attributes_asks_which() -> None:
    """One of them is taken; Esc takes none."""
    async with console(SampleSource(), size=(200, 50)) as ui:
        await ui.settled()
        await ui.press(*["right"] * 6)
        assert ui.runs.list.cursor_column is not None
        assert ui.runs.list.cursor_column.name == "attributes"
        await ui.press("equals_sign")
        await ui.on_screen("ChooseDialog")
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        assert ui.runs.runs_query.expression == ""
        await ui.press("equals_sign")
        await ui.on_screen("ChooseDialog")
        await ui.press("down", "enter")
        await wait_until(lambda: ui.runs.runs_query.expression.startswith("attributes.plan = "))


async def test_a_search_cut_short_goes_on() -> None:
    """It is told as incomplete, and `m` searches on behind what was found."""

    class Short(SampleSource):
        async def runs(
            self, query: RunsQuery, limit: int = PAGE, cursor: str | None = None
        ) -> RunsPage:
            found = await SampleSource.runs(self, query, 20 if cursor is None else limit, cursor)
            return replace(found, complete=cursor is not None)

    async with console(Short()) as ui:
        await ui.settled()
        await ui.shows("newest 20 of 160 · incomplete, m searches on")
        await ui.press("m")
        await wait_until(lambda: len(ui.runs.list.rows) == 120, "further runs")
        await ui.press("r")
        await wait_until(lambda: ui.runs.live.idle)
        assert len(ui.runs.list.rows) == 120


async def test_the_aimed_run_survives_every_gesture_on_the_rows() -> None:
    """Rows come, leave and move; the cursor is on the run it was put on, or says so."""
    source = SampleSource()
    async with console(source) as ui:
        await ui.settled()
        await ui.press("down", "down", "down")
        aimed = ui.runs.list.cursor_row
        assert aimed is not None
        for number in range(5):
            new = replace(
                RUNS[0],
                id=UUID(int=RUNS[0].id.int + (number + 1 << 70)),
                started_at=NOW + timedelta(seconds=number),
            )
            source.all_runs = [new, *source.all_runs[:1], *source.all_runs[2:]]
            if aimed not in source.all_runs:
                source.all_runs.append(aimed)
            loads = ui.runs.live.loads
            await ui.press("r")
            await wait_until(lambda loads=loads: ui.runs.live.loads > loads)
            assert ui.runs.list.cursor_row == aimed
