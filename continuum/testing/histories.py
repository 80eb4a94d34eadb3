"""Golden histories: a run's journal as a file, replayed against today's code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from continuum.client.client import Continuum
from continuum.client.handle import RunHandle
from continuum.declare.workflow import Workflow
from continuum.engine.execution import Execution
from continuum.engine.outcome import RunIdentity
from continuum.errors import ConfigurationError, PayloadError, RunNotFound
from continuum.journal.events import ENDS, STIMULI, Event, EventKind, RunCancelled
from continuum.model import HistoryEvent, Run, RunState

FORMAT: Final = 1
_PAGE: Final = 5000


class HistoryDrift(AssertionError):
    """The code does something else than the history says."""


@dataclass(frozen=True, slots=True)
class History:
    """One recorded run.

    Attributes:
        depth: how many runs are above it; a child of the outermost run has depth 1.
        result: what it returned, when it has completed.
    """

    workflow: str
    run_id: UUID
    namespace: str
    input: Any
    started_at: datetime
    parent_id: UUID | None
    depth: int
    incarnation: int
    state: RunState
    result: Any
    events: Sequence[Event]


async def dump_history(run: RunHandle[Any] | UUID | str, *, client: Continuum | None = None) -> str:
    """A run's journal as JSON text, to be kept beside the tests.

    Args:
        run: a handle, of a test's environment or of production, or an id.
        client: whose run it is; a handle knows it.

    Raises:
        RunNotFound.
        PayloadError: a payload is too large to be shown.

    Example:
        Path("order_approved.json").write_text(await dump_history(run))
    """
    if isinstance(run, RunHandle):
        client, run_id = client or run._client, run.id
    else:
        run_id = run
    if client is None:
        raise ConfigurationError("dump_history of a run id needs client=")
    found = await client.get_run(run_id)
    depth = await _depth_of(found, client)
    events: list[HistoryEvent] = []
    while page := await client.history(run_id, after=len(events), limit=_PAGE, operators=False):
        events += page
    return json.dumps(_plain(found, depth, events), indent=1, ensure_ascii=False) + "\n"


def assert_replays(flow: Workflow[..., Any], history: str | bytes | Path) -> None:
    """Replay a recorded history: whole, and from every point at which a worker may have died.

    Whoever changes a workflow in a way that would strand runs in production sees it here.

    Args:
        flow: the workflow as it is now.
        history: text of `dump_history`, or the file that holds it.

    Raises:
        HistoryDrift: the first command that differs, both sides; or another end or result.

    Example:
        assert_replays(order_flow, Path(__file__).parent / "order_approved.json")
    """
    text = history.read_bytes() if isinstance(history, Path) else history
    replay_everywhere(flow, parse_history(text))


def replay_everywhere(flow: Workflow[..., Any], history: History) -> None:
    """`assert_replays` for a history in memory."""
    if flow.name != history.workflow:
        raise HistoryDrift(f"this is a history of {history.workflow}, not of {flow.name}")
    events = _without_forced_end(history.events)
    cuts = [n for n, event in enumerate(events) if event.kind in STIMULI][1:]
    for cut in cuts:
        _replay(flow, history, events[:cut])
    execution = _replay(flow, history, events)
    if not events or events[-1].kind not in ENDS:
        return
    end = execution.end
    if end is None:
        raise HistoryDrift(f"{flow.name}: the history ends {history.state}, the code goes on")
    result = None if end.result is None else msgspec.json.decode(end.result)
    if (end.state, result) != (history.state, history.result):
        raise HistoryDrift(
            f"{flow.name}: the history ends {history.state} with {history.result!r}, "
            f"the code {end.state} with {result!r}"
        )


def parse_history(text: str | bytes) -> History:
    """The text of `dump_history` as data.

    Raises:
        ConfigurationError: it is something else, or of a newer release.
    """
    recorded: Any = json.loads(text)
    if not isinstance(recorded, dict) or recorded.get("format") != FORMAT:  # pyright: ignore[reportUnknownMemberType]
        raise ConfigurationError(f"not a history in format {FORMAT}")
    recorded = cast("dict[str, Any]", recorded)
    run_id, incarnation = UUID(recorded["run_id"]), recorded["incarnation"]
    return History(
        workflow=recorded["workflow"],
        run_id=run_id,
        namespace=recorded["namespace"],
        input=recorded["input"],
        started_at=datetime.fromisoformat(recorded["started_at"]),
        parent_id=None if recorded["parent_id"] is None else UUID(recorded["parent_id"]),
        depth=recorded.get("depth", 0),
        incarnation=incarnation,
        state=RunState(recorded["state"]),
        result=recorded["result"],
        events=[
            Event(
                run_id, event["seq"], event["incarnation"], EventKind(event["type"]),
                event["command"], msgspec.json.encode(event["data"]),
                datetime.fromisoformat(event["at"]),
            )
            for event in recorded["events"]
            if event["incarnation"] == incarnation
        ],
    )  # fmt: skip


async def _depth_of(run: Run, client: Continuum) -> int:
    """How many runs are above it, as far as they still exist."""
    depth = 0
    while run.parent_id is not None:
        depth += 1
        try:
            run = await client.get_run(run.parent_id)
        except RunNotFound:  # pruned
            break
    return depth


def _plain(run: Run, depth: int, events: Sequence[HistoryEvent]) -> dict[str, Any]:
    values = [run.stored_input, *(event.stored_data for event in events)]
    if run.stored_output is not None:
        values.append(run.stored_output)
    if any(value.data is None for value in values):
        raise PayloadError(f"run {run.id} has a payload that is too large for a history file")
    return {
        "format": FORMAT,
        "workflow": run.workflow,
        "run_id": str(run.id),
        "namespace": run.namespace,
        "started_at": run.started_at.isoformat(),
        "parent_id": None if run.parent_id is None else str(run.parent_id),
        "depth": depth,
        "incarnation": run.incarnation,
        "input": run.input,
        "state": run.state.value,
        "result": run.output,
        "events": [
            {
                "seq": event.seq,
                "incarnation": event.incarnation,
                "type": event.type,
                "command": event.command,
                "at": event.at.isoformat(),
                "data": event.data,
            }
            for event in events
        ],
    }


def _replay(flow: Workflow[..., Any], history: History, events: Sequence[Event]) -> Execution:
    identity = RunIdentity(
        history.run_id, history.namespace, flow, history.incarnation,
        msgspec.json.encode(history.input), history.started_at, history.parent_id,
        history.depth,
    )  # fmt: skip
    execution = Execution(identity)
    try:
        execution.replay(events)
        if execution.drift is not None:
            raise HistoryDrift(f"{flow.name}: {execution.drift.message}")
    finally:
        execution.drop()
    return execution


def _without_forced_end(events: Sequence[Event]) -> Sequence[Event]:
    """A forced cancel is the store's doing; the code never saw it."""
    if events and events[-1].kind is EventKind.RUN_CANCELLED:
        body: RunCancelled = events[-1].body()
        if body.forced:
            return events[:-1]
    return events
