"""`continuum query EXPR`: text on the command line, its faults, and watching."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from continuum.cli.main import run
from continuum.errors import DatabaseUnavailable, QueryError
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

    def __init__(self, *answers: list[Run] | DatabaseUnavailable) -> None:
        super().__init__()
        self.answers = list(answers)

    async def query(self, **spec: Any) -> Page[Run]:
        if not self.answers:
            raise KeyboardInterrupt
        answer = self.answers.pop(0)
        if isinstance(answer, DatabaseUnavailable):
            raise answer
        return Page(tuple(answer), None, True, Stamp(NOON, 0.0))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watching does not wait between two looks."""
    sleep = asyncio.sleep

    async def at_once(seconds: float) -> None:
        await sleep(0)

    monkeypatch.setattr("continuum.cli.watching.asyncio.sleep", at_once)


def _answers() -> tuple[list[Run], ...]:
    one, two = make_run(1), make_run(2, RunState.FAILED)
    older = replace(one, duration=one.duration * 2)
    return [one], [older], [older, two], [two]


def test_watching_in_a_pipe_appends_what_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at_once: None
) -> None:
    """A line for each new or changed run, and when it was read; passing time is no change."""
    install(monkeypatch, _Changing(*_answers()))
    code, out, err = call(capsys, "query", "--watch", "--columns", "state,duration")
    assert code == 130
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["suspended", "failed"]
    assert err == 2 * "complete: true, read at: 2026-11-23T12:00:00Z, primary\n".replace(
        "00Z", "00.250000Z"
    )


def test_watching_on_a_terminal_redraws_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at_once: None
) -> None:
    """Each look draws over the one before: what fits of the table, and below it the stamp."""
    monkeypatch.setenv("LINES", "5")
    monkeypatch.setenv("COLUMNS", "100")
    many = [make_run(n) for n in range(9)]
    install(monkeypatch, _Changing(*_answers()[1:], many))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, err = call(capsys, "query", "--watch")
    drawn = [frame.removesuffix("\x1b[J").splitlines() for frame in out.split("\x1b[H")[1:]]
    assert (code, err, [len(frame) for frame in drawn]) == (130, "", [3, 4, 3, 4])
    assert all(line.endswith("\x1b[K") for frame in drawn for line in frame)
    stamp = "complete: true, read at: 2026-11-23T12:00:00.250000Z, primary\x1b[K"
    assert drawn[0][-1] == stamp
    assert drawn[-1][-1] == f"2 of 9 runs, {stamp}"


@pytest.mark.parametrize("terminal", [False, True])
def test_watching_goes_on_when_the_server_comes_back(
    terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_once: None,
) -> None:
    """It says once that nobody answers, keeps what it has shown, and then when it was read."""
    one, two = [make_run(1)], [make_run(1), make_run(2)]
    gone = DatabaseUnavailable("the database does not answer")
    install(monkeypatch, _Changing(one, gone, gone, one, two))
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    code, out, err = call(capsys, "query", "--watch")
    assert code == 130
    if terminal:
        drawn = out.split("\x1b[H")[1:]
        assert ["trying again; complete: true" in frame for frame in drawn] == [
            False, True, True, False, False,
        ]  # fmt: skip
        assert all(str(one[0].id) in frame for frame in drawn)
    else:
        assert [json.loads(line)["id"] for line in out.splitlines()] == [str(run.id) for run in two]
        told = err.splitlines()
        assert told[1] == "the database does not answer; trying again"
        assert ["read at" in line for line in told] == [True, False, True, True]
    install(monkeypatch, _Changing(gone))
    assert call(capsys, "query", "--watch")[0] == 3


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
