"""Forgets what ended long ago (`RetentionStore`): lock without waiting, look again, then delete."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncCursor, errors
from psycopg.rows import tuple_row

from continuum.errors import ConfigurationError
from continuum.operators.acts import Act
from continuum.query.compile import Compiler
from continuum.store.postgres.arrays import texts, uuids
from continuum.store.postgres.months import drop_months, make_months
from continuum.store.postgres.recording import record
from continuum.store.postgres.session import Row, Session, Sessions
from continuum.store.postgres.statements import statements
from continuum.store.retention import (
    BATCH,
    BATCH_EVENTS,
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

_SQL: Final = statements("retention")

_NEXT: Final = """
SELECT n.id, n.started_at, n.matches, n.retained,
       CASE WHEN n.matches AND NOT n.retained THEN coalesce(
           (SELECT max(e.seq) FROM continuum_events e WHERE e.run_id = n.id), 0) ELSE 0 END
FROM (SELECT r.id, r.started_at, (r.completed_at <= %(before)s AND ({where})) IS TRUE AS matches,
             (r.completed_at > %(kept_from)s) IS TRUE AS retained
      FROM (SELECT * FROM continuum_runs r
            WHERE r.namespace = %(namespace)s AND r.workflow = %(workflow)s
              AND r.started_at <= %(before)s
              AND (%(start)s::timestamptz IS NULL
                   OR (r.started_at, r.id) > (%(start)s, %(start_id)s))
            ORDER BY r.started_at, r.id LIMIT %(batch)s) r
      LEFT JOIN continuum_leases l ON l.run_id = r.id OFFSET 0) n
