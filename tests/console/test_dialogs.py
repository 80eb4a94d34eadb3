"""Dialogs: nothing is sent that was not checked, nothing is cancelled that was not meant."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import pytest
from textual.widgets import Button, Checkbox, Input, OptionList, TextArea

from console import actions
from console.dialogs.cancel import CancelDialog
from console.dialogs.keys import KeysDialog
from console.dialogs.signal import BadPayload, SignalDialog, parse_payload
from console.sample import SampleSource
from continuum.errors import DatabaseUnavailable, RunTerminal
from continuum.model import Run
from tests.console.driving import Driver, console, static_text, wait_until


@dataclass(slots=True)
class Refusing(SampleSource):
    """Writes fail as told."""

    error: Exception | None = None
    gate: asyncio.Event | None = None

    async def signal(self, run_id: UUID, name: str, payload: object) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        await SampleSource.signal(self, run_id, name, payload)

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        if self.error is not None:
            raise self.error
        await SampleSource.cancel(self, run_id, reason=reason, force=force)


async def aim(ui: Driver, text: str = "signal") -> Run:
    """Put the cursor on the first run that waits for a signal."""
    await ui.settled()
    index = next(i for i, run in enumerate(ui.runs.list.rows) if text in (run.waiting_on or ""))
    await ui.press(*["down"] * index)
    run = ui.runs.list.cursor_row
    assert run is not None
    return run


def let_time_pass(ui: Driver, seconds: float = 1.0) -> None:
    """As if the dialog had been open for a while."""
    dialog = ui.app.screen
    assert isinstance(dialog, CancelDialog)
    dialog._deliberation._since -= seconds


# signal


async def test_signal_offers_the_awaited_name_and_sends_json() -> None:
    """The name a run waits for is filled in; the payload arrives as the JSON value typed."""
    source = SampleSource()
    async with console(source) as ui:
        run = await aim(ui)
        await ui.press("s")
        await ui.on_screen("SignalDialog")
        assert ui.app.screen.query_one("#name", Input).value == "fraud_review"
        await ui.type('{"ok": [1, "x"]}')
        await ui.press("tab", "tab", "enter")
        await ui.on_screen("RunsScreen")
        assert source.signals == [(run.id, "fraud_review", {"ok": [1, "x"]})]
        await ui.toasts("signal fraud_review sent to")


async def test_signal_that_is_not_json_cannot_be_sent() -> None:
    """Bad JSON shows line and column, disables the button, and sends nothing."""
    source = SampleSource()
    async with console(source) as ui:
        await aim(ui)
        await ui.press("s")
        await ui.on_screen("SignalDialog")
        await ui.type("{approved}")
        dialog = ui.app.screen
        assert dialog.query_one("#send", Button).disabled
        assert "line 1, column 2" in static_text(dialog.query_one("#verdict"))  # type: ignore[arg-type]
        dialog.query_one("#payload", TextArea).text = "1"
        await wait_until(lambda: not dialog.query_one("#send", Button).disabled)
        dialog.query_one("#name", Input).value = "  "
        await wait_until(lambda: dialog.query_one("#send", Button).disabled)
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        assert source.signals == []


async def test_signal_refused_by_the_database_keeps_what_was_typed() -> None:
    """The error stands in the dialog and the payload can be sent again."""
    source = Refusing(error=DatabaseUnavailable("connection refused"))
    async with console(source) as ui:
        await aim(ui)
        await ui.press("s")
        await ui.on_screen("SignalDialog")
        await ui.type("42")
        await ui.press("tab", "tab", "enter")
        await ui.shows("connection refused")
        dialog = ui.app.screen
        assert isinstance(dialog, SignalDialog)
        assert dialog.query_one("#payload", TextArea).text == "42"
        source.error = None
        dialog.query_one("#send", Button).press()
        await ui.on_screen("RunsScreen")
        assert [signal[2] for signal in source.signals] == [42]


async def test_a_signal_is_sent_once_however_often_enter_is_pressed() -> None:
    """While one is under way the button is off."""
    source = Refusing(gate=asyncio.Event())
    async with console(source) as ui:
        await aim(ui)
        await ui.press("s")
        await ui.on_screen("SignalDialog")
        await ui.press("tab", "tab", "enter", "enter", "enter")
        assert source.gate is not None
        source.gate.set()
        await ui.on_screen("RunsScreen")
        assert len(source.signals) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "line 1, column 2"), ("1 2", "line 1, column 3"), ("NaN", "NaN is not JSON"),
     ("-Infinity", "-Infinity is not JSON"), ("{'a': 1}", "line 1, column 2"), ("[\n1,\n]", "line"),
     ("[" * 100_000, "nested too deeply"), ('"' + "x" * 3_000_000 + '"', "larger than 2 MiB")],
)  # fmt: skip
def test_payload_that_is_not_one_json_value_is_refused(text: str, words: str) -> None:
    """The verdict says what is wrong and where, and never raises anything else."""
    with pytest.raises(BadPayload, match=words):
        parse_payload(text)


@pytest.mark.parametrize(
    ("text", "value"), [("", None), ("  \n", None), ("null", None), ('"x"', "x"), (" [1] ", [1])]
)
def test_payload_that_is_json(text: str, value: object) -> None:
    """Blank means null."""
    assert parse_payload(text) == value


# cancel


async def test_cancel_says_what_will_happen_and_enter_keeps() -> None:
    """The safe button has the focus; Enter and Esc leave the run alone."""
    source = SampleSource()
    async with console(source) as ui:
        run = await aim(ui)
        for key in ("enter", "escape"):
            await ui.press("X")
            await ui.on_screen("CancelDialog")
            await ui.shows("Its clean-up and")
            await ui.shows(str(run.id))
            assert ui.app.focused is ui.app.screen.query_one("#keep")
            let_time_pass(ui)
            await ui.press(key)
            await ui.on_screen("RunsScreen")
        assert source.cancels == []


async def test_cancel_with_a_reason() -> None:
    """`y` cancels, with the reason given, without force; the list reads again."""
    source = SampleSource()
    async with console(source) as ui:
        run = await aim(ui)
        await ui.press("X")
        await ui.on_screen("CancelDialog")
        ui.app.screen.query_one("#reason", Input).focus()
        await ui.type("yes, fy")
        await ui.press("enter")
        let_time_pass(ui)
        await ui.press("y")
        await ui.on_screen("RunsScreen")
        assert source.cancels == [(run.id, "yes, fy", False)]
        await wait_until(
            lambda: next(r for r in ui.runs.list.rows if r.id == run.id).state == "cancelled"
        )


async def test_keys_of_the_first_moment_answer_nothing() -> None:
    """A key held down when the dialog opened neither confirms nor closes it."""
    source = SampleSource()
    async with console(source) as ui:
        await aim(ui)
        await ui.press("X")
        await ui.on_screen("CancelDialog")
        dialog = ui.app.screen
        assert isinstance(dialog, CancelDialog)
        dialog._deliberation._since += 3600
        await ui.press("y", "enter", "escape", "f", "X")
        assert ui.app.screen is dialog
        assert not dialog.query_one("#force", Checkbox).value
        assert source.cancels == []


async def test_force_needs_the_end_of_the_id() -> None:
    """Force is its own choice, says something else, and asks for a proof."""
    source = SampleSource()
    async with console(source) as ui:
        run = await aim(ui)
        await ui.press("X")
        await ui.on_screen("CancelDialog")
        let_time_pass(ui)
        await ui.press("f")
        await ui.shows("No clean-up and no compensation")
        dialog = ui.app.screen
        assert isinstance(dialog, CancelDialog)
        assert dialog.query_one("#cancel", Button).disabled
        dialog.query_one("#keep").focus()
        await ui.press("y")
        assert source.cancels == []
        dialog.query_one("#proof").focus()
        await ui.type(str(run.id)[-4:])
        await ui.press("enter", "y")
        await ui.on_screen("RunsScreen")
        assert source.cancels == [(run.id, None, True)]


async def test_a_run_that_ended_meanwhile_is_reported_by_the_database() -> None:
    """The outcome comes from the answer, never assumed."""
    source = Refusing()
    async with console(source) as ui:
        run = await aim(ui)
        await ui.press("X")
        await ui.on_screen("CancelDialog")
        source.error = RunTerminal(run.id, "completed")
        let_time_pass(ui)
        await ui.press("y")
        await ui.shows("has already ended")
        assert isinstance(ui.app.screen, CancelDialog)


async def test_an_ended_run_offers_no_dialog() -> None:
    """Cancel and signal on a finished run answer with its state."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        index = next(i for i, run in enumerate(ui.runs.list.rows) if run.state == "completed")
        await ui.press(*["down"] * index, "X")
        await ui.toasts("has already ended: completed")
        await ui.press("s")
        assert type(ui.app.screen).__name__ == "RunsScreen"


