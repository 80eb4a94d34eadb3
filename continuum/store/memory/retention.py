"""Forgets what ended long ago (`RetentionStore`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from continuum.operators.acts import Act
from continuum.store.memory.plans import MemoryPlans
from continuum.store.memory.reads import MemoryReads
from continuum.store.memory.recording import record
from continuum.store.memory.schedules import MemorySchedules
from continuum.store.memory.tables import RunRow, Tables
from continuum.store.retention import (
    BATCH,
    NEW_INCARNATION,
    DroppedMonth,
    EndedRuns,
    ForgottenBatch,
    KeptFor,
    Place,
    PrunedBatch,
    PruneOrder,
    ResultKey,
)


class MemoryRetention:
    """Deletes rows of one process."""

    def __init__(
        self, tables: Tables, reads: MemoryReads, schedules: MemorySchedules, plans: MemoryPlans
    ) -> None:
        self._tables = tables
        self._reads = reads
        self._schedules = schedules
        self._plans = plans

    async def ended_runs(self, namespace: str | None) -> tuple[Sequence[EndedRuns], datetime]:
        """See `RetentionStore`."""
        found = Counter(
            (row.namespace, row.workflow)
            for row in self._tables.runs.values()
            if row.state.terminal and namespace in (None, row.namespace)
        )
        retentions = self._tables.retentions
        return [
            EndedRuns(*name, found[name], retentions.get(name[1])) for name in sorted(found)
        ], self._tables.clock.now()

    async def prune_runs(
        self, order: PruneOrder, after: Place | None, act: Act | None
    ) -> PrunedBatch:
        """See `RetentionStore`."""
        rows = sorted(
            (
                row
                for row in self._tables.runs.values()
                if (row.namespace, row.workflow) == (order.namespace, order.workflow)
                and row.started_at <= order.before
            ),
            key=lambda row: (row.started_at, row.run_id),
        )
        if after is not None:
            start = (after.started_at, after.run_id)
            rows = [row for row in rows if (row.started_at, row.run_id) > start]
        rows = rows[:BATCH]
        place = Place(rows[-1].started_at, rows[-1].run_id) if len(rows) == BATCH else None
        kept: Counter[KeptFor] = Counter()
        chosen: list[RunRow] = []
        for row in rows:
            if row.completed_at is None or row.completed_at > order.before:
                continue
            if not self._reads.matches(row, order.condition, order.before):
                continue
            reason = "retention" if row.completed_at > order.kept_from else self._needed(row)
            if reason is None:
                chosen.append(row)
            else:
                kept[reason] += 1
        events = sum(len(row.events) for row in chosen)
        size = sum(map(_size, chosen))
        if order.execute and chosen:
            record(
                self._tables, act, "began", namespace=order.namespace, workflow=order.workflow
            )  # fmt: skip
            for row in chosen:
                self._delete(row)
        return PrunedBatch(place, len(rows), len(chosen), events, size, kept)

    async def prune_results(
        self,
        namespace: str | None,
        before: datetime,
        after: ResultKey | None,
        *,
        execute: bool,
    ) -> ForgottenBatch[ResultKey]:
        """See `RetentionStore`."""
        waited_for = {key for key, _ in self._tables.waiters.values()}
        old = [
            key
            for key, row in self._tables.results.items()
            if namespace in (None, key[0])
            and row.at <= before
            and row.command[0] not in self._tables.runs
            and key not in waited_for
        ]
        if execute:
            for key in old:
                del self._tables.results[key]
        return ForgottenBatch(None, len(old))

    async def prune_deliveries(
        self, namespace: str | None, before: datetime, after: UUID | None, *, execute: bool
    ) -> ForgottenBatch[UUID]:
        """See `RetentionStore`."""
        count = 0
        for row in self._tables.runs.values():
            if namespace not in (None, row.namespace):
                continue
            if row.completed_at is None or row.completed_at > before:
                continue
            kept = {each for each in row.deliveries if not each[0]}
            count += len(row.deliveries) - len(kept)
            if execute:
                row.deliveries = kept
        return ForgottenBatch(None, count)

    async def note_pruned(self, act: Act, namespace: str | None, outcome: str) -> None:
        """See `RetentionStore`."""
        record(self._tables, act, outcome, namespace=namespace)

    @property
    def by_month(self) -> bool:
        """See `RetentionStore`."""
        return False

    async def make_months(self) -> Sequence[str]:
        """See `RetentionStore`."""
        return ()

    async def drop_months(self) -> Sequence[DroppedMonth]:
        """See `RetentionStore`."""
        return ()

    async def take_duty(self, name: str, every: float) -> bool:
        """See `RetentionStore`."""
        now, last = self._tables.clock.now(), self._tables.duties.get(name)
        if last is not None and last > now - timedelta(seconds=every):
            return False
        self._tables.duties[name] = now
        return True

    def _needed(self, row: RunRow) -> KeptFor | None:
        tables = self._tables
        live = [tables.runs[run_id] for run_id in tables.leases]
        if any(other.parent_id == row.run_id for other in live):
            return "live child"
        if row.parent_id in tables.leases and self._is_of_this_incarnation(row):
            return "live parent"
        if any(tables.origins.get(other.run_id) == row.run_id for other in live):
            return "live origin"
        if row.run_id in self._schedules.last_runs():
            return "schedule"
        return "plan" if self._plans.awaits(row.run_id) else None

    def _is_of_this_incarnation(self, row: RunRow) -> bool:
        assert row.parent_id is not None
        parent = self._tables.runs[row.parent_id]
        before = [e.at for e in parent.events if e.incarnation < parent.incarnation]
        return not before or row.started_at > before[-1] - NEW_INCARNATION

    def _delete(self, row: RunRow) -> None:
        del self._tables.runs[row.run_id]
        self._tables.origins.pop(row.run_id, None)
        if row.idempotency_key is not None:
            del self._tables.keys[row.namespace, row.workflow, row.idempotency_key]


def _size(row: RunRow) -> int:
    values = [row.input, row.result or b"", *(event.payload for event in row.events)]
    return sum(map(len, values))
