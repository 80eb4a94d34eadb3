"""The Run screen over a source in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.present import ages
from console.present.facts import LABEL
from console.sample import NOW, SampleSource, sample_history, stored
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
        assert ui.run.history.cursor_row == source.journals[run.id][-1]
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


async def test_long_history_is_read_page_by_page() -> None:
    """Events beyond the first page are fetched by seq, each once, in order."""
    source = SampleSource()
    run = next(run for run in source.all_runs if run.state is RunState.SUSPENDED)
    source.journals[run.id] = [
        HistoryEvent(seq, 1, "side_effect", seq, stored({"value": seq}), run.started_at)
        for seq in range(1, 1701)
    ]
    async with console(source) as ui:
        await open_run(ui, "suspended")
        await wait_until(lambda: len(ui.run.events) == 1700, "all pages")
        assert [event.seq for event in ui.run.events] == list(range(1, 1701))


async def test_enter_shows_the_whole_payload() -> None:
    """The event under the cursor opens with its JSON indented."""
    async with console(SampleSource()) as ui:
        await open_run(ui, "suspended")
        await ui.press("g", "down", "down", "enter")
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
