"""Names and payloads written by users: never markup, never escape codes, never too big."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.sample import SampleSource
from console.sample_journals import stored
from continuum.model import HistoryEvent, Run, RunError, RunState, StoredValue
from tests.console.driving import Driver, console, wait_until

HOSTILE = {
    "markup": "[red]x[/red]",
    "unclosed": "[/]",
    "bracket": "[bold",
    "action": "[@click=app.quit]go[/]",
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "csi": "\x9b31m",
    "newlines": "a\nb\r\nc\td",
    "bidi": "\u202eabc\u2066",
    "wide": "漢字" * 60,
    "null": "a\x00b",
}


def poisoned(run: Run, text: str, state: RunState) -> Run:
    """A run that says `text` wherever a user can say something."""
    return replace(
        run,
        state=state,
        namespace=text,
        workflow=f"{text}:{text}",
        attributes={text: text, "nested": {text: [text]}},
        waiting_on=f"signal {text}, activity {text}" if not state.terminal else None,
        owner=text if not state.terminal else None,
        error=RunError(text, text, text) if state is RunState.FAILED else None,
        stored_input=stored([text, {text: text}]),
        stored_output=stored({text: text}) if state is RunState.COMPLETED else None,
    )


def hostile_source(text: str) -> SampleSource:
    """A world in which the first three runs and a history are hostile."""
    source = SampleSource()
    ends = (RunState.SUSPENDED, RunState.FAILED, RunState.COMPLETED)
    for index, state in enumerate(ends):
        source.all_runs[index] = poisoned(source.all_runs[index], text, state)
    first = source.all_runs[0]
    bodies = [
        ("activity_scheduled", {"name": text, "args": [text]}),
        ("activity_attempt_failed", {"attempt": text, "error": {"type": text, "message": text}}),
        ("signal_received", {"name": text, "value": text}),
        (text, {text: text}),
    ]
    source.journals[first.id] = [
        HistoryEvent(seq, 1, kind, 1, stored(body), first.started_at)
        for seq, (kind, body) in enumerate(bodies, 1)
    ]
    return source


def assert_harmless(ui: Driver) -> None:
    """Nothing on screen can command a terminal."""
    text = ui.text()
    assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_hostile_text_everywhere(text: str) -> None:
    """List, run screen, payload, details, both dialogs, picker and toasts stay whole."""
    async with console(hostile_source(text), size=(160, 45)) as ui:
        await ui.settled()
        assert_harmless(ui)
        for key, dialog in (("n", "NamespaceDialog"), ("s", "SignalDialog"), ("X", "CancelDialog")):
            await ui.press(key)
            await ui.on_screen(dialog)
            assert_harmless(ui)
            ui.app.screen.dismiss(None)
            await ui.on_screen("RunsScreen")
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        await wait_until(lambda: ui.run.events and ui.run.run_shown)
        await ui.pilot.pause()
        assert_harmless(ui)
        for key in ("enter", "d"):
            await ui.press(key)
            await ui.on_screen("ValueDialog")
            assert_harmless(ui)
            await ui.press("escape")
        ui.run.toast(text)
        await ui.pilot.pause()
        assert_harmless(ui)


async def test_markup_is_shown_as_written() -> None:
    """`[red]` in an attribute is six characters, not a colour."""
    async with console(hostile_source("[red]x[/red]"), size=(200, 40)) as ui:
        await ui.settled()
        await ui.shows("[red]x[/red]=[red]x[/red]")


async def test_a_megabyte_value_opens_at_once() -> None:
    """A megabyte in input, event and error is cut to what can be read."""
    big = "x" * 1_000_000
    source = hostile_source(big)
    async with console(source, size=(120, 36)) as ui:
        await ui.settled()
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        await wait_until(lambda: ui.run.events)
        await ui.press("d")
        await ui.on_screen("ValueDialog")
        await ui.press("G")
        await ui.shows("1,000,000 characters")
        await ui.press("escape", "enter")
        await ui.on_screen("ValueDialog")


async def test_a_value_left_in_the_store_says_its_size() -> None:
    """What is larger than a snapshot carries is named, not fetched."""
    source = SampleSource()
    left = StoredValue(None, 2_000_000)
    source.all_runs[0] = replace(source.all_runs[0], stored_input=left)
    async with console(source, size=(160, 45)) as ui:
        await ui.settled()
        await ui.press("enter")
        await ui.shows("1.9 MiB, not loaded")
