"""Journals recorded by earlier releases replay for ever.

Each `<name>.json` holds the run id, workflow, input and events of one run. A release that
changes the event format or the order of commands adds files and never edits one. To record new
ones: `python -m tests.histories.record`.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from continuum.engine.execution import Execution, RunIdentity
from continuum.journal.events import Event, EventKind
from tests.histories import flows

FILES = sorted(Path(__file__).parent.glob("*.json"))
WORKFLOWS = {flow.name: flow for flow in (flows.order, flows.cancelled, flows.telling)}


def load(path: Path) -> tuple[RunIdentity, list[Event], dict[str, Any]]:
    """One recorded run."""
    data = json.loads(path.read_text())
    run_id = UUID(data["run_id"])
    identity = RunIdentity(
        run_id, "default", WORKFLOWS[data["workflow"]], 1, data["input"].encode(),
        datetime.fromisoformat(data["started_at"]),
    )  # fmt: skip
    events = [
        Event(run_id, seq, 1, EventKind(kind), command, payload.encode(),
              datetime.fromisoformat(at))
        for seq, (kind, command, payload, at) in enumerate(data["events"], 1)
    ]  # fmt: skip
    return identity, events, data["end"]


def test_there_are_recordings() -> None:
    """The suite cannot pass by finding nothing."""
    assert len(FILES) >= 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_history_replays(path: Path) -> None:
    """No drift, and the same end and result as when it was recorded."""
    identity, events, end = load(path)
    execution = Execution(identity)
    execution.replay(events)
    assert execution.drift is None, execution.drift
    assert execution.end is not None
    assert execution.end.state == end["state"]
    result = execution.end.result
    assert (None if result is None else result.decode()) == end["result"]
