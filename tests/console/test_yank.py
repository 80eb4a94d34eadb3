"""The yank menu: what it copies is what is shown, and what is copied can be used."""

from __future__ import annotations

import asyncio
import base64
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from console.sample import SampleSource
from console.sample_journals import stored
from console.source import ClientSource, RunsQuery
from console.yank import FIELDS, LARGEST, copyables, run_json
from continuum import Continuum, workflow
from continuum.cli.records import RUN_FIELDS
from continuum.model import RunError
from tests.cli.processes import new_shell
from tests.console.driving import console, wait_until


@workflow
async def never(number: int) -> int:
    """Nobody runs it."""
    return number


def test_json_has_the_fields_of_the_command_line() -> None:
    """All of them, spelled as `continuum show` does, and nothing that acts on a terminal."""
    run = replace(
        SampleSource().all_runs[0],
        attributes={"odd": "\x1b[31m\x9b\u202e[/]\ud800"},
        stored_input=stored(["x\x7f"]),
    )
    record = json.loads(run_json(run))
    assert set(RUN_FIELDS) <= set(FIELDS)
    assert list(record) == list(FIELDS)
    assert record["started_at"].endswith("Z")
    assert record["duration"] == run.duration.total_seconds()
    assert record["attributes"] == {"odd": "\x1b[31m\x9b\u202e[/]\ud800"}
    assert record["input"] == ["x\x7f"]
    assert all(character.isprintable() or character == "\n" for character in run_json(run))


def test_an_error_has_its_traceback_and_acts_on_nothing() -> None:
    """Escape codes are spelled out, lines stay lines."""
    error = RunError("shop.Odd", "first\nsecond \x1b[31m", "Traceback:\n  line 1")
    run = replace(SampleSource().all_runs[0], error=error)
    [text] = [each.text for each in copyables(run, None, 1) if each.key == "e"]
    assert text == "shop.Odd: first\nsecond \\x1b[31m\nTraceback:\n  line 1"


@pytest.mark.parametrize(
    ("key", "screen"), [(key, screen) for key in "ijque" for screen in ("runs", "run")]
)
async def test_each_letter_copies_what_it_says(key: str, screen: str) -> None:
    """Through the terminal (OSC 52), of the run that was under the cursor."""
    source = SampleSource()
    run = next(each for each in source.all_runs if each.error is not None)
    failed = RunsQuery("billing", "state = 'failed' and workflow like '%'")
    query = failed if screen == "runs" else RunsQuery(None, f"id = '{run.id}'")
    async with console(source, namespace=None, query=query) as ui:
        await ui.settled()
        if screen == "run":
            await ui.press("enter")
            await ui.on_screen("RunScreen")
            await wait_until(lambda: ui.run.run_shown)
        else:
            run = ui.runs.list.rows[0]
        await ui.press("y")
        await ui.on_screen("YankDialog")
        await ui.press(key)
        await ui.toasts("copied")
        copied = ui.app.clipboard
        if key == "i":
            assert copied == str(run.id)
        elif key == "j":
            assert json.loads(copied)["id"] == str(run.id)
        elif key == "e":
            assert run.error is not None
            assert copied.startswith(f"{run.error.type}: {run.error.message}")
        elif screen == "run":
            assert copied == (f"id = '{run.id}'" if key == "q" else f"continuum show {run.id}")
        elif key == "q":
            assert copied == failed.expression
        else:
            words = shlex.split(copied)
            assert words[:3] == ["continuum", "query", failed.expression]
            assert words[3:] == ["--namespace", "billing", "--limit", str(len(ui.runs.list.rows))]


async def test_the_text_is_shown_and_what_is_missing_cannot_be_copied() -> None:
    """The text can be selected where OSC 52 does nothing; a run without an error has none."""
    source = SampleSource(all_runs=[replace(SampleSource().all_runs[0], error=None)])
    async with console(source, size=(80, 24)) as ui:
        await ui.settled()
        await ui.press("y")
        await ui.on_screen("YankDialog")
        await ui.press("down")
        await ui.shows(f'"id": "{source.all_runs[0].id}"')
        await ui.shows("no error")
        await ui.press("e")
        assert type(ui.app.screen).__name__ == "YankDialog"
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        assert ui.app.clipboard == ""


async def test_what_is_too_long_goes_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal drops an OSC 52 that is too long, silently; the file is for its owner only."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    large = replace(SampleSource().all_runs[0], stored_input=stored(["x" * LARGEST]))
    async with console(SampleSource(all_runs=[large])) as ui:
        await ui.settled()
        await ui.press("y", "j")
        await ui.toasts("too long for a terminal, it is in ")
        [path] = tmp_path.iterdir()
        assert json.loads(path.read_text())["input"] == ["x" * LARGEST]
        assert path.stat().st_mode & 0o777 == 0o600
        assert ui.app.clipboard == ""


async def test_the_command_prints_the_same_rows_in_a_shell(dsn: str, tmp_path: Path) -> None:
    """Copied from the console over a database, run with that database in the environment."""
    async with Continuum(dsn) as client:
        for number in range(6):
            kind = {"kind": "it's $HOME" if number % 2 else 'a "b"'}
            await client.start(never, number, namespace="odd name", attributes=kind)
        query = RunsQuery("odd name", "attributes.kind = 'it''s $HOME' order by started_at")
        async with console(ClientSource(client), namespace="odd name", query=query) as ui:
            await wait_until(lambda: len(ui.runs.list.rows) == 3, "the rows")
            await ui.press("y", "u")
            await ui.toasts("copied command")
            command, shown = ui.app.clipboard, [str(run.id) for run in ui.runs.list.rows]
        assert dsn not in command
        done = await asyncio.to_thread(new_shell(tmp_path, dsn).pipe, f"{command} --format ids")
        assert done.stdout.split() == shown


def test_the_clipboard_is_osc_52() -> None:
    """What Textual writes for a copied text is the sequence that terminals know."""
    from textual.app import App

    written: list[str] = []
    app = App[None]()
    app._driver = type("Driver", (), {"write": staticmethod(written.append)})()  # type: ignore[assignment]
    app.copy_to_clipboard("é")
    assert written == [f"\x1b]52;c;{base64.b64encode('é'.encode()).decode()}\a"]
