"""Starts with a key, a time, a timeout or a first signal (`StartStore`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta

from continuum.journal.trace import CONTEXT, encode_context
from continuum.model import RunState
from continuum.store.mail import NewMessage, posted_as
from continuum.store.memory.mail import MemoryMail
from continuum.store.memory.recording import check, write
from continuum.store.memory.tables import LeaseRow, RunRow, Tables
from continuum.store.starts import StartOrder, StartOutcome


class MemoryOrders:
    """Carries out starts."""

    def __init__(self, tables: Tables, mail: MemoryMail) -> None:
        self._tables = tables
        self._mail = mail

    async def start_orders(self, orders: Sequence[StartOrder]) -> list[StartOutcome]:
        """See `StartStore`."""
        self._check(orders)
        outcomes = [self._start(order) for order in orders]
        self._tables.changed()
        return outcomes

    def _check(self, orders: Sequence[StartOrder]) -> None:
        """Refuse all of them before anything is written, as one transaction would."""
        started: set[tuple[str, str, str | None]] = set()
        for order in orders:
            run = order.run
            key, signal = (run.namespace, run.workflow, run.key), order.signal
            met = None if signal is None else self._holder(order)
            if signal is not None and (
                key in started or (met is not None and not met.state.terminal)
            ):
                check(self._tables, signal.act, namespace=run.namespace)
            started.add(key)

    def _start(self, order: StartOrder) -> StartOutcome:
        run = order.run
        existing = self._tables.find_start(run)
        if existing is not None and (run.idempotency_key is not None or run.key is None):
            return StartOutcome(self._mail.as_new(existing, run))
        met = None if run.key is None else self._holder(order)
        if met is not None:
            signalled = self._signalled(met, order)
            if not met.state.terminal or signalled or not order.reuse.allows(met.state):
                refused = met.state.terminal and not signalled
                outcome = StartOutcome(self._mail.as_new(met, run), met.state, True, refused)
                return outcome if met.state.terminal else self._signal(met, order, outcome)
        if existing is not None:
            return StartOutcome(self._mail.as_new(existing, run))
        return self._signal(self._insert(order), order, StartOutcome())

    def _holder(self, order: StartOrder) -> RunRow | None:
        run = order.run
        rows = [
            row
            for row in self._tables.runs.values()
            if (row.namespace, row.workflow, row.key) == (run.namespace, run.workflow, run.key)
        ]
        return next(iter(self._tables.newest_of_keys(rows)), None)

    @staticmethod
    def _signalled(row: RunRow, order: StartOrder) -> bool:
        signal = order.signal
        return signal is not None and (signal.name, signal.delivery_id) in row.deliveries

    def _insert(self, order: StartOrder) -> RunRow:
        run, now = order.run, self._tables.clock.now()
        begins = order.start_at or now + timedelta(seconds=order.delay or 0)
        waits = begins > now
        row = self._tables.insert_run(run, max(begins, now))
        self._tables.clock.tick()
        lease = LeaseRow(run.run_id, run.unpinned.version_id, self._tables.next_token())
        self._tables.leases[run.run_id] = lease
        if order.timeout is not None:
            lease.timeout, lease.grace = order.timeout, order.grace
            lease.deadline = row.started_at + timedelta(seconds=order.timeout)
        if run.trace is not None:
            message = NewMessage(run.run_id, CONTEXT, "", encode_context(run.trace))
            self._tables.deliver(message)
        if waits:
            row.state = RunState.SUSPENDED
            lease.ready, lease.wake_at, lease.starts_at = False, begins, begins
            lease.waiting_on = f"start at {begins.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return row

    def _signal(self, row: RunRow, order: StartOrder, outcome: StartOutcome) -> StartOutcome:
        signal = order.signal
        if signal is None:
            return outcome
        repeated, message = self._signalled(row, order), signal.message_to(row.run_id)
        if outcome.live is not None:
            done, detail = posted_as(message, repeated=repeated)
            write(self._tables, signal.act, done, run_id=row.run_id, **detail)
        if repeated:
            return outcome
        if signal.delivery_id is not None:
            row.deliveries.add((signal.name, signal.delivery_id))
        return replace(outcome, posted=self._tables.deliver(message))