ORDER BY n.started_at, n.id"""
"""So many runs of an index are looked at, however few of them match: every batch takes as long."""

_LOCK: Final = """
SELECT r.id FROM continuum_runs r LEFT JOIN continuum_leases l ON l.run_id = r.id
WHERE r.id = ANY (%(ids)s) AND r.completed_at <= %(kept_from)s AND ({where})
ORDER BY r.id FOR UPDATE OF r SKIP LOCKED"""


class PostgresRetention:
    """The `RetentionStore`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def ended_runs(self, namespace: str | None) -> tuple[Sequence[EndedRuns], datetime]:
        """See `RetentionStore`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["ended_runs"], [namespace])
            [(now,)] = await session.rows(_SQL["clock"])
        return [EndedRuns(*row) for row in rows], now

    async def prune_runs(
        self, order: PruneOrder, after: Place | None, act: Act | None
    ) -> PrunedBatch:
        """See `RetentionStore`."""
        compiler = Compiler({
            "namespace": order.namespace, "workflow": order.workflow, "before": order.before,
            "kept_from": order.kept_from, "batch": BATCH, "read_at": order.before,
            "start": None if after is None else after.started_at,
            "start_id": None if after is None else after.run_id,
        })  # fmt: skip
        where = compiler.condition(order.condition)
        async with self._transaction() as session:
            rows = await _ask(session, _NEXT.format(where=where), compiler.params)
            looked = _affordable(rows)
            place = None
            if len(looked) < len(rows) or len(rows) == BATCH:
                place = Place(looked[-1][1], looked[-1][0])
            kept: Counter[KeptFor] = Counter()
            kept["retention"] = sum(matches and retained for _, _, matches, retained, _ in looked)
            wanted = [row[0] for row in looked if row[2] and not row[3]]
            if not wanted:
                return PrunedBatch(place, len(looked), kept=+kept)
            free = wanted
            if order.execute:
                locked = await _ask(
                    session, _LOCK.format(where=where), compiler.params | {"ids": wanted}
                )
                free = [run_id for (run_id,) in locked]
                kept["in use"] += len(wanted) - len(free)
            needed = dict(
                await session.rows(
                    _SQL["needed"], [uuids(free), NEW_INCARNATION.total_seconds()]
                )
            )  # fmt: skip
            kept.update(needed.values())
            chosen = [run_id for run_id in free if run_id not in needed]
            amount = (0, 0, 0)
            if chosen:
                if order.execute:
                    await record(
                        session, act, "began", namespace=order.namespace, workflow=order.workflow
                    )
                statement = _SQL["delete" if order.execute else "measure"]
                [amount] = await session.rows(statement, [uuids(chosen)])
        return PrunedBatch(place, len(looked), *amount, kept=+kept)

    async def prune_results(
        self,
        namespace: str | None,
        before: datetime,
        after: ResultKey | None,
        *,
        execute: bool,
    ) -> ForgottenBatch[ResultKey]:
        """See `RetentionStore`."""
        async with self._transaction() as session:
            rows = await session.rows(
                _SQL["next_results"], [namespace, before, *(after or (None,) * 3), BATCH]
            )
            place = rows[-1][:3] if len(rows) == BATCH else None
            keys = [row[:3] for row in rows if row[3]]
            if execute and keys:
                keys = await session.rows(_SQL["lock_results"], [*_columns(keys), before])
            if keys:
                keys = await session.rows(_SQL["forgettable_results"], [*_columns(keys), before])
            if execute and keys:
                await session.run(_SQL["forget_results"], _columns(keys))
        return ForgottenBatch(place, len(keys))

    async def prune_deliveries(
        self, namespace: str | None, before: datetime, after: UUID | None, *, execute: bool
    ) -> ForgottenBatch[UUID]:
        """See `RetentionStore`."""
        async with self._transaction() as session:
            rows = await session.rows(_SQL["next_deliveries"], [after, BATCH, before, namespace])
            place = rows[-1][0] if len(rows) == BATCH else None
            ids = [run_id for run_id, ended in rows if ended]
            if execute and ids:
                locked = await session.rows(_SQL["lock_ended"], [uuids(ids), before])
                ids = [run_id for (run_id,) in locked]
            if not ids:
                return ForgottenBatch(place)
            if execute:
                return ForgottenBatch(
                    place, await session.run(_SQL["forget_deliveries"], [uuids(ids)])
                )
            [(count,)] = await session.rows(_SQL["count_deliveries"], [uuids(ids)])
        return ForgottenBatch(place, count)

    async def note_pruned(self, act: Act, namespace: str | None, outcome: str) -> None:
        """See `RetentionStore`."""
        async with self._sessions.transaction() as session:
            await record(session, act, outcome, namespace=namespace)

    @property
    def by_month(self) -> bool:
        """See `RetentionStore`."""
        return True

    async def make_months(self) -> Sequence[str]:
        """See `RetentionStore`."""
        async with self._sessions.autocommit() as session:
            return await make_months(session.connection)

    async def drop_months(self) -> Sequence[DroppedMonth]:
        """See `RetentionStore`."""
        async with self._sessions.autocommit() as session:
            return await drop_months(session.connection)

    async def take_duty(self, name: str, every: float) -> bool:
        """See `RetentionStore`."""
        async with self._sessions.autocommit() as session:
            return bool(await session.rows(_SQL["take_duty"], [name, every]))

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[Session]:
        """One batch.

        Raises:
            ConfigurationError: the role in use may not do it.
        """
        async with self._sessions.transaction() as session:
            await session.rows(_SQL["bounded"])
            try:
                yield session
            except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
                told = error.diag.message_primary
                raise ConfigurationError(
                    f"the role in use may not prune: {told}; nothing was deleted by this batch",
                    hint="prune as a role that may delete runs, as workers may; operators and"
                    " readers may look: leave out --execute",
                ) from error


async def _ask(session: Session, text: str, parameters: dict[str, Any]) -> list[Row]:
    """A statement with a compiled condition; it is planned for its values."""
    async with AsyncCursor(session.connection, row_factory=tuple_row) as cursor:
        await cursor.execute(text.encode(), parameters, prepare=False)
        return await cursor.fetchall()


def _affordable(rows: Sequence[Row]) -> Sequence[Row]:
    """The first of them: so many that their journals are not too long together, at least one."""
    events = 0
    for n, row in enumerate(rows):
        events += row[4]
        if events > BATCH_EVENTS and n:
            return rows[:n]
    return rows


def _columns(keys: Sequence[Row]) -> list[object]:
    return [texts(column) for column in zip(*keys, strict=True)]
