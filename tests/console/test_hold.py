"""Pausing and resuming from the console: what is meant, what is asked, what is shown."""

from __future__ import annotations

import pytest
from textual.widgets import Button, Input, OptionList

from console.dialogs.hold import HoldDialog, of_run, words
from console.hold_source import Held
from console.sample import SampleSource
from console.source import ClientSource
from continuum import Continuum
from tests.console.driving import Clock, Driver, console, wait_until
from tests.console.test_hostile import HOSTILE, assert_harmless, hostile_source
from tests.console.test_journeys import find, review, suspended


def dialog(ui: Driver) -> HoldDialog:
    """The one on top."""
    assert isinstance(ui.app.screen, HoldDialog)
    return ui.app.screen


async def opened(ui: Driver, clock: Clock) -> HoldDialog:
    """`P`, and a moment later."""
    await ui.press("P")
    await ui.on_screen("HoldDialog")
    clock.now += 1
    await ui.quiet("pauses")
    return dialog(ui)


def test_what_can_be_paused_where_a_run_is() -> None:
    """The run, its workflow there and everywhere, its namespace; an ended run only the others."""
    source = SampleSource()
    live = next(run for run in source.all_runs if not run.state.terminal)
    told = [words(each) for each in of_run(live)]
    assert told[0].startswith("run ")
    assert told[1].endswith(f"in namespace {live.namespace}")
    assert told[2].endswith("in every namespace")
    assert told[3] == f"all runs of namespace {live.namespace}"
    ended = next(run for run in source.all_runs if run.state.terminal)
    assert len(of_run(ended)) == 3
    assert words(Held(queue="mail")) == "queue mail"


async def test_a_run_is_paused_and_resumed() -> None:
    """The list says so; the run is the one under the cursor when the dialog opened."""
    source, clock = SampleSource(), Clock()
    async with console(source, size=(140, 40), clock=clock) as ui:
        await ui.settled()
        await ui.press("j")
        run = ui.runs.list.cursor_row
        assert run is not None
        asked = await opened(ui, clock)
        asked.query_one("#reason", Input).value = "the customer asks"
        source.all_runs.insert(0, source.all_runs.pop())
        await ui.press("y")
        await ui.on_screen("RunsScreen")
        await ui.toasts("is paused")
        assert [each.id for each in source.all_runs if each.paused] == [run.id]
        await wait_until(lambda: ui.runs.list.cursor_row and ui.runs.list.cursor_row.paused)
        await ui.shows("paused")
        asked = await opened(ui, clock)
        assert str(asked.query_one("#do", Button).label) == "Resume"
        await ui.press("y")
        await ui.toasts("goes on")
        assert not any(each.paused for each in source.all_runs)


async def test_nothing_is_paused_by_enter_esc_or_a_key_held_down() -> None:
    """The safe button has the focus when a reason was given, and the first moment counts not."""
    source, clock = SampleSource(), Clock()
    async with console(source, clock=clock) as ui:
        await ui.settled()
        await ui.press("P")
        await ui.on_screen("HoldDialog")
        await ui.press("y")
        assert not dialog(ui).sending
        clock.now += 1
        await ui.press("enter", "enter", "enter")
        await ui.on_screen("RunsScreen")
        await opened(ui, clock)
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        assert not any(each.paused for each in source.all_runs)
        assert source.holds.held == []


async def test_a_namespace_and_a_workflow_are_paused_and_the_header_says_so() -> None:
    """Each by itself; the dialog tells which are paused already."""
    source, clock = SampleSource(), Clock()
    async with console(source, size=(140, 40), clock=clock) as ui:
        await ui.settled()
        run = ui.runs.list.cursor_row
        assert run is not None
        for steps in (1, 3):
            asked = await opened(ui, clock)
            await ui.press(*["down"] * steps, "y")
            await ui.on_screen("RunsScreen")
        assert [(each.namespace, each.workflow) for each in source.holds.held] == [
            (run.namespace, run.workflow), (run.namespace, None),
        ]  # fmt: skip
        await ui.press("r")
        await ui.shows("2 paused")
        asked = await opened(ui, clock)
        prompts = [str(asked.query_one(OptionList).get_option_at_index(n).prompt) for n in range(4)]
        assert ["paused" in each for each in prompts] == [False, True, False, True]


async def test_a_queue_is_paused_where_queues_are_shown() -> None:
    """In Nodes, on its line; elsewhere the key says where to go."""
    source, clock = SampleSource(), Clock()
    async with console(source, size=(140, 40), clock=clock) as ui:
        await ui.settled()
        await ui.press("3")
        await wait_until(lambda: ui.answered, "the workers")
        await ui.press("P")
        await ui.toasts("go to one")
        await ui.press("j", "j", "j", "j")
        await opened(ui, clock)
        await ui.press("y")
        await ui.toasts("queue mail is paused")
        assert [each.queue for each in source.holds.held] == ["mail"]


async def test_marked_runs_are_paused_by_a_plan() -> None:
    """Which says how many, and is applied as any other."""
    source, clock = SampleSource(), Clock()
    async with console(source, size=(120, 40), clock=clock) as ui:
        await ui.settled()
        await ui.press("space", "space")
        marked = [run.id for run in ui.runs.list.rows[:2]]
        await opened(ui, clock)
        await ui.press("y")
        await ui.on_screen("PlanDialog")
        await ui.shows("2 runs to pause")
        clock.now += 1
        await ui.type("2")
        await ui.press("enter")
        clock.now += 1
        await ui.press("y")
        await ui.shows("2 done")
        assert {each.id for each in source.all_runs if each.paused} == set(marked)


async def test_a_read_only_session_pauses_nothing() -> None:
    """The key says why."""
    async with console(SampleSource(), read_only=True) as ui:
        await ui.settled()
        await ui.press("P")
        await ui.toasts("read-only session")


@pytest.mark.parametrize("text", [*HOSTILE.values(), "x" * 10_000], ids=[*HOSTILE, "long"])
async def test_hostile_names_in_the_dialog(text: str) -> None:
    """Of workflow and namespace."""
    async with console(hostile_source(text), size=(100, 30)) as ui:
        await ui.settled()
        await opened(ui, Clock())
        assert_harmless(ui)


async def test_a_real_run_is_paused(dsn: str) -> None:
    """And the journal knows who did it and why."""
    clock = Clock()
    async with Continuum(dsn, operator="ann") as client, client.worker([review]):
        run = await client.start(review, "o1")
        await suspended(client, run.id)
        async with console(ClientSource(client), size=(140, 40), clock=clock) as ui:
            await find(ui, run.id)
            asked = await opened(ui, clock)
            asked.query_one("#reason", Input).value = "[/] wait"
            await ui.press("y")
            await ui.toasts("is paused")
            assert (await client.get_run(run.id)).paused
            [act, *_] = (await client.operator_journal(run_id=run.id)).entries
            assert (act.act, act.operator, act.reason) == ("pause", "ann", "[/] wait")
            await wait_until(lambda: ui.runs.list.rows[0].paused, "the list")
            await opened(ui, clock)
            await ui.press("y")
            await ui.toasts("goes on")
            assert not (await client.get_run(run.id)).paused
            await client.signal(run.id, "fraud_review", "ok")
            assert await run.result(timeout=20) == "o1 ok"
