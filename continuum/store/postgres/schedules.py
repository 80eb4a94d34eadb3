"""Schedules in PostgreSQL (`ScheduleStore`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from continuum.codec.hooks import PayloadCodec
from continuum.journal.turn import NewRun, RunState
from continuum.operators.acts import Act
from continuum.schedules.deciding import (
    Decision,
    DueSchedule,
    LastRun,
    Outcome,
    Overlap,
    Progress,
    decide,
)
from continuum.schedules.model import NewSchedule, Schedule, ScheduleFiring, input_of
from continuum.schedules.times import ScheduleTimes
from continuum.store.postgres.arrays import texts
from continuum.store.postgres.inbox import PostgresInbox
from continuum.store.postgres.recording import record
from continuum.store.postgres.session import Row, Session, Sessions
from continuum.store.postgres.starts import inserting
from continuum.store.postgres.statements import statements
from continuum.store.protocol import NewMessage
from continuum.store.schedules import KEPT_FIRINGS, MAKE_ROOM, Fired
from continuum.system import new_run_id

_SQL: Final = statements("schedules")


class PostgresSchedules:
    """Rows of `continuum_schedules`, decided under their locks."""

    def __init__(self, sessions: Sessions, inbox: PostgresInbox, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._inbox = inbox
        self._codec = codec

    async def put(
        self, schedule: NewSchedule, *, replace: bool, act: Act | None = None
    ) -> Schedule | None:
        """See `ScheduleStore.put`."""
        times = schedule.times
        async with self._sessions.transaction() as session:
            [(now,)] = await session.rows(_SQL["clock"])
            due, look = _first(times, now, schedule.namespace, schedule.name)
            stored = await session.rows(
                _SQL["put"],
                [
                    schedule.namespace, schedule.name, schedule.workflow,
                    self._codec.seal(schedule.input), list(schedule.time_arguments),
                    msgspec.json.encode(dict(schedule.attributes)).decode(),
                    times.cron, times.every, times.offset, times.zone, times.jitter,
                    times.starts_at, times.ends_at, str(schedule.overlap),
                    schedule.catch_up.total_seconds(), schedule.back_off, schedule.paused,
                    schedule.note, due, replace, look,
                ],
            )  # fmt: skip
            if not stored:
                return None
            await _record(session, act, "created", schedule.namespace, schedule.name)
            return await _read(session, schedule.namespace, schedule.name)

    async def get(self, namespace: str, name: str) -> Schedule | None:
        """See `ScheduleStore.get`."""
        async with self._sessions.autocommit() as session:
            return await _read(session, namespace, name)

    async def list(self, namespace: str | None) -> Sequence[Schedule]:
        """See `ScheduleStore.list`."""
        async with self._sessions.autocommit() as session:
            return [_schedule(row) for row in await session.rows(_SQL["read"], [namespace, None])]

    async def pause(
        self, namespace: str, name: str, note: str | None, act: Act | None = None
    ) -> Schedule | None:
        """See `ScheduleStore.pause`."""
        async with self._sessions.transaction() as session:
            if not await session.rows(_SQL["pause"], [namespace, name, note]):
                return None
            await _record(session, act, "paused", namespace, name)
            return await _read(session, namespace, name)

    async def resume(
        self, namespace: str, name: str, note: str | None, act: Act | None = None
    ) -> Schedule | None:
        """See `ScheduleStore.resume`."""
        async with self._sessions.transaction() as session:
            if not await session.rows(_SQL["lock"], [namespace, name]):
                return None
            found = await _read(session, namespace, name)
            assert found is not None
            due, look = _first(found.times, found.read_at, namespace, name)
            await session.rows(_SQL["resume"], [namespace, name, note, due, look])
            await _record(session, act, "resumed", namespace, name)
            return await _read(session, namespace, name)

    async def trigger(self, namespace: str, name: str, act: Act | None = None) -> UUID | None:
        """See `ScheduleStore.trigger`."""
        async with self._sessions.transaction() as session:
            if not await session.rows(_SQL["lock"], [namespace, name]):
                return None
            [row] = await session.rows(_SQL["read_one"], [namespace, name])
            [(now,)] = await session.rows(_SQL["clock"])
            run = self._run(namespace, row, now)
            await _record(session, act, "started", namespace, name, run.run_id)
            await session.carry_out(inserting([run], self._codec, notify=False))
            await session.run(_SQL["triggered"], [namespace, name, run.run_id, now])
            record = [_firing(namespace, name, now, Outcome.TRIGGERED, run.run_id)]
            await session.run(_SQL["record"], [msgspec.json.encode(record).decode()])
        return run.run_id

    async def delete(self, namespace: str, name: str, act: Act | None = None) -> bool:
        """See `ScheduleStore.delete`."""
        async with self._sessions.transaction() as session:
            deleted = bool(await session.rows(_SQL["delete"], [namespace, name]))
            if deleted:
                await _record(session, act, "deleted", namespace, name)
        return deleted

    async def firings(self, namespace: str, name: str, limit: int) -> Sequence[ScheduleFiring]:
        """See `ScheduleStore.firings`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["firings"], [namespace, name, limit])
        return [
            ScheduleFiring(due, fired, Outcome(outcome), run_id, state and RunState(state))
            for due, fired, outcome, run_id, state in rows
        ]

    async def fire_due(self, limit: int) -> Fired:
        """See `ScheduleStore.fire_due`."""
        started: list[UUID] = []
        cancel: list[UUID] = []
        async with self._sessions.transaction() as session:
            locked = await session.rows(_SQL["lock_due"], [limit])
            names = [texts(row[0] for row in locked), texts(row[1] for row in locked)]
            rows = await session.rows(_SQL["read_due"], names) if locked else []
            [(now,)] = await session.rows(_SQL["clock"])
            if rows:
                decisions = [(row, decide(_due(row), now)) for row in rows]
                cancel = [each.cancel for _, each in decisions if each.cancel is not None]
                started = await self._write(session, decisions)
                await session.run(_SQL["trim"], [*names, KEPT_FIRINGS])
            [(next_at,)] = await session.rows(_SQL["next_look"])
        if cancel:  # whoever looks next does it, if this process dies before
            await self._inbox.post(
                [NewMessage(run_id, "cancel", "", MAKE_ROOM) for run_id in cancel]
            )
        return Fired(len(rows), started, cancel, now, next_at)

    async def _write(
        self, session: Session, decisions: Sequence[tuple[Row, Decision]]
    ) -> list[UUID]:
        runs: list[NewRun] = []
        firings: list[Mapping[str, Any]] = []
        changes: list[Mapping[str, Any]] = []
        for row, decision in decisions:
            namespace, name = row[:2]
            newest: dict[str, Any] = {"run_id": None, "fired_for": None}
            for firing in decision.firings:
                run_id = None
                if firing.outcome is Outcome.STARTED:
                    run = self._run(namespace, (row[2], *row[3:6]), firing.due_at)
                    runs.append(run)
                    run_id = run.run_id
                    newest = {"run_id": run_id, "fired_for": firing.due_at}
                firings.append(_firing(namespace, name, firing.due_at, firing.outcome, run_id))
            progress = asdict(decision.progress)
            changes.append(
                {"namespace": namespace, "name": name, "look_at": decision.look_at}
                | progress
                | newest
            )
        if runs:
            await session.carry_out(inserting(runs, self._codec, notify=False))
        if firings:
            await session.run(_SQL["record"], [msgspec.json.encode(firings).decode()])
        await session.run(_SQL["decided"], [msgspec.json.encode(changes).decode()])
        return [run.run_id for run in runs]

    def _run(self, namespace: str, row: Row, due: datetime) -> NewRun:
        workflow, sealed, places, attributes = row
        arguments = input_of(self._codec.open(sealed), places, due)
        return NewRun(new_run_id(), namespace, workflow, arguments, attributes)


