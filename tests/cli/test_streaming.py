"""`query --all`: the same bytes as page by page, in every format, and a way on after an end."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import sys
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from continuum.cli.command import Format
from continuum.cli.main import run
from continuum.cli.records import LIST_FIELDS, RUN_FIELDS, run_record, to_json
from continuum.cli.run_printers import printer, values_of
from continuum.errors import DatabaseUnavailable
from continuum.model import Page
from tests.cli.fake_client import FakeClient, install, make_run
from tests.cli.processes import Shell, lines, new_shell
from tests.cli.test_formats import call
from tests.client.rows import insert_runs
from tests.client.rows import make_run as odd_run

ODD = {
    "huge": 10**400, "n": 10**20, "max": 2**64, "f": 1e300, "small": 5e-324, "zero": -0.0,
    "text": "a\nb\r,\"q\" \x7f\u2028\u202e\U0001f600\x1b[31m", 'q"u,o': {"a.b": [1, {"c": None}]},
    "wide": "x" * 20_000,
}  # fmt: skip


def odd_shell(dsn: str, directory: Path) -> Shell:
    """A database of odd runs, more than a page of them."""
    runs = [odd_run(Random(seed)) for seed in range(120)]
    runs[3]["attributes"] |= ODD
    failed = next(run for run in runs if run["state"] == "failed")
    failed["error"] = 'line\nbreak, "quoted"'
    insert_runs(dsn, runs)
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE continuum_runs SET result = convert_to('[1, \"a\\u0000b\"]', 'UTF8'),"
            " error_details = 'Traceback' WHERE state IN ('completed', 'failed')"
        )
        connection.execute(
            "UPDATE continuum_runs SET input = convert_to('\"' || repeat('x', 300000) || '\"',"
            " 'UTF8') WHERE id = (SELECT min(id::text)::uuid FROM continuum_runs)"
        )
    return new_shell(directory, dsn)


def test_all_prints_what_pages_print(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values that never were a `Run` become the same bytes as those that were, odd as they are.

    Every format and several columns, payloads too, over pages of seven; durations of live runs
    differ, as they are read at another moment.
    """
    shell = odd_shell(dsn, tmp_path)
    monkeypatch.setattr("continuum.client.looking.STREAM_PAGE", 7)
    everything = ",".join([*RUN_FIELDS, "attributes.a", 'attributes."odd key"', "attributes.0"])
    few = "id,state,attributes.plan,error"
    for where in ("state in ('completed', 'failed', 'cancelled')", "order by attributes.a"):
        for columns in (few, everything, None, "attributes", "duration,output"):
            if "attributes.a" in where and columns != few:
                continue  # durations
            chosen = [] if columns is None else ["--columns", columns]
            for shape in ("jsonl", "csv", "ids", "table"):
                words = ["query", "-A", where, *chosen, "--format", shape]
                whole = shell.answer(*words, "--all")
                assert whole == shell.answer(*words, "--limit", "1000")
            document = json.loads(shell.answer(*words[:-1], "json", "--all"))
            page = json.loads(shell.answer(*words[:-1], "json", "--limit", "1000"))
            assert document["entries"] == page["entries"]
            assert list(document) == list(page)
            assert document["next_cursor"] is None
            assert list(document["stamp"]) == list(page["stamp"])


