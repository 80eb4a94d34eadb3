"""`continuum query EXPR`: text on the command line, its faults, and watching."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from continuum.cli.main import run
from continuum.errors import QueryError
from continuum.model import Page, Run, RunState, Stamp
from tests.cli import test_startup
from tests.cli.fake_client import NOON, FakeClient, install, make_run, refuse_to_connect
from tests.cli.test_formats import call


def test_text_structured_and_order_reach_the_client(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All three are passed on as they were given, once they have been found right."""
    client = install(monkeypatch, FakeClient(make_run(1)))
    code, out, _ = call(
        capsys, "query", "state = 'failed'", "--where", '[["exists", "error"]]',
        "--order-by", 'attributes."odd key" desc', "--format", "ids",
    )  # fmt: skip
    assert (code, len(out.splitlines())) == (0, 1)
    assert client.queries[0]["expression"] == "state = 'failed'"
    assert client.queries[0]["where"] == [["exists", "error"]]
    assert client.queries[0]["order_by"] == 'attributes."odd key" desc'


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stat = 'failed'"], "unknown field 'stat' at line 1, column 1 (did you mean state?)"),
        (["state = failed"], "single quotes"),
        (["stuck order by id", "--order-by", "id"], "given twice"),
        (["stuck order by id", "--count"], "a count has no order"),
        (["--group-by", "attributes."], "a key is missing here"),
        (["--group-by", "duration"], "cannot group by duration"),
        (["--watch", "--all"], "--watch makes no sense with --all"),
        (["--watch", "--format", "json"], "makes no sense with --watch"),
        (["--order-by", "attributes desc"], "1 to 16 keys"),
        (["--all", "--budget", "1"], "--budget makes no sense with --all"),
        (["--explain", "--all"], "--all makes no sense with --explain"),
        (["--explain", "--watch"], "--watch makes no sense with --explain"),
        (["--explain", "--columns", "id"], "--columns makes no sense with --explain"),
        (["--explain", "--count", "--format", "csv"], "no list of runs, not csv"),
        (["--explain", "--format", "ids"], "use --format table, json or jsonl"),
        (["--count", "--order-by", "id"], "--order-by makes no sense with --count"),
        (["--count", "--budget", "0"], "0"),
    ],
)
def test_faults_are_found_before_connecting(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    """Exit 2 and one line with the place and a way out."""
    refuse_to_connect(monkeypatch)
    code, out, err = call(capsys, "query", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_terminal_shows_the_faulty_line_and_a_caret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The caret stands below the fault, whatever wide or unprintable text is before it."""
    refuse_to_connect(monkeypatch)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _, _, err = call(capsys, "query", "stuck\nand error = '\u4e2d\t' and stat = 'x'")
    assert err.splitlines()[1:] == [
        "  and error = '\u4e2d\\t' and stat = 'x'",
        "                         ^",
    ]


def test_selections_take_text_or_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cancel --where` is an expression, or JSON when it starts with a bracket."""
    client = install(monkeypatch, FakeClient(make_run(1)))
    for text, given in (
        ("state = 'suspended'", {"expression": "state = 'suspended'"}),
        ('[["exists", "error"]]', {"where": [["exists", "error"]]}),
    ):
        code, _, _ = call(capsys, "cancel", "--where", text, "--dry-run")
        assert code == 0
        assert given.items() <= client.queries[-1].items()
    assert call(capsys, "cancel", "--where", "stat = 1", "--dry-run")[0] == 2


class _Changing(FakeClient):
    """Gives one answer after another, then Ctrl-C."""

    def __init__(self, *answers: list[Run]) -> None:
        super().__init__()
        self.answers = list(answers)

    async def query(self, **spec: Any) -> Page[Run]:
        if not self.answers:
            raise KeyboardInterrupt
        return Page(tuple(self.answers.pop(0)), None, True, Stamp(NOON, 0.0))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watching does not wait between two looks."""
    sleep = asyncio.sleep
    monkeypatch.setattr("continuum.cli.watching.asyncio.sleep", lambda _: sleep(0))


def _answers() -> tuple[list[Run], ...]:
    one, two = make_run(1), make_run(2, RunState.FAILED)
    older = replace(one, duration=one.duration * 2)
    return [one], [older], [older, two], [two]


def test_watching_in_a_pipe_appends_what_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at_once: None
) -> None:
    """A line for each new or changed run; passing time alone is no change; Ctrl-C is 130."""
    install(monkeypatch, _Changing(*_answers()))
    code, out, _ = call(capsys, "query", "--watch", "--columns", "state,duration")
    assert code == 130
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["suspended", "failed"]


def test_watching_on_a_terminal_redraws_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at_once: None
) -> None:
    """Each change draws the whole table from the first cell; the same table is not drawn again."""
    first = _answers()[0]
    install(monkeypatch, _Changing(first, first, *_answers()[2:]))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, _ = call(capsys, "query", "--watch")
    drawn = out.split("\x1b[H\x1b[J")[1:]
    assert (code, [len(table.splitlines()) for table in drawn]) == (130, [2, 3, 2])


def test_a_replica_says_how_far_behind_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line on stderr names a replica and its lag; JSON has both in the stamp."""
    client = install(monkeypatch, FakeClient())

    async def query(**spec: Any) -> Page[Run]:
        return Page((), None, True, Stamp(NOON, 0.0, "replica", 2.25))

    monkeypatch.setattr(client, "query", query)
    _, _, err = call(capsys, "query", "--read-dsn", "postgresql://replica/x")
    assert err.endswith(
        "complete: true, read at: 2026-11-23T12:00:00.250000Z, replica, behind by: 2.2 s\n"
    )
    _, out, _ = call(capsys, "query", "--format", "json")
    assert json.loads(out)["stamp"]["source"] == "replica"
    assert json.loads(out)["stamp"]["lag"] == 2.25


def test_only_text_conditions_load_the_parser() -> None:
    """Data, orders and groups are read without sqlglot; a wrong word is found without it."""
    for words in (
        ["query", "--where", '[["eq","state","broken"]]'],
        ["query", "--order-by", "attributes.a", "--cursor", "x"],
        ["query", "--group-by", "state,duration"],
        ["query", "stat = 'failed'"],
    ):
        code, *loaded = test_startup.loaded_by(*words)
        assert code == "2"
        assert not {"sqlglot", "psycopg"} & set(loaded), words


def test_an_error_without_an_expression_has_no_place() -> None:
    """Only what was typed can be pointed at."""
    error = QueryError("wrong", hint="right")
    assert (str(error), error.line, error.excerpt) == ("wrong (right)", None, None)
    assert run(["query", "--limit", "0"]) == 2
