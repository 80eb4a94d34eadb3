"""The Run screen over a source in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.journal_window import PAGE
from console.present import ages
from console.present.facts import LABEL
from console.sample import NOW, SampleSource
from console.sample_journals import sample_history, stored
from continuum.model import HistoryEvent, RunState
from tests.console.driving import Driver, console, wait_until


async def open_run(ui: Driver, state: str) -> None:
    """Open the newest run of a state."""
    await ui.settled()
    index = next(i for i, run in enumerate(ui.runs.list.rows) if run.state == state)
    await ui.press(*["down"] * max(index, 1), *(["up"] if index == 0 else []), "enter")
    await ui.on_screen("RunScreen")
    await wait_until(lambda: ui.run.run_shown is not None and ui.run.events, "the run")
    await ui.pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (140, 40), (200, 50)])
async def test_facts_and_history_at_every_size(size: tuple[int, int]) -> None:
    """State, id, what it waits for and every event's kind are visible at every size."""
    async with console(SampleSource(), size=size) as ui:
        await open_run(ui, "suspended")
        run = ui.run.run_shown
        assert run is not None
        text = ui.text()
        assert str(run.id) in text
        assert "suspended" in text
        assert "orders:reserve_stock" in text
        assert "waits for" in text


@pytest.mark.parametrize("state", ["completed", "cancelled", "failed"])
@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_how_a_run_ended_is_never_cut(size: tuple[int, int], state: str) -> None:
    """Also where the history is narrow."""
    async with console(SampleSource(), size=size) as ui:
        await open_run(ui, state)
        await ui.shows(f"run {state}")


async def test_following_shows_what_is_appended() -> None:
    """New events appear at the end and the cursor goes with them until it is moved."""
    source = SampleSource()
    async with console(source) as ui:
        await open_run(ui, "suspended")
        run = ui.run.run_shown
        assert run is not None
        events = sample_history(run)
        count = len(events)
        last = events[-1]
        source.journals[run.id] = [
            *events,
            HistoryEvent(count + 1, 1, "signal_received", None,
                         stored({"name": "fraud_review", "value": "ok", "message": 1}),
                         last.at + timedelta(seconds=1)),
        ]  # fmt: skip
        await ui.press("r")
        await wait_until(lambda: len(ui.run.events) == count + 1, "the new event")
        row = ui.run.history.cursor_row
        assert row is not None
        assert row.step.last == source.journals[run.id][-1]
        await ui.press("up")
        assert not ui.run.history.following
        await ui.press("f")
        assert ui.run.history.following


async def test_the_age_of_an_ended_run_counts_from_now() -> None:
    """A run that ended long ago says so, by the database's clock."""
    async with console(SampleSource(), size=(160, 40)) as ui:
        await open_run(ui, "cancelled")
        run = ui.run.run_shown
        assert run is not None
        shown = ui.text()
        assert f"{'ended':<{LABEL}}now" not in shown
        assert f"{'started':<{LABEL}}{ages.ago(run.started_at, NOW)[:2].strip()}" in shown


def long_journal(source: SampleSource, count: int) -> list[HistoryEvent]:
    """A suspended run gets a journal of so many side effects."""
    run = next(run for run in source.all_runs if run.state is RunState.SUSPENDED)
    source.journals[run.id] = [
        HistoryEvent(seq, 1, "side_effect", seq, stored({"value": seq}), run.started_at)
        for seq in range(1, count + 1)
    ]
    return source.journals[run.id]


async def test_a_long_history_opens_at_its_end_and_is_read_as_it_is_scrolled() -> None:
    """Of 100,000 events a page is read; the start is one key away, and so is the end again."""
    source = SampleSource()
    long_journal(source, 100_000)
    async with console(source) as ui:
        await open_run(ui, "suspended")
        assert ui.run.events[-1].seq == 100_000
        assert len(ui.run.events) <= 2 * PAGE
        await ui.press("g")
        await wait_until(lambda: ui.run.events[0].seq == 1, "the start")
        await ui.pilot.pause()
        assert ui.run.history.cursor_index == 0
        await ui.shows("1-250 of 100,000")
        await ui.press(*["pagedown"] * 12)
        await wait_until(lambda: ui.run.events[-1].seq > PAGE, "the page after")
        assert [event.seq for event in ui.run.events] == list(range(1, len(ui.run.events) + 1))
        await ui.press("G")
        await wait_until(lambda: ui.run.events[-1].seq == 100_000, "the end")
        await ui.press(*["pageup"] * 12)
        await wait_until(lambda: ui.run.events[0].seq < 100_000 - PAGE, "what precedes it")


