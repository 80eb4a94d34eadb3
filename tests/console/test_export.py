"""The whole answer as a file: complete or not there, and never over another one unasked."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from textual.widgets import Input

from console.export import CHUNK, FIELDS, ExportError, export, place_of
from console.sample import SampleSource, sample_runs
from console.source import ClientSource, RunsQuery
from continuum import Continuum
from continuum.model import Run
from tests.console.driving import Clock, Driver, console, wait_until
from tests.console.test_hostile import HOSTILE, hostile_source
from tests.console.test_journeys import review


async def given(*runs: Run) -> AsyncGenerator[Run]:
    """These."""
    for run in runs:
        yield run


async def written(path: Path, *runs: Run) -> list[tuple[int, int]]:
    """Export, and what was told on the way."""
    told: list[tuple[int, int]] = []
    count = await export(given(*runs), path, lambda n, size: told.append((n, size)))
    assert count == len(runs)
    return told


RUNS = sample_runs(2 * CHUNK + 7)


async def test_every_format_holds_every_run(tmp_path: Path) -> None:
    """In order, in several pieces; csv, json and jsonl say the same."""
    for ending in ("csv", "jsonl", "json", "ids"):
        told = await written(tmp_path / f"runs.{ending}", *RUNS)
        assert [count for count, _ in told] == [CHUNK, 2 * CHUNK, len(RUNS)]
        assert sorted(told) == told
    records = json.loads((tmp_path / "runs.json").read_text())
    assert [each["id"] for each in records] == [str(run.id) for run in RUNS]
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records
    assert (tmp_path / "runs.ids").read_text().split() == [each["id"] for each in records]
    with (tmp_path / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(FIELDS)
    for row, each in zip(rows, records, strict=True):
        assert json.loads(row["attributes"]) == each["attributes"]
        assert row["state"] == each["state"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "runs.csv", "runs.ids", "runs.json", "runs.jsonl",
    ]  # fmt: skip


async def test_no_run_at_all_is_a_file_too(tmp_path: Path) -> None:
    """An empty list, a header, nothing."""
    for ending, text in (("json", "[\n\n]\n"), ("jsonl", ""), ("ids", "")):
        await written(tmp_path / f"none.{ending}")
        assert (tmp_path / f"none.{ending}").read_text() == text
    assert json.loads((tmp_path / "none.json").read_text()) == []
    await written(tmp_path / "none.csv")
    assert (tmp_path / "none.csv").read_text() == ",".join(FIELDS) + "\n"


@pytest.mark.parametrize("text", [*HOSTILE.values(), "x" * 10_000], ids=[*HOSTILE, "long"])
async def test_hostile_values_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    """Whatever a user wrote."""
    run = hostile_source(text).all_runs[1]
    await written(tmp_path / "one.json", run)
    await written(tmp_path / "one.csv", run)
    [found] = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert found["attributes"] == run.attributes
    assert found["namespace"] == text
    with (tmp_path / "one.csv").open(newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert row["namespace"] == text


async def test_a_file_that_is_there_stays_unless_it_may_go(tmp_path: Path) -> None:
    """Also one that came while the runs were written."""
    path = tmp_path / "runs.ids"

    async def meanwhile() -> AsyncGenerator[Run]:
        path.write_text("mine")
        yield RUNS[0]

    with pytest.raises(ExportError, match="is there already"):
        await export(meanwhile(), path, lambda _n, _size: None)
    assert path.read_text() == "mine"
    await export(given(*RUNS[:2]), path, lambda _n, _size: None, overwrite=True)
    assert path.read_text().split() == [str(run.id) for run in RUNS[:2]]
    assert [each.name for each in tmp_path.iterdir()] == ["runs.ids"]


def test_what_cannot_be_a_file_is_told(tmp_path: Path) -> None:
    """Before anything is read."""
    for text, words in (
        ("", "needs a name"),
        (str(tmp_path / "runs.xls"), "ends in one of .csv"),
        (str(tmp_path / "nowhere" / "runs.csv"), "there is no folder"),
        ("a\0.csv", "zero byte"),
        ("~nobody-of-this-name/runs.csv", "not a name of a file"),
    ):
        with pytest.raises(ExportError, match=words):
            place_of(text)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ExportError, match="that is a folder"):
        place_of(str(tmp_path / "folder.csv"))


# the dialog


@dataclass(slots=True)
class Gated(SampleSource):
    """Streams some runs, then waits."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    async def stream(self, query: RunsQuery) -> AsyncGenerator[Run]:
        """A chunk, and the rest when let."""
        try:
            for run in RUNS[:CHUNK]:
                yield run
            await self.gate.wait()
            for run in RUNS[CHUNK:]:
                yield run
        finally:
            self.ended = True


