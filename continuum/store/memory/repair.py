"""Repairs of single runs (`RepairStore`)."""

from __future__ import annotations

from uuid import UUID

from continuum.errors import RunNotFound
from continuum.journal.events import Entry, Event, EventKind, RunForked
from continuum.journal.forking import CannotFork, cut_of, published_until
from continuum.journal.retrying import CannotRetry, plan_retry
from continuum.journal.turn import NewRun, RunState
from continuum.operators.acts import Act
from continuum.store.memory.mail import MemoryMail
from continuum.store.memory.questions import forget_lost_questions
from continuum.store.memory.recording import record
from continuum.store.memory.starts import MemoryOrders
from continuum.store.memory.tables import LeaseRow, RunRow, Tables
from continuum.store.protocol import NewMessage
from continuum.store.repair import (
    NOT_QUARANTINED,
    PARENT_LIVES,
    RETRY_KEYS,
    ForkOrder,
    ForkOutcome,
    RepairOutcome,
    RetryOrder,
    key_taken,
    not_failed,
    releasable,
)
from continuum.store.starts import StartOrder, StartOutcome
from continuum.system import new_run_id


class MemoryRepair:
    """Puts runs right."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._orders = MemoryOrders(tables, MemoryMail(tables))

    async def release_quarantined(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """See `RepairStore`."""
        row = self._tables.runs.get(run_id)
        if row is None or namespace not in (None, row.namespace):
            return RepairOutcome(None)
        lease = self._tables.leases.get(run_id)
        if (
            lease is None
            or lease.owner is not None
            or not releasable(lease.takeovers, lease.blocked_build)
        ):
            return RepairOutcome(row.state, NOT_QUARANTINED)
        record(self._tables, act, "released", run_id=run_id)
        lease.takeovers, lease.ready, lease.token = 0, True, self._tables.next_token()
        self._tables.changed()
        return RepairOutcome(row.state)

    async def ended_start(self, run_id: UUID, namespace: str | None) -> NewRun | RunState | None:
        """See `RepairStore`."""
        row = self._tables.runs.get(run_id)
        if row is None or namespace not in (None, row.namespace):
            return None
        if not row.state.terminal:
            return row.state
        data = self._tables.codec.open(row.input)
        return NewRun(
            new_run_id(), row.namespace, row.workflow, data, dict(row.attributes), key=row.key
        )

    async def restart(
        self, run_id: UUID, again: StartOrder, act: Act | None = None
    ) -> StartOutcome:
        """See `RepairStore`."""
        known = self._tables.find_start(again.run)
        row = self._tables.runs.get(run_id)
        if row is None:
            raise RunNotFound(run_id)
        if known is not None or again.run.key is None or self._holder(row) is None:
            new_id = again.run.run_id if known is None else known.run_id
            told = "restarted" if known is None else "repeated"
            record(self._tables, act, told, run_id=run_id, new_run_id=str(new_id))
        [outcome] = await self._orders.start_orders([again])
        if outcome.existing is None:
            self._tables.origins[again.run.run_id] = run_id
        return outcome

    async def retry(self, run_id: UUID, order: RetryOrder, act: Act | None = None) -> RepairOutcome:
        """See `RepairStore`."""
        row = self._tables.runs.get(run_id)
        if row is None or order.namespace not in (None, row.namespace):
            return RepairOutcome(None)
        key = (RETRY_KEYS, order.once or "")
        if order.once is not None and key in row.deliveries:
            record(self._tables, act, "repeated", run_id=run_id)
            return RepairOutcome(row.state, repeated=True)
        if row.state is not RunState.FAILED:
            return RepairOutcome(row.state, not_failed(row.state))
        if row.parent_id in self._tables.leases:
            return RepairOutcome(row.state, PARENT_LIVES)
        holder = self._holder(row)
        if holder is not None:
            return RepairOutcome(row.state, key_taken(holder))
        events = self._journal(row)
        try:
            plan = plan_retry(events, order.reason, force=order.force)
        except CannotRetry as refusal:
            return RepairOutcome(row.state, str(refusal))
        record(self._tables, act, "retried", run_id=run_id, force=order.force)
        if order.once is not None:
            row.deliveries.add(key)
        at = max(self._tables.clock.now(), events[-1].at)
        entry = Entry(EventKind.RUN_RETRIED, None, plan.body, at)
        self._tables.journal(row, len(row.events) + 1, row.incarnation, [entry])
        self._revive(row)
        forget_lost_questions(row, plan.questions)
        for kind, name, value in plan.mail:
            self._tables.deliver(NewMessage(run_id, kind, name, value))
        self._tables.changed()
        return RepairOutcome(RunState.FAILED)

    async def fork(self, run_id: UUID, order: ForkOrder, act: Act | None = None) -> ForkOutcome:
        """See `RepairStore`."""
        row = self._tables.runs.get(run_id)
        if row is None or order.namespace not in (None, row.namespace):
            return ForkOutcome(None)
        before = self._tables.keys.get((row.namespace, row.workflow, order.once_key))
        if before is not None:
            record(self._tables, act, "repeated", run_id=run_id, new_run_id=str(before))
            return ForkOutcome(row.state, before, repeated=True)
        events = self._journal(row)
        try:
            cut = cut_of(events, order.at)
        except CannotFork as refusal:
            return ForkOutcome(row.state, refusal=str(refusal))
        record(
            self._tables, act, "forked", run_id=run_id, new_run_id=str(order.new_id), at=order.at
        )
        attributes = {**row.attributes, **order.attributes(run_id)}
        data = self._tables.codec.open(row.input)
        new = NewRun(order.new_id, row.namespace, row.workflow, data, attributes, order.once_key)
        made = self._tables.insert_run(new, row.started_at)
        made.incarnation = row.incarnation
        made.published = {
            name: known for name, known in row.published.items() if known[0] < row.incarnation
        }
        for name, value in published_until(events, cut).items():
            made.published[name] = (row.incarnation, self._tables.codec.seal(value))
        if not order.latest:
            made.bind(row.pin)
        made.events = [
            Event(new.run_id, e.seq, e.incarnation, e.kind, e.command, e.payload, e.at)
            for e in row.events[:cut]
        ]
        body = RunForked(run_id, order.new_id)
        entry = Entry(EventKind.RUN_FORKED, None, body, made.events[-1].at)
        self._tables.journal(made, cut + 1, made.incarnation, [entry])
        version_id = made.pin.version_id
        lease = LeaseRow(new.run_id, version_id, self._tables.next_token(), next_seq=cut + 2)
        self._tables.leases[new.run_id] = lease
        self._tables.origins[new.run_id] = run_id
        self._tables.changed()
        return ForkOutcome(row.state, new.run_id)

    def _journal(self, row: RunRow) -> list[Event]:
        """The events of its incarnation, opened."""
        opened = self._tables.codec.open
        return [
            Event(e.run_id, e.seq, e.incarnation, e.kind, e.command, opened(e.payload), e.at)
            for e in row.events
            if e.incarnation == row.incarnation
        ]

    def _holder(self, row: RunRow) -> UUID | None:
        """The live run that has its key."""
        name = (row.namespace, row.workflow, row.key)
        for run_id in self._tables.leases if row.key is not None else ():
            other = self._tables.runs[run_id]
            if (other.namespace, other.workflow, other.key) == name:
                return run_id
        return None

    def _revive(self, row: RunRow) -> None:
        row.state, row.completed_at, row.result = RunState.RUNNING, None, None
        row.error_type = row.error_message = row.error_details = None
        row.updated_at = self._tables.clock.now()
        lease = LeaseRow(row.run_id, row.pin.version_id, self._tables.next_token())
        lease.next_seq = len(row.events) + 1
        self._tables.leases[row.run_id] = lease