async def test_a_filter_searches_the_whole_history() -> None:
    """Words far from the end are found, what does not match is let go, and Esc brings all back."""
    source = SampleSource()
    events = long_journal(source, 3_000)
    events[99] = replace(events[99], stored_data=stored({"value": "the needle"}))
    async with console(source) as ui:
        await open_run(ui, "suspended")
        await ui.press("slash")
        await ui.type("needle")
        await ui.press("enter")
        await wait_until(lambda: ui.run.history_pane.feed.window.at_start, "all was searched")
        assert [row.step.head.seq for row in ui.run.history.rows] == [100]
        await ui.shows("1 found")
        await ui.press("escape")
        await wait_until(lambda: len(ui.run.events) >= PAGE, "all of it")
        assert ui.run.events[-1].seq == 3_000


async def test_failures_only() -> None:
    """`F` leaves the steps of which an attempt failed, folded with how they ended."""
    async with console(SampleSource()) as ui:
        await open_run(ui, "completed")
        await ui.press("F")
        await wait_until(lambda: len(ui.run.history.rows) == 1, "the failure")
        [row] = ui.run.history.rows
        assert (row.step.name, row.step.attempts, row.step.outcome) == (
            "payments:charge", 2, "completed",
        )  # fmt: skip
        await ui.press("F")
        await wait_until(lambda: len(ui.run.history.rows) > 1, "all of it")


async def test_a_step_unfolds_to_its_events() -> None:
    """Enter opens a step, Enter on an event its payload, Enter on the step folds it again."""
    async with console(SampleSource()) as ui:
        await open_run(ui, "completed")
        folded = len(ui.run.history.rows)
        await ui.press("g", "down", "enter")
        assert len(ui.run.history.rows) == folded + 2
        await ui.shows("orders:reserve_stock")
        await ui.press("down", "enter")
        await ui.on_screen("ValueDialog")
        await ui.press("escape")
        await ui.press("up", "enter")
        assert len(ui.run.history.rows) == folded


async def test_enter_shows_the_whole_payload() -> None:
    """The event under the cursor opens with its JSON indented."""
    async with console(SampleSource()) as ui:
        await open_run(ui, "suspended")
        await ui.press("g", "down", "enter", "down", "down", "enter")
        await ui.on_screen("ValueDialog")
        await ui.shows('"warehouse": "ber-2"')
        await ui.press("escape")
        await ui.on_screen("RunScreen")


async def test_details_show_everything_on_a_small_screen() -> None:
    """`d` shows input and output even where there is no side pane."""
    async with console(SampleSource(), size=(80, 40)) as ui:
        await open_run(ui, "completed")
        await ui.press("d")
        await ui.on_screen("ValueDialog")
        await ui.shows("output")
        await ui.shows('"payment"')


async def test_going_back_restores_the_list() -> None:
    """Cursor, filter and namespace are as they were left."""
    async with console(SampleSource(), namespace="orders") as ui:
        await ui.settled()
        await ui.press("greater_than_sign", "greater_than_sign")
        await wait_until(lambda: ui.runs.page and ui.runs.runs_query.state == "suspended")
        await ui.press("down", "down", "down")
        aimed = ui.runs.list.cursor_row
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        assert ui.runs.list.cursor_row == aimed
        assert ui.runs.runs_query.state == "suspended"


async def test_a_run_that_is_pruned_meanwhile_is_a_banner() -> None:
    """A run that no longer exists leaves its last known facts on screen."""
    source = SampleSource()
    async with console(source) as ui:
        await open_run(ui, "suspended")
        source.all_runs.clear()
        await ui.press("r")
        await ui.shows("cannot read")
        assert "suspended" in ui.text()


async def test_sealed_payloads_say_so() -> None:
    """What cannot be decoded without the application's codec is not an error."""
    source = SampleSource()
    run = source.all_runs[0]
    sealed = replace(stored(1), data=b"\x93\x00sealed", size=8)
    source.all_runs[0] = replace(run, stored_input=sealed)
    source.journals[run.id] = [HistoryEvent(1, 1, "side_effect", 1, sealed, run.started_at)]
    async with console(source) as ui:
        await ui.settled()
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        await ui.shows("8 B, not loaded")
