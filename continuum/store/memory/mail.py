"""Starting, posting and ending by force (`ClientStore`)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from continuum.journal.events import Entry, EventKind, RunCancelled
from continuum.journal.turn import NewRun, RunEnd, RunState
from continuum.store.memory.tables import LeaseRow, RunRow, Tables
from continuum.store.protocol import NewMessage, PostOutcome

_NOWHERE = PostOutcome(state=None, posted=None)


class MemoryMail:
    """What clients write."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def insert_runs(self, runs: Sequence[NewRun]) -> list[NewRun | None]:
        """See `ClientStore.insert_runs`."""
        answers = [self._insert(run) for run in runs]
        self._tables.changed()
        return answers

    def post(self, messages: Sequence[NewMessage]) -> list[PostOutcome]:
        """See `ClientStore.post`."""
        outcomes = [self._post(message) for message in messages]
        self._tables.changed()
        return outcomes

    def force_cancel(self, run_id: UUID, reason: str | None, namespace: str | None) -> PostOutcome:
        """See `ClientStore.force_cancel`."""
        row = self._tables.runs.get(run_id)
        if row is None or namespace not in (None, row.namespace):
            return _NOWHERE
        before = row.state
        lease = self._tables.leases.get(run_id)
        if lease is not None:
            now = self._tables.clock.now()
            body = RunCancelled(reason=reason, forced=True)
            entry = Entry(EventKind.RUN_CANCELLED, None, body, now)
            self._tables.journal(row, lease.next_seq, row.incarnation, [entry])
            self._tables.finish(row, RunEnd(RunState.CANCELLED))
            row.error_message = reason
            self._tables.changed()
        return PostOutcome(state=before, posted=None)

    def _insert(self, new: NewRun) -> NewRun | None:
        existing = self._tables.find_start(new)
        if existing is not None:
            return self._as_new(existing)
        self._tables.insert_run(new, self._tables.clock.now())
        self._tables.clock.tick()
        self._tables.leases[new.run_id] = LeaseRow(
            new.run_id, new.unpinned.version_id, self._tables.next_token()
        )
        return None

    def _as_new(self, row: RunRow) -> NewRun:
        return NewRun(
            row.run_id,
            row.namespace,
            row.workflow,
            self._tables.codec.open(row.input),
            dict(row.attributes),
            row.idempotency_key,
            row.parent_id,
        )

    def _post(self, message: NewMessage) -> PostOutcome:
        row = self._tables.runs.get(message.run_id)
        if row is None or message.namespace not in (None, row.namespace):
            return _NOWHERE
        lease = self._tables.leases.get(message.run_id)
        if lease is None:
            return PostOutcome(state=row.state, posted=None)
        if message.delivery_id is not None:
            key = (message.name, message.delivery_id)
            if key in row.deliveries:
                return PostOutcome(state=row.state, posted=None, duplicate=True)
            row.deliveries.add(key)
        return PostOutcome(row.state, self._tables.deliver(message))
