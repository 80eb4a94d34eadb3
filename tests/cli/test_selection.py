"""Signal and cancel: one run, several, or all that match."""

from __future__ import annotations

import io
import json
from uuid import UUID

import pytest

from continuum.cli.main import run
from continuum.model import RunState
from tests.cli.fake_client import FakeClient, install, make_run, refuse_to_connect

ID_1 = str(UUID(int=1))
ID_2 = str(UUID(int=2))
ID_3 = str(UUID(int=3))
EVERY = "[]"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """Two live runs and a completed one."""
    runs = (make_run(1), make_run(2), make_run(3, RunState.COMPLETED))
    return install(monkeypatch, FakeClient(*runs))


def test_signal_one_run(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """The payload is parsed, null when absent."""
    assert run(["signal", ID_1, "fraud_review", '"approved"', "--delivery-id", "d1"]) == 0
    assert run(["signal", ID_2, "nudge"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert json.loads(out[0]) == {"id": ID_1, "outcome": "signalled"}
    more = {"namespace": None, "delivery_id": "d1"}
    assert client.calls == [
        ("signal", UUID(ID_1), "fraud_review", "approved", more),
        ("signal", UUID(ID_2), "nudge", None, more | {"delivery_id": None}),
    ]


def test_signal_to_a_finished_run_is_a_no(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, one line on stderr, nothing on stdout."""
    assert run(["signal", ID_3, "fraud_review"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"error: run {ID_3} has already ended: completed\n"


def test_cancel_several(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Every run that can be is cancelled, the others are named, and the exit code is 1."""
    missing = str(UUID(int=9))
    assert run(["cancel", ID_1, ID_3, missing, ID_2, "--reason", "test"]) == 1
    captured = capsys.readouterr()
    assert [json.loads(line)["id"] for line in captured.out.splitlines()] == [ID_1, ID_2]
    assert len(captured.err.splitlines()) == 2
    assert missing in captured.err
    assert client.calls[0] == (
        "cancel",
        UUID(ID_1),
        {"reason": "test", "force": False, "namespace": None},
    )


def test_matches_are_counted_by_outcome(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that has ended meanwhile is an outcome, not an error."""
    assert run(["signal", "--where", EVERY, "nudge", "1", "--yes"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        {"outcome": "signalled", "runs": 2, "sample": [ID_1, ID_2]},
        {"outcome": "already completed", "runs": 1, "sample": [ID_3]},
    ]
    assert client.queries[0]["namespace"] == "default"


def test_dry_run_writes_nothing(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run answers how many and a sample; as ids it answers all of them."""
    assert run(["cancel", "--where", EVERY, "-A", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "action": "cancel",
        "matches": 3,
        "sample": [ID_1, ID_2, ID_3],
    }
    assert run(["cancel", "--where", EVERY, "-A", "--dry-run", "--format", "ids"]) == 0
    assert capsys.readouterr().out.split() == [ID_1, ID_2, ID_3]
    assert client.calls == []
    assert client.queries[0]["namespace"] is None


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal and --yes nothing is even looked up."""
    refuse_to_connect(monkeypatch)
    assert run(["cancel", "--where", EVERY]) == 2
    assert "--yes" in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code", "changed"), [("y", 0, 2), ("n", 1, 0), ("", 1, 0)])
def test_a_person_is_asked(
    client: FakeClient, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, changed: int
) -> None:
    """On a terminal the count and a sample are shown, and only a yes changes anything."""
    screen = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(f"{typed}\n"))
    monkeypatch.setattr("sys.stderr", screen)
    assert run(["cancel", "--where", EVERY, "-n", "billing"]) == code
    assert len(client.calls) == changed
    shown = screen.getvalue()
    assert "cancel: 3 runs match in namespace billing" in shown
    assert ID_1 in shown
    assert "1 of them are skipped" in shown
    assert "do this to 2 runs? [y/N]" in shown


def test_ids_and_conditions_exclude_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """cancel needs exactly one of the two."""
    refuse_to_connect(monkeypatch)
    assert run(["cancel"]) == 2
    assert run(["cancel", ID_1, "--where", EVERY]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_attributes_set(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Values that are JSON are taken as such, other text as strings."""
    words = ["plan=team", "tier=4", 'zip="0123"', "tags=[1]", "gone=null", "--unset", "old"]
    assert run(["attributes", "set", ID_1, *words]) == 0
    assert client.calls == [
        (
            "set_attributes",
            UUID(ID_1),
            {"plan": "team", "tier": 4, "zip": "0123", "tags": [1], "gone": None},
            {"unset": ("old",), "namespace": None},
        )
    ]
    assert json.loads(capsys.readouterr().out)["id"] == ID_1
