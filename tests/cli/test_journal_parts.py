"""`continuum show --history` of a part of the journal."""

from __future__ import annotations

import json

import pytest

from tests.cli.fake_client import FakeClient, install, make_event, make_run
from tests.cli.test_formats import ID_1, call


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """A client with one run of 1,203 events."""
    fake = FakeClient(make_run(1))
    fake.events = [make_event(seq) for seq in range(1, 1204)]
    return install(monkeypatch, fake)


@pytest.mark.parametrize(
    ("options", "seqs"),
    [
        ((), range(1, 1204)),
        (("--newest", "3"), range(1201, 1204)),
        (("--newest", "700"), range(504, 1204)),
        (("--newest", "5000"), range(1, 1204)),
        (("--after", "1200"), range(1201, 1204)),
        (("--before", "4"), range(1, 4)),
        (("--before", "4", "--newest", "2"), range(2, 4)),
        (("--after", "10", "--before", "1000", "--newest", "600"), range(400, 1000)),
        (("--after", "1203", "--newest", "1"), range(0)),
    ],
)
def test_a_part_of_the_journal(
    client: FakeClient, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], seqs: range
) -> None:
    """From either end, in pages, each event once, oldest first."""
    del client
    _, out, _ = call(capsys, "show", ID_1, "--history", *options)
    assert [json.loads(line)["seq"] for line in out.splitlines()] == list(seqs)


@pytest.mark.parametrize("more", [(), ("--follow",), ("--history", "--follow")])
def test_a_part_needs_the_history(
    client: FakeClient, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    """Without --history there is nothing to choose from, and --follow has no end to count from."""
    del client
    code, out, err = call(capsys, "show", ID_1, "--newest", "3", *more)
    assert (code, out) == (2, "")
    assert "--history" in err
