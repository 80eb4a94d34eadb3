"""`continuum query --explain`, and what a count says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from continuum.model import Page, Plan, Run, RunState, Step
from tests.cli.fake_client import FakeClient, install, make_run
from tests.cli.test_formats import READ, call

STEPS = (
    Step("walk", "continuum_runs_namespace_started_idx", 5000, 3, 0.0041),
    Step("sort", None, 100_000, 0, 1.5),
)
STAMP = {
    "at": "2026-11-23T12:00:00.250000Z", "elapsed": 0.002, "source": "primary", "lag": None,
    "complete": False, "exact": True,
}  # fmt: skip


class Explained(FakeClient):
    """Says how its pages were found; they are not complete."""

    async def query(self, **spec: Any) -> Page[Run]:
        page = await super().query(**spec)
        stamp = replace(page.stamp, complete=False)
        plan = Plan(STEPS, "continuum attributes index plan")
        return replace(page, complete=False, stamp=stamp, plan=plan)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """A suspended and a failed run."""
    return install(monkeypatch, Explained(make_run(1), make_run(2, RunState.FAILED)))


def test_a_page_is_explained_in_json(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object with stable fields, the query as it was understood, nothing on stderr."""
    words = ("query", "attributes.plan='pro' order  by duration", "-n", "billing", "--limit", "7")
    code, out, err = call(capsys, *words, "--explain", "--budget", "0.5", "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "query": "attributes.plan = 'pro' order by duration",
        "namespace": "billing",
        "group_by": None,
        "found": 2,
        "complete": False,
        "steps": [
            {
                "strategy": "walk",
                "index": "continuum_runs_namespace_started_idx",
                "rows_read": 5000,
                "found": 3,
                "milliseconds": 4.1,
            },
            {
                "strategy": "sort",
                "index": None,
                "rows_read": 100_000,
                "found": 0,
                "milliseconds": 1500.0,
            },
        ],
        "advice": "continuum attributes index plan",
        "stamp": STAMP,
    }
    [spec] = client.queries
    assert (spec["limit"], spec["budget"], spec["namespace"]) == (7, 0.5, "billing")
    assert call(capsys, *words, "--explain")[1] == out  # jsonl, the default of a pipe


def test_a_page_is_explained_to_people(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Facts, then a table of the steps, where a missing index is named as such."""
    _, out, err = call(capsys, "query", "-A", "--explain", "--format", "table")
    facts, _, steps = out.partition("\n\n")
    assert err == ""
    assert facts.splitlines() == [
        "query         (every run)",
        "namespace     (all)",
        "found         2",
        "complete      false",
        "exact         true",
        "read at       2026-11-23T12:00:00Z",
        "source        primary",
        "milliseconds  2.0",
        "advice        continuum attributes index plan",
    ]
    assert [line.split() for line in steps.splitlines()] == [
        ["STRATEGY", "INDEX", "ROWS", "READ", "FOUND", "MILLISECONDS"],
        ["walk", "continuum_runs_namespace_started_idx", "5000", "3", "4.1"],
        ["sort", "none", "100000", "0", "1500.0"],
    ]


def test_a_count_is_explained(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """The same fields; what it was grouped by, and that it is not exact."""
    _, out, _ = call(capsys, "query", "--group-by", "state", "--budget", "0.25", "--explain")
    explained = json.loads(out)
    assert explained["group_by"] == ["state"]
    assert (explained["found"], explained["complete"]) == (2, False)
    assert explained["stamp"] == STAMP | {"elapsed": 0.02, "exact": False}
    assert explained["steps"] == [
        {
            "strategy": "walk",
            "index": "continuum_runs_started_idx",
            "rows_read": 1200,
            "found": 2,
            "milliseconds": 12.5,
        }
    ]
    _, out, _ = call(capsys, "query", "--count", "--explain", "--format", "table")
    assert "exact         true" in out.splitlines()


@pytest.mark.parametrize("shape", ["table", "json", "jsonl"])
def test_a_number_is_bare_and_its_worth_on_stderr(
    client: FakeClient, capsys: pytest.CaptureFixture[str], shape: str
) -> None:
    """stdout is the number in every format; stderr says whether it is exact, and as of when."""
    _, out, err = call(capsys, "query", "--count", "--format", shape)
    assert (out, err) == ("2\n", f"exact: true, complete: true, {READ}\n")
    _, out, err = call(capsys, "query", "--count", "--budget", "0.25", "--format", shape)
    assert out == "2\n"
    assert err == f"exact: false (there are at least so many), complete: false, {READ}\n"
    assert [spec["budget"] for spec in client.queries] == [None, 0.25]


@pytest.mark.parametrize(
    ("shape", "printed"),
    [
        ("json", '[{"state":"suspended","count":1},{"state":"failed","count":1}]\n'),
        ("jsonl", '{"state":"suspended","count":1}\n{"state":"failed","count":1}\n'),
        ("csv", "state,count\nsuspended,1\nfailed,1\n"),
        ("table", "STATE      COUNT\nsuspended  1\nfailed     1\n"),
    ],
)
def test_groups_are_rows_and_their_worth_on_stderr(
    client: FakeClient, capsys: pytest.CaptureFixture[str], shape: str, printed: str
) -> None:
    """One row a group in each format, and the same line on stderr."""
    _, out, err = call(capsys, "query", "--group-by", "state", "--format", shape)
    assert (out, err) == (printed, f"exact: true, complete: true, {READ}\n")