async def test_records_are_the_fields_of_runs(dsn: str, tmp_path: Path) -> None:
    """Tuples hold what the `Run`s hold, whatever fields are asked for, in any order."""
    from continuum import Continuum, QueryError
    from continuum.model import RUN_FIELDS as EVERY

    odd_shell(dsn, tmp_path)
    async with Continuum(dsn) as ct:
        ended = "state in ('completed', 'failed', 'cancelled') order by attributes.a"
        pages = [page async for page in ct.pages(ended, namespace=None, payloads=True)]
        runs = [run for page in pages for run in page.entries]
        assert len(runs) > 50
        for names in (["id"], ["error", "state"], EVERY, tuple(reversed(EVERY)), ["input"]):
            found = [
                values
                async for page in ct.records(names, ended, namespace=None)
                for values in page.entries
            ]
            assert found == [tuple(getattr(run, name) for name in names) for run in runs]
        for wrong in ([], "id", ["id", "stat"]):
            with pytest.raises(QueryError):
                await anext(ct.records(wrong))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_document_is_written_piece_by_piece(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The JSON of all pages is that of one page, compact in a pipe and indented on a terminal."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    for number in (0, 1, 5):
        client = FakeClient(
            *[make_run(n, attributes={"t": "a\n b", "e": {}}) for n in range(number)]
        )
        client.page_size = 2
        install(monkeypatch, client)
        _, out, err = call(capsys, "query", "--all", "--format", "json")
        document = json.loads(out)
        assert len(document["entries"]) == number
        entries = [run_record(each, LIST_FIELDS) for each in client.runs.values()]
        whole = document | {"entries": json.loads(to_json(entries))}
        assert document == whole
        assert out == to_json(whole, indent=terminal) + "\n" or number == 0
        assert err == ""


def test_csv_is_read_back_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line breaks, quotes, commas and NULs in a cell stay in that cell."""
    texts = ["a\nb", "c\rd", "e\r\nf", 'q"u', "x,y", "", " ", "n\x00l", "\u2028", "'"]
    client = FakeClient(*[make_run(n, waiting_on=text) for n, text in enumerate(texts)])
    install(monkeypatch, client)
    _, out, _ = call(capsys, "query", "--format", "csv", "--columns", "id,waiting_on,attributes")
    rows = list(csv.reader(io.StringIO(out, newline="")))
    assert rows[0] == ["id", "waiting_on", "attributes"]
    assert [row[1] for row in rows[1:]] == texts
    assert json.loads(rows[1][2]) == make_run(1).attributes
    assert not out.endswith("\r\n")


class _Ending(FakeClient):
    """Answers two pages, and then something happens."""

    page_size = 2
    then: BaseException

    async def query(self, **spec: Any) -> Page[Any]:
        if len(self.queries) == 2:
            raise self.then
        return await super().query(**spec)


@pytest.mark.parametrize(
    ("then", "code"),
    [(asyncio.CancelledError(), 130), (DatabaseUnavailable("gone"), 3)],
)
def test_an_interrupted_walk_says_how_to_go_on(
    then: BaseException, code: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """After Ctrl-C or a lost server stderr has the cursor of what follows the last line written."""
    client = _Ending(*[make_run(n) for n in range(7)])
    client.then = then
    install(monkeypatch, client)
    if isinstance(then, asyncio.CancelledError):
        real = asyncio.run

        def interrupted(main: Any) -> Any:
            try:
                return real(main)
            except asyncio.CancelledError:
                raise KeyboardInterrupt from None

        monkeypatch.setattr("continuum.cli.command.asyncio.run", interrupted)
    ended, out, err = call(capsys, "query", "--all", "--format", "ids")
    assert (ended, len(lines(out))) == (code, 4)
    assert err.startswith("next_cursor: 4, complete: false, read at: ")


def test_a_page_is_written_whole_when_ctrl_c_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancellation in the middle of a page: its cursor must not repeat or skip a run."""
    from continuum.cli import listing

    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    shown = printer(Format.IDS, None, namespaces=False)
    entries = values_of([make_run(n) for n in range(250)], shown.fields)

    async def interrupt() -> None:
        task = asyncio.create_task(listing._write(shown, entries))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupt())
    assert len(lines(out.getvalue())) == 250


def test_readers_and_ctrl_c_end_a_walk(dsn: str, tmp_path: Path) -> None:
    """`| head` ends --all at once and quietly; after Ctrl-C the rest follows, each run once."""
    shell = new_shell(tmp_path, dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO continuum_runs (id, namespace, workflow, version, version_hash, runtime,"
            " state, input, attributes, started_at, updated_at, completed_at)"
            " SELECT gen_random_uuid(), 'many', 'w', 1, 'h', 'r', 'completed', '[]', '{}', now(),"
            " now(), now() FROM generate_series(1, 5000)"
        )
    for shape in ("jsonl", "csv", "ids"):
        done = shell.pipe(f"continuum query -n many --all --format {shape} | head -n 2 | wc -l")
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "2", "")
    words = ["query", "-n", "many", "--all", "--format", "ids"]
    with shell.start(*words) as process:
        assert process.stdout is not None
        first = os.read(process.stdout.fileno(), 37).decode()  # more than a pipe holds is coming
        process.send_signal(signal.SIGINT)
        begun, told = process.communicate(timeout=100)
    assert process.returncode == 130
    assert len(lines(told)) == 1, told
    [line] = lines(told)
    cursor = line.removeprefix("next_cursor: ").partition(",")[0]
    assert "complete: false, read at: " in line
    rest = shell.answer(*words, "--cursor", cursor)
    found = lines(first + begun + rest)
    assert len(found) == len(set(found)) == 5000
    assert len(lines(rest)) < 5000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--all", "--limit", "5"], "--limit makes no sense with --all"),
        (["--count", "--limit", "5"], "--limit makes no sense with --count"),
        (["--interval", "2"], "--interval makes no sense without --watch"),
        (["--limit", "0"], "0 is less than 1"),
        (["--columns", "id,,state"], "no column ''"),
        (["--columns", "attributes."], "no column 'attributes.'"),
        (["--columns", 'attributes."a'], "no path of an attribute"),
    ],
)
def test_options_without_effect_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit 2, before anything connects."""
    code = run(["query", "--dsn", "postgresql://nowhere.invalid/x", *words])
    captured = capsys.readouterr()
    assert (code, captured.out, captured.err.count("\n")) == (2, "", 1)
    assert message in captured.err
