"""What commands print, byte for byte, in every format."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from continuum.cli.main import run
from continuum.cli.records import LIST_FIELDS, RUN_FIELDS
from continuum.model import RunState
from tests.cli.fake_client import NOON, FakeClient, install, make_event, make_run

READ = "read at: 2026-11-23T12:00:00.250000Z, primary"
ID_1 = "00000000-0000-0000-0000-000000000001"
ID_2 = "00000000-0000-0000-0000-000000000002"
RUN_1 = {
    "id": ID_1,
    "namespace": "billing",
    "workflow": "shop:order_flow",
    "version": 1,
    "version_hash": "9f2c",
    "state": "suspended",
    "attributes": {"plan": "pro", "amount": 4200, "nested": {"deep": [1, "a"]}},
    "started_at": "2026-11-23T12:00:00.250000Z",
    "updated_at": "2026-11-23T12:00:01.250000Z",
    "completed_at": None,
    "duration": 2.5,
    "waiting_on": "signal fraud_review",
    "owner": "00000000-0000-0000-0000-000000000063",
    "parent_id": None,
    "incarnation": 1,
    "error": None,
}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """A suspended and a failed run."""
    return install(monkeypatch, FakeClient(make_run(1), make_run(2, RunState.FAILED)))


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command line."""
    code = run(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_jsonl_is_the_default_when_piped(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run a line with exactly Run's fields but the payloads; cursor and rest on stderr."""
    code, out, err = call(capsys, "query", "-n", "billing")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert lines[0] == RUN_1
    assert list(lines[0]) == list(LIST_FIELDS)
    assert lines[1]["error"] == {"type": "shop.CardDeclined", "message": "card declined"}
    assert err == f"next_cursor: null, complete: true, {READ}\n"
    assert client.queries[0]["namespace"] == "billing"


def test_json_is_one_document(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """A page with entries, cursor, completeness and stamp; nothing on stderr."""
    code, out, err = call(capsys, "query", "--format", "json", "--limit", "1")
    assert code == 0
    assert json.loads(out) == {
        "entries": [RUN_1],
        "next_cursor": "1",
        "complete": True,
        "stamp": {
            "at": "2026-11-23T12:00:00.250000Z",
            "elapsed": 0.002,
            "source": "primary",
            "lag": None,
            "complete": True,
            "exact": True,
        },
    }
    assert err == ""


def test_csv_has_a_header_and_json_cells(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nested values are JSON text, null is empty."""
    _, out, _ = call(
        capsys,
        "query",
        "--format",
        "csv",
        "--columns",
        "id,attributes,attributes.plan,completed_at",
    )
    assert out.splitlines()[:2] == [
        "id,attributes,attributes.plan,completed_at",
        f'{ID_1},"{{""plan"":""pro"",""amount"":4200,""nested"":{{""deep"":[1,""a""]}}}}",pro,',
    ]


def test_ids_are_bare(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """One id a line, fit for xargs."""
    _, out, err = call(capsys, "query", "--format", "ids", "--limit", "1")
    assert out == f"{ID_1}\n"
    assert err == f"next_cursor: 1, complete: true, {READ}\n"


def test_table_shows_the_error_of_a_failed_run(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A piped table is not cut to any width and has no colour."""
    _, out, _ = call(capsys, "query", "--format", "table")
    assert out.splitlines() == [
        f"{left}  {right}"
        for left, right in (
            (
                "STATE      ID                                    WORKFLOW       ",
                "WAITING ON                   STARTED AT            DURATION",
            ),
            (
                f"suspended  {ID_1}  shop:order_flow",
                "signal fraud_review          2026-11-23T12:00:00Z  2.5s",
            ),
            (
                f"failed     {ID_2}  shop:order_flow",
                "CardDeclined: card declined  2026-11-23T12:00:00Z  2.5s",
            ),
        )
    ]


def test_all_walks_every_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--all follows the cursors to the end in one stream, and as one document in JSON."""
    client = install(monkeypatch, FakeClient(*(make_run(number) for number in range(1, 1202))))
    _, out, err = call(capsys, "query", "--all", "--format", "ids")
    assert len(set(out.split())) == 1201
    assert [spec.get("cursor") for spec in client.queries] == [None, "1000"]
    assert err == f"next_cursor: null, complete: true, {READ}\n"
    _, out, _ = call(capsys, "query", "--all", "--format", "json", "--columns", "id")
    assert len(json.loads(out)["entries"]) == 1201


def test_payloads_only_when_asked(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Naming input or output in --columns is what loads them."""
    call(capsys, "query")
    _, out, _ = call(capsys, "query", "--columns", "id,input,output")
    assert [spec["payloads"] for spec in client.queries] == [False, True]
    assert json.loads(out.splitlines()[0]) == {"id": ID_1, "input": [{"id": "o1"}], "output": None}


def test_show_is_one_object_with_all_fields(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """`show` adds input and output to what a list shows."""
    code, out, err = call(capsys, "show", ID_1)
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert record == RUN_1 | {"input": [{"id": "o1"}], "output": None}
    assert list(record) == list(RUN_FIELDS)


def test_show_as_facts(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """The table format of one run is a list of facts without empty ones."""
    _, out, _ = call(capsys, "show", ID_2, "--format", "table")
    facts = dict(line.split("  ", 1) for line in out.splitlines())
    assert facts["error"].strip() == "shop.CardDeclined: card declined"
    assert facts["completed at"].strip() == "2026-11-23T12:00:02Z"
    assert "waiting on" not in facts


def test_show_lists_children_and_a_cancellation(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a table only: twenty children with their states, how to see the others, since when."""
    parent = make_run(1, cancelling_since=NOON)
    client.runs[parent.id] = parent
    for number in range(100, 123):
        child = make_run(number, RunState.COMPLETED, parent_id=parent.id)
        client.runs[child.id] = child
    _, out, _ = call(capsys, "show", ID_1, "--format", "table")
    facts, _, children = out.partition("\n\n")
    assert "cancelling since  2026-11-23T12:00:00Z" in facts
    listed = children.splitlines()
    assert listed[0].split() == ["CHILD", "STATE", "WORKFLOW", "WAITING", "ON"]
    assert listed[1].split() == [str(UUID(int=100)), "completed", "shop:order_flow"]
    condition = f'[["eq","parent_id","{ID_1}"]]'
    assert listed[21] == f"and 3 more: continuum query -A --where '{condition}'"
    _, out, _ = call(capsys, "show", ID_1)
    assert list(json.loads(out)) == list(RUN_FIELDS)


def test_history_names_the_incarnation_when_there_are_several(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that continued as new has a column for it; the others save the room."""
    _, out, _ = call(capsys, "show", ID_1, "--history", "--format", "table")
    assert "INCARNATION" not in out
    client.runs[make_run(1).id] = make_run(1, incarnation=2)
    _, out, _ = call(capsys, "show", ID_1, "--history", "--format", "table")
    header = next(line for line in out.splitlines() if "SEQ" in line)
    assert header.split()[:2] == ["INCARNATION", "SEQ"]


def test_history_formats(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Events are rows in jsonl, and a list beside the run in JSON."""
    event = {
        "seq": 1,
        "incarnation": 1,
        "type": "signal_received",
        "command": None,
        "at": "2026-11-23T12:00:00.250000Z",
        "data": {"name": "fraud_review"},
    }
    _, out, _ = call(capsys, "show", ID_1, "--history")
    assert [json.loads(line) for line in out.splitlines()] == [event, event | {"seq": 2}]
    _, out, _ = call(capsys, "show", ID_1, "--history", "--format", "json")
    assert json.loads(out)["run"]["id"] == ID_1
    assert json.loads(out)["history"] == [event, event | {"seq": 2}]


def test_follow_prints_what_comes_and_ends_with_the_run(
    client: FakeClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that arrive while following are printed once; the end of the run ends the command."""

    async def happen(seconds: float) -> None:
        client.events.append(make_event(3, "run_completed"))
        client.runs[make_run(1).id] = make_run(1, RunState.COMPLETED)

    monkeypatch.setattr("continuum.cli.show.asyncio.sleep", happen)
    code, out, _ = call(capsys, "show", ID_1, "--follow")
    assert code == 0
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2, 3]


def test_nodes_rows(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker is one row whose state says whether it can be counted on."""
    _, out, _ = call(capsys, "nodes")
    record: dict[str, Any] = json.loads(out)
    assert record["state"] == "live"
    assert record["workflows"] == ["shop:order_flow"]


def test_user_data_cannot_act_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences, line breaks and bidirectional overrides are shown, not sent."""
    evil = "\x1b]0;pwned\x07\x9b31m\u202eabc\nnext"
    install(monkeypatch, FakeClient(make_run(1, waiting_on=evil, attributes={evil: evil})))
    for shape in ("table", "jsonl", "json"):
        _, out, _ = call(
            capsys, "query", "--format", shape, "--columns", "id,waiting_on,attributes"
        )
        assert not set(out) & set("\x1b\x07\x9b\u202e")
        if shape == "jsonl":
            assert json.loads(out)["attributes"] == {evil: evil}
