"""`continuum attributes keys` and `index`: how paths are written and what is printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.cli.attribute_paths import format_path, parse_path
from continuum.cli.failures import UsageError
from continuum.cli.main import run
from continuum.model import AttributeIndex, AttributeKey, AttributeType, IndexProgress
from tests.cli.fake_client import FakeClient, install

PLAN = AttributeIndex(1, ("plan",), AttributeType.TEXT, valid=True, size=4096)
VERSION = AttributeIndex(2, ("device", "a.b"), AttributeType.NUMBER, valid=False)


class Attributed(FakeClient):
    """Knows two keys, and records what is asked of it."""

    async def attribute_keys(self, **asked: Any) -> list[AttributeKey]:
        self.calls.append(("keys", asked))
        return [
            AttributeKey(("plan",), {"string": 0.9}, 3, (PLAN,)),
            AttributeKey(("device", "a.b"), {"number": 0.5, "null": 0.0004}, 1200, (VERSION,)),
        ]

    async def attribute_indexes(self) -> list[AttributeIndex]:
        return [PLAN, VERSION]

    async def index_attribute(
        self, path: Sequence[str], *, value_type: str | None, on_progress: Any
    ) -> AttributeIndex:
        self.calls.append(("index", path, value_type))
        for done in (1, 2, 15, 16):
            on_progress(IndexProgress("building index", done, 100))
        return PLAN

    async def drop_attribute_index(
        self, path: Sequence[str], *, value_type: str | None
    ) -> list[AttributeIndex]:
        self.calls.append(("drop", path, value_type))
        return [PLAN]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Attributed:
    """A client with two attribute keys."""
    client = Attributed()
    install(monkeypatch, client)
    return client


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of one command line."""
    code = run(["attributes", *words])
    out, err = capsys.readouterr()
    return code, out, err


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_every_path_is_printed_so_that_it_can_be_typed(path: list[str]) -> None:
    """`parse_path` reads what `format_path` writes, whatever the keys are called."""
    assert parse_path(format_path(path)) == tuple(path)


def test_paths_are_read_as_they_are_written() -> None:
    """Dots part keys unless they stand in quotes; a quote in quotes is doubled."""
    for text, path in {
        "plan": ("plan",),
        "device.os": ("device", "os"),
        '"a.b"': ("a.b",),
        'device."say ""hi"""': ("device", 'say "hi"'),
        "odd key": ("odd key",),
        'a.""': ("a", ""),
        "ключ-1": ("ключ-1",),
    }.items():
        assert parse_path(text) == path
    for wrong in ("", ".", "a.", ".a", "a..b", '"a', 'a"b"', '"a"b'):
        with pytest.raises(UsageError, match="no path"):
            parse_path(wrong)


def test_keys_as_records(client: Attributed, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines get shares, numbers and the indexes of each key."""
    code, out, _ = answer(capsys, "keys", "-n", "billing", "--sample", "50", "--format", "jsonl")
    assert code == 0
    assert client.calls == [("keys", {"namespace": "billing", "sample": 50})]
    first, second = map(json.loads, out.splitlines())
    assert first == {
        "key": "plan", "share": 0.9, "types": {"string": 0.9}, "distinct": 3,
        "indexes": [{"type": "text", "valid": True, "bytes": 4096}],
    }  # fmt: skip
    assert second["key"] == 'device."a.b"'
    assert second["indexes"][0]["valid"] is False


def test_keys_as_a_table(client: Attributed, capsys: pytest.CaptureFixture[str]) -> None:
    """People read percentages, and that an index is not built."""
    _, out, _ = answer(capsys, "keys", "-A", "--format", "table")
    assert "90.0 %" in out
    assert "number 50.0 %, null <0.1 %" in out
    assert "1,200" in out
    assert "number (not built)" in out
    _, out, _ = answer(capsys, "keys", "--format", "ids")
    assert out.splitlines() == ["plan", 'device."a.b"']


def test_building_says_how_far_it_is(
    client: Attributed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each tenth once, on stderr; the answer is the index."""
    code, out, err = answer(capsys, "index", 'device."a.b"', "--type", "number")
    assert code == 0
    assert client.calls == [("index", ("device", "a.b"), "number")]
    assert err.splitlines() == ["building index 1 %", "building index 15 %"]
    assert json.loads(out) == {"key": "plan", "type": "text", "valid": True, "bytes": 4096}


def test_dropping_and_listing(client: Attributed, capsys: pytest.CaptureFixture[str]) -> None:
    """`--drop` needs a key; without a key all indexes are listed."""
    code, out, err = answer(capsys, "index", "plan", "--drop")
    assert (code, out, err) == (0, "", "dropped 1 index on plan\n")
    assert client.calls == [("drop", ("plan",), None)]
    _, out, _ = answer(capsys, "index")
    assert [json.loads(line)["valid"] for line in out.splitlines()] == [True, False]
    for words in (["index", "--drop"], ["index", "--type", "text"], ["index", "a..b"]):
        code, out, _ = answer(capsys, *words)
        assert (code, out) == (2, "")


def test_wrong_types_are_usage_errors(
    client: Attributed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only text, number and boolean are types of an index."""
    code, _, err = answer(capsys, "index", "plan", "--type", "array")
    assert code == 2
    assert "array" in err
