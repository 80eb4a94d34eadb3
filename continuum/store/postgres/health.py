"""What PostgreSQL knows of Continuum's health (`HealthStore`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, errors
from psycopg_pool import AsyncConnectionPool

from continuum.model import Pause
from continuum.store.health import (
    MOST,
    TAKEOVERS,
    ActivityFacts,
    ClusterFacts,
    ConnectionFacts,
    DatabaseFacts,
    FamilyFact,
    InboxFacts,
    IndexFact,
    MonthFact,
    NodeFact,
    NotKnown,
    ParkedFact,
    PausedFacts,
    QueueFact,
    SnapshotFact,
    TableFact,
    TakeoverFact,
    WaitingFact,
)
from continuum.store.postgres.pool import Verdict, classify
from continuum.store.postgres.session import Row, Session, Sessions
from continuum.store.postgres.statements import statements

_SQL: Final = statements("health")
_PAUSES: Final = statements("pauses")


class PostgresHealth:
    """Asks part by part, each in a transaction of its own.

    Args:
        pool: autocommit connections.
        timeout: seconds that one statement may take.
    """

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[Any]], timeout: float = 3.0
    ) -> None:
        self._sessions = Sessions(pool)
        self._timeout = timeout

    async def cluster(self) -> ClusterFacts:
        """See `HealthStore`."""
        async with self._part() as session:
            nodes = await session.rows(_SQL["nodes"])
            [(now, runs, deployed_at)] = await session.rows(_SQL["runs"])
            [(orphaned,)] = await session.rows(_SQL["orphaned"], [MOST])
        return ClusterFacts(
            now=now,
            nodes=[NodeFact(*row) for row in nodes],
            runs={state: int(number) for state, number in runs.items()},
            orphaned=orphaned,
            deployed_at=deployed_at,
        )

    async def waiting(self) -> Sequence[WaitingFact]:
        """See `HealthStore`."""
        rows = await self._rows("waiting", [MOST])
        return [
            WaitingFact(workflow, version_hash, loaded, ready + overdue, later, since, sample)
            for workflow, version_hash, loaded, ready, overdue, later, since, sample in rows
        ]

    async def parked(self) -> Sequence[ParkedFact]:
        """See `HealthStore`."""
        drifted = await self._rows("drifted", [MOST])
        quarantined = await self._rows("quarantined", [MOST])
        found = [
            ParkedFact("drift", workflow, version_hash, number, tuple(sample), why)
            for workflow, version_hash, number, sample, why in drifted
        ]
        found += [
            ParkedFact(
                "quarantine", workflow, version_hash, number, tuple(sample),
                f"{takeovers} workers were lost with it since it last committed",
            )
            for workflow, version_hash, number, sample, takeovers in quarantined
        ]  # fmt: skip
        return found

    async def queues(self) -> Sequence[QueueFact]:
        """See `HealthStore`."""
        return [QueueFact(*row) for row in await self._rows("queues", [MOST])]

    async def takeovers(self) -> Sequence[TakeoverFact]:
        """See `HealthStore`."""
        rows = await self._rows("takeovers", [TAKEOVERS])
        return [
            TakeoverFact(
                first_at, last_at, from_node, from_host, from_pid, died_at, by_node, by_host,
                by_pid, runs, tuple(sample),
            )
            for (
                first_at, last_at, from_node, from_host, from_pid, died_at, by_node, by_host,
                by_pid, runs, sample,
            ) in rows
        ]  # fmt: skip

    async def paused(self) -> PausedFacts:
        """See `HealthStore`."""
        async with self._part() as session:
            scopes = [Pause(*row) for row in await session.rows(_PAUSES["pauses"])]
            [(runs, held)] = await session.rows(_SQL["paused"], [MOST])
        return PausedFacts(scopes, runs, held)

    async def inbox(self) -> InboxFacts:
        """See `HealthStore`."""
        [row] = await self._rows("inbox", [MOST])
        return InboxFacts(*row)

    async def families(self, limit: int) -> Sequence[FamilyFact]:
        """See `HealthStore`."""
        return [
            FamilyFact(
                family, error_type or "", message or "", tuple(workflows), tuple(versions), *rest
            )
            for family, error_type, message, workflows, versions, *rest in await self._rows(
                "families", [MOST, limit]
            )
        ]

    async def database(self) -> DatabaseFacts:
        """See `HealthStore`."""
        [(version, usage, age, settings)] = await self._rows("database")
        return DatabaseFacts(version, usage, age, settings=settings)

    async def oldest_snapshot(self) -> SnapshotFact | None:
        """See `HealthStore`."""
        [(all_sessions, role)] = await self._rows("sees_all_sessions")
        if not all_sessions:
            raise NotKnown(
                f"role {role} sees its own sessions only; a superuser can change that: "
                f"GRANT pg_read_all_stats TO {role}"
            )
        rows = await self._rows("oldest_snapshot")
        return SnapshotFact(*rows[0]) if rows else None

    async def tables(self) -> Sequence[TableFact]:
        """See `HealthStore`."""
        return [TableFact(*row) for row in await self._rows("tables")]

    async def months(self) -> Sequence[MonthFact]:
        """See `HealthStore`."""
        return [MonthFact(*row) for row in await self._rows("months", [MOST])]

    async def invalid_indexes(self) -> Sequence[IndexFact]:
        """See `HealthStore`."""
        return [
            IndexFact(index, table, None if path is None else tuple(path))
            for index, table, path in await self._rows("invalid_indexes")
        ]

    async def connections(self) -> ConnectionFacts:
        """See `HealthStore`."""
        [row] = await self._rows("connections")
        return ConnectionFacts(*row)

    async def activity(self) -> ActivityFacts:
        """See `HealthStore`."""
        [row] = await self._rows("activity")
        return ActivityFacts(*row)

    async def _rows(self, name: str, parameters: Sequence[object] = ()) -> list[Row]:
        async with self._part() as session:
            return await session.rows(_SQL[name], parameters)

    @asynccontextmanager
    async def _part(self) -> AsyncGenerator[Session]:
        """A transaction for one part.

        Raises:
            NotKnown: the server refuses this part, or takes too long for it.
            StoreUnavailable: it does not answer at all.
        """
        try:
            async with self._sessions.transaction() as session:
                timeout = str(round(self._timeout * 1000))
                await session.rows(_SQL["bounded"], [timeout])
                try:
                    yield session
                except errors.QueryCanceled:
                    raise NotKnown(f"it took longer than {self._timeout:g} s") from None
                except psycopg.Error as error:
                    if _lost(error):
                        raise
                    raise NotKnown(" ".join(str(error).split())) from error
        except psycopg.Error as error:
            raise NotKnown(" ".join(str(error).split())) from error


def _lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, rather than this statement refused."""
    state = error.sqlstate
    return classify(error) is Verdict.TRANSIENT and (state is None or state[:2] in {"08", "57"})