async def open_dialog(ui: Driver, path: Path) -> None:
    """Name the file."""
    await ui.settled()
    await ui.press("E")
    await ui.on_screen("ExportDialog")
    ui.app.screen.query_one("#file", Input).value = str(path)
    await ui.pilot.pause()


async def test_export_writes_what_the_list_answers(tmp_path: Path) -> None:
    """All of it, also what was not read yet, for the query as it was."""
    path = tmp_path / "failed.ids"
    async with console(SampleSource(), query=RunsQuery(None, "state = 'failed'")) as ui:
        await open_dialog(ui, path)
        await ui.press("enter")
        await ui.on_screen("RunsScreen")
        await ui.toasts("14 runs written to")
        wanted = [str(run.id) for run in ui.runs.list.rows]
        assert path.read_text().split() == wanted


async def test_an_existing_file_is_asked_about(tmp_path: Path) -> None:
    """Enter and Esc leave it; y overwrites, but not in the first moment."""
    path, clock = tmp_path / "runs.ids", Clock()
    path.write_text("mine")
    async with console(SampleSource(), clock=clock) as ui:
        await open_dialog(ui, path)
        await ui.shows("is there already")
        await ui.press("enter")
        await ui.shows("Overwrite")
        await ui.press("y")
        assert path.read_text() == "mine"
        await ui.press("enter")
        assert path.read_text() == "mine"
        await ui.press("enter")
        await ui.shows("Overwrite")
        clock.now += 1
        await ui.press("y")
        await ui.on_screen("RunsScreen")
        await ui.toasts("160 runs written")
        assert len(path.read_text().split()) == 160


async def test_esc_stops_and_leaves_nothing(tmp_path: Path) -> None:
    """Progress is told until then; the stream is closed."""
    source = Gated()
    async with console(source) as ui:
        await open_dialog(ui, tmp_path / "runs.csv")
        await ui.press("enter")
        await ui.shows(f"{CHUNK} of 160 runs")
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        await ui.toasts("stopped: no file was written")
        await wait_until(lambda: source.ended, "the end of the stream")
        await wait_until(lambda: list(tmp_path.iterdir()) == [], "an empty folder")


async def test_a_read_only_session_may_export(tmp_path: Path) -> None:
    """It changes nothing in the database."""
    path = tmp_path / "runs.jsonl"
    async with console(SampleSource(), read_only=True) as ui:
        await open_dialog(ui, path)
        await ui.press("enter")
        await ui.toasts("160 runs written")


async def test_the_file_has_the_rows_of_the_command(tmp_path: Path, dsn: str) -> None:
    """On a real database, line for line as `continuum query --format jsonl`."""
    path = tmp_path / "runs.jsonl"
    async with Continuum(dsn) as client:
        for number in range(5):
            await client.start(review, f"o{number}", attributes={"n": number, "t": "[/] é\n"})
        async with console(ClientSource(client), query=RunsQuery(None, "attributes.n >= 2")) as ui:
            await open_dialog(ui, path)
            await ui.press("enter")
            await ui.toasts("3 runs written")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "continuum.cli", "query", "-A", "attributes.n >= 2",
        "--dsn", dsn, "--format", "jsonl", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await command.communicate()
    shown = [json.loads(line) for line in printed.decode().splitlines()]
    assert len(shown) == 3
    for line in [*lines, *shown]:
        line.pop("duration")
    assert lines == shown
