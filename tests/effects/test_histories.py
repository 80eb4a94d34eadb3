"""A golden history an effect, kept in `histories/`: it replays, and what does not fit is found.

`python -m tests.effects.record` records what is missing.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from continuum.journal.events import COMMANDS
from continuum.testing import HistoryDrift, assert_replays
from tests.effects.activities import LEDGER
from tests.effects.record import (
    DEEPEST,
    GENERATIONS,
    GOLDEN,
    HISTORIES,
    IN_DATABASE,
    IN_MEMORY,
    client_with_worker,
    history_in_memory,
    history_of,
)  # fmt: skip
from tests.effects.scenarios import SCENARIOS


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the effects of this test are written down."""
    monkeypatch.setenv(LEDGER, str(tmp_path / "ledger"))


@pytest.mark.parametrize("name", IN_MEMORY)
async def test_todays_runs_replay(name: str) -> None:
    """What the effect journals now fits its own code, as the golden history does."""
    history = await history_in_memory(name)
    assert_replays(GOLDEN[name], history)
    assert json.loads(history)["depth"] == (GENERATIONS if name == DEEPEST else 0)


@pytest.mark.parametrize("name", IN_DATABASE)
async def test_todays_runs_in_a_database_replay(name: str, dsn: str) -> None:
    """The same for what only a database can do."""
    async with client_with_worker(dsn) as ct:
        assert_replays(GOLDEN[name], await history_of(name, ct))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_histories_replay(name: str) -> None:
    """From their beginning to every point at which a worker may have died."""
    assert_replays(GOLDEN[name], HISTORIES / f"{name}.json")


def test_there_is_one_an_effect() -> None:
    """No recording without a scenario, none left out."""
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(GOLDEN)


def test_a_history_without_depth_is_that_of_an_outermost_run() -> None:
    """Files of releases that did not record it replay as before; the deepest child needs it."""
    for name, flow in GOLDEN.items():
        history = json.loads((HISTORIES / f"{name}.json").read_text())
        del history["depth"]
        if name != DEEPEST:
            assert_replays(flow, json.dumps(history))
            continue
        with pytest.raises(HistoryDrift, match="child_started"):
            assert_replays(flow, json.dumps(history))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_golden_history_that_does_not_fit_is_found(name: str) -> None:
    """Whichever command is missing from it or called otherwise, and another result."""
    flow, text = GOLDEN[name], (HISTORIES / f"{name}.json").read_text()
    last = json.loads(text)["incarnation"]
    changed = 0
    for place, event in enumerate(json.loads(text)["events"]):
        if event["type"] not in COMMANDS or event["incarnation"] != last:
            continue
        history = json.loads(text)
        del history["events"][place]
        with pytest.raises(HistoryDrift):
            assert_replays(flow, json.dumps(history))
        if "name" in event["data"]:
            history = json.loads(text)
            history["events"][place]["data"]["name"] = "another"
            with pytest.raises(HistoryDrift, match="another"):
                assert_replays(flow, json.dumps(history))
        changed += 1
    assert changed
    history = json.loads(text)
    history["result"] = ["another"]
    with pytest.raises(HistoryDrift, match="another"):
        assert_replays(flow, json.dumps(history))
