"""Replays a simulated run from every prefix of its journal and compares with what was live."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from continuum.engine.commands import CommandLog
from continuum.engine.execution import Execution
from continuum.engine.outcome import RunIdentity
from continuum.engine.picture import Picture
from continuum.journal.events import STIMULI, Event, EventKind
from continuum.journal.turn import Turn
from continuum.store.memory.tables import RunRow, Tables
from tests.simulation.interpreter import WORKFLOWS

FLOWS = {flow.name: flow for flow in WORKFLOWS}


class Album:
    """What each run looked like after each of its commits, while it was live."""

    def __init__(self) -> None:
        self._pictures: dict[tuple[UUID, int], Picture] = {}
        self.cuts: dict[UUID, set[int]] = {}

    def take(self, turn: Turn, execution: Execution) -> None:
        """A turn was committed; `execution` has not gone on since."""
        events = turn.next_seq + turn.appended - 1
        self.cuts.setdefault(turn.run_id, set()).add(events)
        if execution.ended_as is None:
            self._pictures[turn.run_id, events] = execution.picture

    def check(self, tables: Tables, first_input: bytes) -> int:
        """Replay every run of the store; answers how many replays that took."""
        inputs = {body.run_id: bytes(body.args) for body in _children(tables)}
        replays = 0
        for row in tables.runs.values():
            data = inputs.get(row.run_id, first_input)
            for incarnation in range(1, row.incarnation + 1):
                events = [e for e in row.events if e.incarnation == incarnation]
                replays += self._check_incarnation(row, incarnation, data, events)
                if events and events[-1].kind is EventKind.RUN_CONTINUED:
                    data = bytes(events[-1].body().args)
        return replays

    def _check_incarnation(
        self, row: RunRow, incarnation: int, data: bytes, events: Sequence[Event]
    ) -> int:
        identity = RunIdentity(
            row.run_id, row.namespace, FLOWS[row.workflow], incarnation, data,
            row.started_at, row.parent_id, row.depth,
        )  # fmt: skip
        cuts = {e.seq - 1 for e in events if e.kind in STIMULI} | self.cuts.get(row.run_id, set())
        prefixes = [n for n, e in enumerate(events, 1) if e.seq in cuts]
        for number in sorted({*prefixes, len(events)}):
            if number == 0:
                continue
            prefix = events[:number]
            if prefix[-1].kind is EventKind.RUN_CANCELLED and prefix[-1].body().forced:
                continue
            self._check_prefix(identity, prefix)
        return len(prefixes)

    def _check_prefix(self, identity: RunIdentity, prefix: Sequence[Event]) -> None:
        execution = Execution(identity)
        try:
            with strictly():
                execution.replay(prefix)
            where = f"run {identity.run_id} after event {prefix[-1].seq} ({prefix[-1].kind})"
            difference = execution.drift or execution.changed
            assert difference is None, f"{where}: {difference}"
            live = self._pictures.get((identity.run_id, prefix[-1].seq))
            if live is None:
                return
            replayed = execution.picture
            for what, value in live.items():
                again = replayed.get(what)
                assert again == value, f"{where}: {what} was {value}, replayed it is {again}"
        finally:
            execution.drop()


@contextmanager
def strictly() -> Generator[None]:
    """Inside, replay compares whole commands, not only what tells two of them apart."""
    lenient = CommandLog._match

    def match(log: CommandLog, kind: EventKind, body: Any) -> Any:
        event = log.unmatched()
        recorded = lenient(log, kind, body)
        if event is not None and recorded is not None and kind is not EventKind.SIDE_EFFECT:
            stored, issued = event.payload, msgspec.json.encode(body)
            assert issued == stored, f"command {log.count}: {issued!r}, in the journal {stored!r}"
        return recorded

    CommandLog._match = match  # type: ignore[method-assign]
    try:
        yield
    finally:
        CommandLog._match = lenient  # type: ignore[method-assign]


def _children(tables: Tables) -> list[Any]:
    return [
        event.body()
        for row in tables.runs.values()
        for event in row.events
        if event.kind is EventKind.CHILD_STARTED
    ]