async def _record(
    session: Session,
    act: Act | None,
    outcome: str,
    namespace: str,
    name: str,
    run_id: UUID | None = None,
) -> None:
    await record(session, act, outcome, run_id=run_id, namespace=namespace, schedule=name)


def _first(
    times: ScheduleTimes, now: datetime, namespace: str, name: str
) -> tuple[datetime | None, datetime | None]:
    """The first time after now, and when its run is to start."""
    due = times.after(now)
    return due, None if due is None else times.start_of(due, namespace, name)


async def _read(session: Session, namespace: str, name: str) -> Schedule | None:
    rows = await session.rows(_SQL["read"], [namespace, name])
    return _schedule(rows[0]) if rows else None


def _schedule(row: Row) -> Schedule:
    return Schedule(
        row[0], row[1], row[2], ScheduleTimes(*row[3:10]), Overlap(row[10]),
        timedelta(seconds=row[11]), *row[12:],
    )  # fmt: skip


def _due(row: Row) -> DueSchedule:
    last_run_id, state, cancelling, ended_at, error = row[22:]
    last = None
    if last_run_id is not None:
        last = LastRun(last_run_id, state and RunState(state), cancelling, ended_at, error)
    return DueSchedule(
        row[0], row[1], ScheduleTimes(*row[6:13]), Overlap(row[13]), timedelta(seconds=row[14]),
        row[15], Progress(*row[16:22]), last,
    )  # fmt: skip


def _firing(
    namespace: str, name: str, due: datetime, outcome: Outcome, run_id: UUID | None
) -> Mapping[str, Any]:
    return {
        "namespace": namespace, "name": name, "due_at": due, "outcome": str(outcome),
        "run_id": run_id,
    }  # fmt: skip
