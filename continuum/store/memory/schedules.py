"""Schedules in memory (`ScheduleStore`): the same decisions, on a clock that can be set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from typing import Final
from uuid import UUID

from continuum.journal.turn import NewRun
from continuum.operators.acts import Act
from continuum.schedules.deciding import DueSchedule, LastRun, Outcome, Progress, decide
from continuum.schedules.model import NewSchedule, Schedule, ScheduleFiring, input_of
from continuum.store.memory.mail import MemoryMail
from continuum.store.memory.recording import check, record
from continuum.store.memory.tables import Tables
from continuum.store.protocol import NewMessage
from continuum.store.schedules import KEPT_FIRINGS, MAKE_ROOM, Fired
from continuum.system import new_run_id

_due_at: Final = attrgetter("due_at")


@dataclass(slots=True)
class _Row:
    made: NewSchedule
    created_at: datetime
    updated_at: datetime
    progress: Progress
    look_at: datetime | None
    paused: bool
    note: str | None
    last_run_id: UUID | None = None
    last_fired_at: datetime | None = None
    firings: list[ScheduleFiring] = field(default_factory=list[ScheduleFiring])


class MemorySchedules:
    """Schedules as rows of one process."""

    def __init__(self, tables: Tables, mail: MemoryMail) -> None:
        self._tables = tables
        self._mail = mail
        self._rows: dict[tuple[str, str], _Row] = {}

    def last_runs(self) -> set[UUID]:
        """The run that each of them started last."""
        return {row.last_run_id for row in self._rows.values() if row.last_run_id is not None}

    def next_look(self) -> datetime | None:
        """When the next one is due."""
        moments = [row.look_at for row in self._rows.values() if row.look_at is not None]
        return min(moments, default=None)

    async def put(
        self, schedule: NewSchedule, *, replace: bool, act: Act | None = None
    ) -> Schedule | None:
        """See `ScheduleStore.put`."""
        key = schedule.namespace, schedule.name
        old, now = self._rows.get(key), self._tables.clock.now()
        if old is not None and not replace:
            return None
        self._record(act, "created", key)
        due, look = self._first(schedule)
        row = _Row(
            schedule, now, now, Progress(due), None if schedule.paused else look,
            schedule.paused, schedule.note,
        )  # fmt: skip
        if old is not None:
            row.created_at, row.firings = old.created_at, old.firings
            row.last_run_id, row.last_fired_at = old.last_run_id, old.last_fired_at
            row.progress = _resumed(old.progress, due, keep=True)
        self._rows[key] = row
        self._tables.changed()
        return self._snapshot(row)

    async def get(self, namespace: str, name: str) -> Schedule | None:
        """See `ScheduleStore.get`."""
        row = self._rows.get((namespace, name))
        return row and self._snapshot(row)

    async def list(self, namespace: str | None) -> Sequence[Schedule]:
        """See `ScheduleStore.list`."""
        found = sorted(key for key in self._rows if namespace in (None, key[0]))
        return [self._snapshot(self._rows[key]) for key in found]

    async def pause(
        self, namespace: str, name: str, note: str | None, act: Act | None = None
    ) -> Schedule | None:
        """See `ScheduleStore.pause`."""
        row = self._rows.get((namespace, name))
        if row is None:
            return None
        self._record(act, "paused", (namespace, name))
        row.paused, row.note, row.look_at = True, note, None
        row.progress = _resumed(row.progress, None, keep=True)
        return self._touched(row)

    async def resume(
        self, namespace: str, name: str, note: str | None, act: Act | None = None
    ) -> Schedule | None:
        """See `ScheduleStore.resume`."""
        row = self._rows.get((namespace, name))
        if row is None:
            return None
        self._record(act, "resumed", (namespace, name))
        due, look = row.progress.due_at, row.look_at
        if row.paused:
            due, look = self._first(row.made)
        row.paused, row.note, row.look_at = False, note, look
        row.progress = _resumed(row.progress, due, keep=False)
        return self._touched(row)

    async def trigger(self, namespace: str, name: str, act: Act | None = None) -> UUID | None:
        """See `ScheduleStore.trigger`."""
        row = self._rows.get((namespace, name))
        if row is None:
            return None
        check(self._tables, act, namespace=namespace)
        now = self._tables.clock.now()
        run_id = self._start(row, now, Outcome.TRIGGERED)
        self._record(act, "started", (namespace, name), run_id)
        row.progress = replace(row.progress, judged=False)
        self._tables.changed()
        return run_id

    async def delete(self, namespace: str, name: str, act: Act | None = None) -> bool:
        """See `ScheduleStore.delete`."""
        if (namespace, name) not in self._rows:
            return False
        self._record(act, "deleted", (namespace, name))
        del self._rows[namespace, name]
        return True

    async def firings(self, namespace: str, name: str, limit: int) -> Sequence[ScheduleFiring]:
        """See `ScheduleStore.firings`."""
        row = self._rows.get((namespace, name))
        if row is None:
            return []
        newest = sorted(row.firings, key=_due_at, reverse=True)[:limit]
        runs = self._tables.runs
        return [
            each if each.run_id is None else replace(each, state=runs[each.run_id].state)
            for each in newest
        ]

    async def fire_due(self, limit: int) -> Fired:
        """See `ScheduleStore.fire_due`."""
        now = self._tables.clock.now()
        due = [row for row in self._rows.values() if row.look_at is not None and row.look_at <= now]
        started: list[UUID] = []
        cancelled: list[UUID] = []
        for row in due[:limit]:
            decision = decide(self._due(row), now)
            row.progress, row.look_at = decision.progress, decision.look_at
            for firing in decision.firings:
                if firing.outcome is Outcome.STARTED:
                    started.append(self._start(row, firing.due_at, firing.outcome))
                else:
                    row.firings.append(
                        ScheduleFiring(firing.due_at, now, firing.outcome, None, None)
                    )
            row.firings = sorted(row.firings, key=_due_at)[-KEPT_FIRINGS:]
            if decision.cancel is not None:
                cancelled.append(decision.cancel)
        self._mail.post([NewMessage(run_id, "cancel", "", MAKE_ROOM) for run_id in cancelled])
        if due:
            self._tables.changed()
        return Fired(len(due[:limit]), started, cancelled, now, self.next_look())

    def _start(self, row: _Row, due: datetime, outcome: Outcome) -> UUID:
        made = row.made
        run_id = new_run_id()
        arguments = input_of(made.input, made.time_arguments, due)
        self._mail.insert_runs(
            [NewRun(run_id, made.namespace, made.workflow, arguments, dict(made.attributes))]
        )
        now = self._tables.clock.now()
        row.firings.append(ScheduleFiring(due, now, outcome, run_id, None))
        row.last_run_id, row.last_fired_at = run_id, due
        return run_id

    def _due(self, row: _Row) -> DueSchedule:
        made, last = row.made, None
        if row.last_run_id is not None:
            run = self._tables.runs[row.last_run_id]
            lease = self._tables.leases.get(run.run_id)
            cancelling = lease is not None and lease.cancel_requested_at is not None
            last = LastRun(run.run_id, run.state, cancelling, run.completed_at, run.error_message)
        return DueSchedule(
            made.namespace, made.name, made.times, made.overlap, made.catch_up, made.back_off,
            row.progress, last,
        )  # fmt: skip

    def _first(self, made: NewSchedule) -> tuple[datetime | None, datetime | None]:
        due = made.times.after(self._tables.clock.now())
        if due is None:
            return None, None
        return due, made.times.start_of(due, made.namespace, made.name)

    def _record(
        self, act: Act | None, outcome: str, key: tuple[str, str], run_id: UUID | None = None
    ) -> None:
        namespace, name = key
        record(self._tables, act, outcome, run_id=run_id, namespace=namespace, schedule=name)

    def _touched(self, row: _Row) -> Schedule:
        row.updated_at = self._tables.clock.now()
        self._tables.changed()
        return self._snapshot(row)

    def _snapshot(self, row: _Row) -> Schedule:
        made, progress = row.made, row.progress
        return Schedule(
            made.namespace, made.name, made.workflow, made.times, made.overlap, made.catch_up,
            made.back_off, dict(made.attributes), row.paused, row.note, row.look_at,
            progress.waiting_at, progress.failures, progress.resting_until, progress.last_error,
            row.last_run_id, row.last_fired_at, row.created_at, row.updated_at,
            self._tables.clock.now(),
        )  # fmt: skip


def _resumed(progress: Progress, due: datetime | None, *, keep: bool) -> Progress:
    """From another time on; failures are kept, or forgiven."""
    if keep:
        return replace(progress, due_at=due, waiting_at=None)
    return replace(progress, due_at=due, failures=0, resting_until=None)
