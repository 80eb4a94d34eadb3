"""Wrong command lines: one line on stderr, exit code 2, found before anything connects."""

from __future__ import annotations

import pytest

from continuum.cli.main import run
from tests.cli.fake_client import refuse_to_connect

RUN = "00000000-0000-0000-0000-000000000001"
WRONG = {
    "neither id nor key": ["show", ""],
    "neither id nor key to signal": ["signal", "k" * 256, "fraud_review"],
    "neither id nor key to cancel": ["cancel", RUN, ""],
    "neither id nor key for result": ["result", "k" * 256],
    "neither id nor key to fork": ["fork", "", "--at", "1"],
    "a run id that is none": ["start", "flow", "--run-id", "xyz"],
    "payload is not JSON": ["signal", RUN, "fraud_review", "approved"],
    "payload is NaN": ["signal", RUN, "fraud_review", "NaN"],
    "payload has a lone surrogate": ["signal", RUN, "fraud_review", '"\\ud800"'],
    "too many words": ["signal", RUN, "fraud_review", "1", "2"],
    "no name": ["signal", RUN],
    "where is not JSON": ["query", "--where", "[["],
    "where is no condition": ["query", "--where", '[["equals","state","failed"]]'],
    "unknown field": ["query", "--where", '[["eq","stat","failed"]]'],
    "unknown state": ["query", "--where", '[["eq","state","broken"]]'],
    "order is no field": ["query", "--order-by", "nothing desc"],
    "order is no direction": ["query", "--order-by", "started_at down"],
    "limit is no number": ["query", "--limit", "many"],
    "limit is zero": ["query", "--limit", "0"],
    "unknown column": ["query", "--columns", "id,plan"],
    "unknown format": ["query", "--format", "xml"],
    "unknown option": ["query", "--wher", "[]"],
    "unknown command": ["qurey"],
    "unknown subcommand": ["attributes", "put"],
    "missing argument": ["show"],
    "empty namespace": ["query", "-n", ""],
    "long namespace": ["query", "-n", "x" * 300],
    "unprintable namespace": ["query", "-n", "a\nb"],
    "namespace and all": ["query", "-n", "a", "-A"],
    "input is not JSON": ["start", "order_flow", "--input", "{bad"],
    "input file is missing": ["start", "order_flow", "--input", "@/no/such/file"],
    "input has a lone surrogate": ["start", "order_flow", "--input", '"\\ud800"'],
    "two inputs from stdin": ["start", "order_flow", "--input", "-", "--input", "-"],
    "attribute without value": ["start", "order_flow", "--attribute", "plan"],
    "attribute is broken JSON": ["start", "order_flow", "--attribute", "plan={bad"],
    "attribute with NUL": ["start", "order_flow", "--attribute", 'plan="a\\u0000b"'],
    "attribute key with NUL": ["attributes", "set", RUN, "a\x00b=1"],
    "attribute twice": ["attributes", "set", RUN, "a=1", "a=2"],
    "nothing to set": ["attributes", "set", RUN],
    "all namespaces to start in": ["start", "order_flow", "-A"],
    "conflict without key": ["start", "order_flow", "--on-conflict", "fail"],
    "reuse without key": ["start", "order_flow", "--key-reuse", "reject"],
    "signal without key": ["start", "order_flow", "--signal", "go"],
    "conflict of a signal": [
        "start", "order_flow", "--key", "k", "--signal", "go", "--on-conflict", "fail",
    ],
    "start at no time": ["start", "order_flow", "--start-at", "noon"],
    "journal since no time": ["journal", "--since", "noon"],
    "drain by no time": ["versions", "drain", "0f3a", "--by", "noon"],
    "app is missing": ["worker"],
    "app is no module": ["worker", "--app", "no_such_module_here"],
    "negative timeout": ["result", RUN, "--timeout", "-1"],
    "csv of one value": ["result", RUN, "--format", "csv"],
    "dry run of one": ["signal", RUN, "x", "--dry-run"],
    "sql and status": ["migrate", "--sql", "--status"],
    "cursor of another query": ["query", "--cursor", "abc"],
    "group by no field": ["query", "--group-by", "colour"],
    "cursor and all": ["query", "--all", "--cursor", "x"],
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_one_line_and_exit_2(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong input is answered with one line, before connecting, and nothing is on stdout."""
    refuse_to_connect(monkeypatch)
    assert run(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1, captured.err
    assert captured.err.startswith("error: ")


def test_a_bare_word_gets_its_quotes_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commonest mistake, a string without JSON quotes, is answered with the right spelling."""
    refuse_to_connect(monkeypatch)
    run(["signal", RUN, "fraud_review", "approved"])
    assert "'\"approved\"'" in capsys.readouterr().err


def test_a_misspelt_command_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest command is named."""
    assert run(["qurey"]) == 2
    assert capsys.readouterr().err == "error: no such command: qurey (did you mean query?)\n"


def test_common_options_may_come_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`continuum -n NAME query` is `continuum query -n NAME`."""
    refuse_to_connect(monkeypatch)
    assert run(["-n", "a", "query", "-A"]) == 2
    assert "exclude each other" in capsys.readouterr().err
