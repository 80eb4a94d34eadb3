"""Starting, posting and ending by force (`ClientStore`)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from continuum.journal.events import Entry, EventKind, RunCancelled
from continuum.journal.trace import CONTEXT, encode_context
from continuum.journal.turn import NewRun, RunEnd, RunState
from continuum.operators.acts import Act
from continuum.store.family import news_of_end
from continuum.store.mail import posted_as
from continuum.store.memory.recording import check, record, write
from continuum.store.memory.tables import RunRow, Tables
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
        for message in messages:  # all of them or none, as in one transaction
            if message.run_id in self._tables.leases:
                check(self._tables, message.act, run_id=message.run_id)
        outcomes = [self._post(message) for message in messages]
        self._tables.changed()
        return outcomes

    def force_cancel(
        self, run_id: UUID, reason: str | None, namespace: str | None, act: Act | None = None
    ) -> PostOutcome:
        """See `ClientStore.force_cancel`."""
        row = self._tables.runs.get(run_id)
        if row is None or namespace not in (None, row.namespace):
            return _NOWHERE
        before = row.state
        lease = self._tables.leases.get(run_id)
        touched: list[UUID] = []
        if lease is not None:
            record(self._tables, act, "cancelled", run_id=run_id, force=True)
            for message in news_of_end(run_id, reason, self._relatives(row)):
                self._tables.deliver(message)
                touched.append(message.run_id)
            now = self._tables.clock.now()
            body = RunCancelled(reason=reason, forced=True)
            entry = Entry(EventKind.RUN_CANCELLED, None, body, now)
            self._tables.journal(row, lease.next_seq, row.incarnation, [entry])
            self._tables.finish(row, RunEnd(RunState.CANCELLED))
            row.error_message = reason
            self._tables.changed()
        return PostOutcome(state=before, posted=None, touched=touched)

    def _relatives(self, row: RunRow) -> list[tuple[UUID, str]]:
        """The living parent, and living children that end with their parent."""
        leases = self._tables.leases
        parent = row.parent_id
        found = [(parent, "child_result")] if parent is not None and parent in leases else []
        for run_id in leases:
            other = self._tables.runs[run_id]
            if other.parent_id == row.run_id and other.parent_close == "cancel":
                found.append((run_id, "cancel"))
        return found

    def _insert(self, new: NewRun) -> NewRun | None:
        existing = self._tables.find_start(new)
        if existing is not None:
            return self._as_new(existing, new)
        self._tables.insert_free(new)
        if new.trace is not None:
            message = NewMessage(new.run_id, CONTEXT, "", encode_context(new.trace))
            self._tables.deliver(message)
        return None

    def _as_new(self, row: RunRow, asked: NewRun) -> NewRun:
        # The input of a later incarnation says nothing about the start that made the run.
        first = row.incarnation == 1
        return NewRun(
            row.run_id,
            row.namespace,
            row.workflow,
            self._tables.codec.open(row.input) if first else asked.input,
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
                self._record(message, repeated=True)
                return PostOutcome(state=row.state, posted=None, duplicate=True)
            row.deliveries.add(key)
        self._record(message, repeated=False)
        return PostOutcome(row.state, self._tables.deliver(message))

    def _record(self, message: NewMessage, *, repeated: bool) -> None:
        done, detail = posted_as(message, repeated=repeated)
        write(self._tables, message.act, done, run_id=message.run_id, **detail)
