"""Starting, posting and ending by force (`ClientStore`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from msgspec.json import encode

from continuum.journal.ends import timed_out
from continuum.journal.trace import CONTEXT, encode_context
from continuum.journal.turn import NewRun, RunEnd, RunState
from continuum.operators.acts import Act
from continuum.store.family import cancelled_by_force, forced_entry, news_of_end
from continuum.store.mail import posted_as
from continuum.store.memory.recording import check, record, write
from continuum.store.memory.tables import RunRow, Tables
from continuum.store.protocol import NewMessage, PostOutcome
from continuum.store.starts import Overdue

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
        return self._end(row, cancelled_by_force(reason), act)

    async def end_overdue(self, limit: int) -> Overdue:
        """See `TimeoutStore`."""
        now = self._tables.clock.now()
        due = [
            lease
            for lease in list(self._tables.leases.values())
            if lease.deadline is not None and lease.deadline <= now
        ][:limit]
        asked: list[UUID] = []
        ended: list[UUID] = []
        touched: list[UUID] = []
        for lease in due:
            assert lease.deadline is not None
            assert lease.timeout is not None
            if lease.grace is not None:
                self._tables.deliver(NewMessage(lease.run_id, "timeout", "", encode(lease.timeout)))
                lease.deadline += timedelta(seconds=lease.grace)
                lease.grace = None
                asked.append(lease.run_id)
            else:
                end = RunEnd(RunState.FAILED, error=timed_out(lease.timeout, forced=True))
                touched += self._end(self._tables.runs[lease.run_id], end).touched
                ended.append(lease.run_id)
        if due:
            self._tables.changed()
        return Overdue(asked, ended, touched)

    def _end(self, row: RunRow, end: RunEnd, act: Act | None = None) -> PostOutcome:
        """End a run by force, whoever owns it."""
        before = row.state
        lease = self._tables.leases.get(row.run_id)
        touched: list[UUID] = []
        if lease is not None:
            record(self._tables, act, "cancelled", run_id=row.run_id, force=True)
            for message in news_of_end(row.run_id, end, self._relatives(row)):
                self._tables.deliver(message)
                touched.append(message.run_id)
            entry = forced_entry(end, self._tables.clock.now())
            self._tables.journal(row, lease.next_seq, row.incarnation, [entry])
            self._tables.finish(row, end)
            if end.state is RunState.CANCELLED:
                row.error_type = None
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
            return self.as_new(existing, new)
        self._tables.insert_free(new)
        if new.trace is not None:
            message = NewMessage(new.run_id, CONTEXT, "", encode_context(new.trace))
            self._tables.deliver(message)
        return None

    def as_new(self, row: RunRow, asked: NewRun) -> NewRun:
        """The start that made a run, as somebody who asked for a similar one hears of it."""
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
            key=row.key,
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