async def test_the_dialog_belongs_to_the_run_it_was_opened_on() -> None:
    """Rows that move below an open dialog do not change what it acts on."""
    source = SampleSource()
    async with console(source) as ui:
        run = await aim(ui)
        await ui.press("X")
        await ui.on_screen("CancelDialog")
        source.all_runs.remove(source.all_runs[0])
        let_time_pass(ui)
        await ui.press("y")
        await ui.on_screen("RunsScreen")
        assert [cancel[0] for cancel in source.cancels] == [run.id]


@pytest.mark.parametrize("key", ["s", "X", "question_mark", "n"])
async def test_dialogs_fit_the_smallest_terminal(key: str) -> None:
    """At 80x24 nothing of a dialog is cut off: its last line is its frame."""
    async with console(SampleSource(), size=(80, 24)) as ui:
        await aim(ui)
        await ui.press(key)
        await wait_until(lambda: type(ui.app.screen).__name__ != "RunsScreen")
        await ui.pilot.pause()
        box = ui.app.screen.query_one(".dialog")
        assert box.region.bottom <= 24
        assert box.max_scroll_y == 0


# keys


@pytest.mark.parametrize("screen", [actions.RUNS, actions.RUN])
async def test_help_lists_every_action_of_the_screen(screen: str) -> None:
    """`?` comes from the registry, so no key is missing and none is invented."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        dialog = KeysDialog(screen, lambda _: None)
        await ui.app.push_screen(dialog)
        await ui.on_screen("KeysDialog")
        options = dialog.query_one(OptionList)
        shown = [options.get_option_at_index(i).id for i in range(options.option_count)]
        assert shown == [action.name for action in actions.of_screen(screen)]


async def test_help_filters_and_runs() -> None:
    """Typing narrows the keys, Enter runs the action on the screen below."""
    async with console(SampleSource(), namespace="billing") as ui:
        await ui.settled()
        await ui.press("question_mark")
        await ui.on_screen("KeysDialog")
        await ui.type("look at all")
        await ui.press("enter")
        await wait_until(lambda: ui.runs.runs_query.namespace is None, "the action")


def test_no_key_means_two_things_on_one_screen() -> None:
    """Every key of a screen belongs to one action, and no write key repeats a letter's case."""
    for screen in (actions.RUNS, actions.RUN):
        keys = [key for action in actions.of_screen(screen) for key in action.keys]
        assert len(keys) == len(set(keys))
        assert "x" not in keys
