"""Repairs of single runs (`RepairStore`): lock first, look in the next statement, then write."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from continuum.codec.hooks import PayloadCodec
from continuum.codec.opening import open_payload
from continuum.errors import RunNotFound
from continuum.journal.events import Entry, Event, EventKind, RunForked
from continuum.journal.forking import CannotFork, cut_of, published_until
from continuum.journal.retrying import CannotRetry, RetryPlan, plan_retry
from continuum.journal.turn import NewRun, RunState, VersionPin
from continuum.operators.acts import Act
from continuum.store.postgres.arrays import blobs, int8s, texts
from continuum.store.postgres.orders import LOCK_KEYS, lock_of, starting
from continuum.store.postgres.questions import forget_lost_questions
from continuum.store.postgres.recording import record
from continuum.store.postgres.session import Session, Sessions
from continuum.store.postgres.statements import statements
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

_SQL: Final = statements("repair")


class PostgresRepair:
    """Puts runs right."""

    def __init__(self, sessions: Sessions, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._codec = codec

    async def release_quarantined(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """See `RepairStore`."""
        async with self._sessions.transaction() as session:
            leases = await session.rows(_SQL["lock_lease"], [run_id])
            runs = await session.rows(_SQL["read_run"], [run_id])
            if not runs or namespace not in (None, runs[0][0]):
                return RepairOutcome(None)
            state = RunState(runs[0][1])
            if not leases or leases[0][0] or not releasable(*leases[0][1:]):
                return RepairOutcome(state, NOT_QUARANTINED)
            await record(session, act, "released", run_id=run_id, namespace=runs[0][0])
            await session.run(_SQL["release_quarantined"], [run_id])
        return RepairOutcome(state)

    async def ended_start(self, run_id: UUID, namespace: str | None) -> NewRun | RunState | None:
        """See `RepairStore`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["read_start"], [run_id])
        if not rows or namespace not in (None, rows[0][0]):
            return None
        [(within, name, workflow, data, attributes, key)] = rows
        state = RunState(name)
        if not state.terminal:
            return state
        return NewRun(
            new_run_id(), within, workflow, open_payload(self._codec, data), attributes, key=key
        )

    async def restart(
        self, run_id: UUID, again: StartOrder, act: Act | None = None
    ) -> StartOutcome:
        """See `RepairStore`."""
        async with self._sessions.transaction() as session:
            outcome = await session.carry_out(starting(again, self._codec, notify=False))
            if not await session.rows(_SQL["keep_run"], [run_id]):
                raise RunNotFound(run_id)  # it was pruned since it was looked at
            if outcome.existing is None:
                await session.run(_SQL["link"], [again.run.run_id, run_id])
            if not outcome.by_key:
                existing = outcome.existing
                new_id = again.run.run_id if existing is None else existing.run_id
                told = "restarted" if existing is None else "repeated"
                await record(session, act, told, run_id=run_id, new_run_id=str(new_id))
        return outcome

    async def retry(self, run_id: UUID, order: RetryOrder, act: Act | None = None) -> RepairOutcome:
        """See `RepairStore`."""
        async with self._sessions.transaction() as session:
            await self._lock_key(session, run_id)
            await session.rows(_SQL["lock_run"], [run_id])
            rows = await session.rows(_SQL["read_failed"], [run_id, RETRY_KEYS, order.once])
            if not rows or order.namespace not in (None, rows[0][0]):
                return RepairOutcome(None)
            [(_, name, workflow, version, version_hash, runtime, *rest)] = rows
            incarnation, parent_lives, done_before, now, holder = rest
            state = RunState(name)
            if done_before:
                await record(session, act, "repeated", run_id=run_id)
                return RepairOutcome(state, repeated=True)
            if state is not RunState.FAILED:
                return RepairOutcome(state, not_failed(state))
            if parent_lives:
                return RepairOutcome(state, PARENT_LIVES)
            if holder is not None:
                return RepairOutcome(state, key_taken(holder))
            events = await self._journal(session, run_id, incarnation)
            try:
                plan = plan_retry(events, order.reason, force=order.force)
            except CannotRetry as refusal:
                return RepairOutcome(state, str(refusal))
            await record(session, act, "retried", run_id=run_id, force=order.force)
            at = max(now, events[-1].at)
            entry = Entry(EventKind.RUN_RETRIED, None, plan.body, at)
            pin = VersionPin(workflow, version, version_hash, runtime)
            await session.run(
                _SQL["revive"],
                [
                    run_id, events[-1].seq + 1, incarnation, entry.kind.value,
                    self._codec.seal(entry.payload()), at, pin.version_id, RETRY_KEYS, order.once,
                ],
            )  # fmt: skip
            await forget_lost_questions(session, run_id, plan.questions)
            await self._deliver_again(session, run_id, plan)
        return RepairOutcome(state)

    async def fork(self, run_id: UUID, order: ForkOrder, act: Act | None = None) -> ForkOutcome:
        """See `RepairStore`."""
        async with self._sessions.transaction() as session:
            rows = await session.rows(_SQL["lock_origin"], [run_id, order.once_key])
            if not rows or order.namespace not in (None, rows[0][0]):
                return ForkOutcome(None)
            [(_, name, workflow, incarnation, before)] = rows
            state = RunState(name)
            if before is not None:
                return await self._forked_before(session, run_id, state, before, act)
            events = await self._journal(session, run_id, incarnation)
            try:
                cut = cut_of(events, order.at)
            except CannotFork as refusal:
                return ForkOutcome(state, refusal=str(refusal))
            [(_, version, version_hash, runtime)] = await session.rows(_SQL["read_pin"], [run_id])
            pin = VersionPin(workflow)
            if not order.latest:
                pin = VersionPin(workflow, version, version_hash, runtime)
            at = events[cut - events[0].seq].at
            entry = Entry(EventKind.RUN_FORKED, None, RunForked(run_id, order.new_id), at)
            shown = published_until(events, cut)
            made = await session.rows(
                _SQL["fork"],
                [
                    run_id, order.new_id, cut, entry.kind.value,
                    self._codec.seal(entry.payload()), order.once_key,
                    Jsonb(order.attributes(run_id)), order.latest, at, pin.version_id,
                    texts(shown), blobs(self._codec.seal(value) for value in shown.values()),
                ],
            )  # fmt: skip
            if not made:  # the same call, at the same moment
                rows = await session.rows(_SQL["lock_origin"], [run_id, order.once_key])
                return await self._forked_before(session, run_id, state, rows[0][4], act)
            await record(
                session, act, "forked", run_id=run_id, new_run_id=str(order.new_id), at=order.at
            )
        return ForkOutcome(state, order.new_id)

    @staticmethod
    async def _forked_before(
        session: Session, run_id: UUID, state: RunState, fork_id: UUID, act: Act | None
    ) -> ForkOutcome:
        await record(session, act, "repeated", run_id=run_id, new_run_id=str(fork_id))
        return ForkOutcome(state, fork_id, repeated=True)

    async def _lock_key(self, session: Session, run_id: UUID) -> None:
        """Before any row: starts of the run's key, if it has one, wait until this is decided."""
        for namespace, workflow, key in await session.rows(_SQL["read_key"], [run_id]):
            named = NewRun(run_id, namespace, workflow, b"", key=key)
            await session.rows(LOCK_KEYS, [int8s([lock_of(named)])])

    async def _journal(self, session: Session, run_id: UUID, incarnation: int) -> list[Event]:
        rows = await session.rows(_SQL["read_journal"], [run_id, incarnation])
        return [
            Event(row[0], row[1], row[2], EventKind(row[3]), row[4],
                  open_payload(self._codec, row[5]), row[6])
            for row in rows
        ]  # fmt: skip

    async def _deliver_again(self, session: Session, run_id: UUID, plan: RetryPlan) -> None:
        if not plan.mail:
            return
        await session.run(
            _SQL["deliver_again"],
            [
                run_id,
                texts(kind for kind, _, _ in plan.mail),
                texts(name for _, name, _ in plan.mail),
                blobs(self._codec.seal(value) for _, _, value in plan.mail),
            ],
        )
