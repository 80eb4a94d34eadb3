"""What the sample world answers about one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from console.run_source import CHILDREN, ChildPage, Span
from continuum.client.chains import Chain
from continuum.client.expecting import ExpectedPayload
from continuum.errors import RunNotFound
from continuum.model import HistoryEvent, QueueLoad, Run, RunState, StoredValue, WaitNode


@dataclass(slots=True)
class SampleReads:
    """`RunReads` over runs in memory.

    Args:
        runs: all there are, in any order.
        journal: of a run.
        signals: what the code of each run waits for.
    """

    runs: Callable[[], Sequence[Run]]
    journal: Callable[[Run], Sequence[HistoryEvent]]
    signals: Mapping[str, ExpectedPayload | None] = field(
        default_factory=dict[str, ExpectedPayload | None]
    )

    def _run(self, run_id: UUID) -> Run:
        found = self._found(run_id)
        if found is None:
            raise RunNotFound(run_id)
        return found

    def _found(self, run_id: UUID) -> Run | None:
        return next((run for run in self.runs() if run.id == run_id), None)

    async def events(self, run_id: UUID, span: Span) -> Sequence[HistoryEvent]:
        """A part of the journal."""
        events = self.journal(self._run(run_id))
        before = len(events) + 1 if span.before is None else span.before
        found = [event for event in events if span.after < event.seq < before]
        found = found[-span.limit :] if span.newest else found[: span.limit]
        return [_cut(event, span.max_payload) for event in found]

    async def whole(self, run_id: UUID) -> Run:
        """The run."""
        return self._run(run_id)

    async def published(self, run_id: UUID) -> Mapping[str, Any]:
        """The last value of each name in its journal."""
        found: dict[str, Any] = {}
        for event in self.journal(self._run(run_id)):
            if event.type == "value_published":
                found[event.data["name"]] = event.data["value"]
        return found

    async def children(self, run_id: UUID, *, failed: bool, cursor: str | None) -> ChildPage:
        """A page of its children."""
        found = [
            run
            for run in sorted(self.runs(), key=lambda run: (run.started_at, run.id))
            if run.parent_id == run_id and (run.state is RunState.FAILED or not failed)
        ]
        start = int(cursor or 0)
        end = start + CHILDREN
        return ChildPage(tuple(found[start:end]), str(end) if end < len(found) else None)

    async def child_counts(self, run_id: UUID) -> Mapping[str, int]:
        """By state."""
        return Counter(run.state.value for run in self.runs() if run.parent_id == run_id)

    async def wait_chain(self, run_id: UUID) -> WaitNode:
        """Every worker of the sample world can run everything; its queues are empty."""

        async def get(child: UUID) -> Run | None:
            return self._found(child)

        async def stuck(_: list[UUID]) -> set[UUID]:
            return set()

        async def queues() -> Mapping[str, QueueLoad]:
            return {}

        return await Chain(get, stuck, queues).of(self._run(run_id))

    async def partner(self, run: Run) -> Run | None:
        """The latest that completed."""
        found = [
            other
            for other in self.runs()
            if (other.workflow, other.version_hash) == (run.workflow, run.version_hash)
            and other.state is RunState.COMPLETED
            and other.id != run.id
        ]
        return max(found, key=lambda other: other.started_at, default=None)

    async def expected(self, run: Run) -> Mapping[str, ExpectedPayload | None]:
        """The same for every run."""
        return self.signals


def _cut(event: HistoryEvent, largest: int) -> HistoryEvent:
    stored = event.stored_data
    if stored.size <= largest:
        return event
    left = StoredValue(None, stored.size)
    return HistoryEvent(event.seq, event.incarnation, event.type, event.command, left, event.at)
