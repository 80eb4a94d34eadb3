"""What the audit reads, and cleaning the registry (`AuditStore`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from continuum.journal.turn import VersionPin
from continuum.operators.acts import Act
from continuum.store.auditing import (
    AuditFacts,
    CodecChange,
    KnownVersion,
    LiveGroup,
    LoadingNode,
    Outlook,
    PastRuns,
    RunExample,
)
from continuum.store.postgres.arrays import Packed, int4_item, int8s, texts, uuids
from continuum.store.postgres.reads import Pool, bounded
from continuum.store.postgres.recording import record
from continuum.store.postgres.session import Row, Session, Sessions
from continuum.store.postgres.statements import statements
from continuum.versions.facts import CodePlace

_SQL: Final = statements("audit")
_REGISTRY: Final = statements("registry")
TIMEOUT: Final = 60.0
"""Seconds for one statement; a million live runs take one."""


class PostgresAudit:
    """`AuditStore` on one database.

    Args:
        pool: autocommit connections to the primary: a proof must not be read from the past.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sessions = Sessions(pool)

    async def facts(self) -> AuditFacts:
        """See `AuditStore`."""
        async with self._snapshot() as session:
            [(now,)] = await session.rows(_SQL["now"])
            versions = await session.rows(_SQL["versions"])
            groups = await session.rows(_SQL["groups"])
            nodes = await session.rows(_SQL["nodes"])
        return AuditFacts(
            now,
            [_known(row) for row in versions],
            [LiveGroup(*row) for row in groups],
            [
                LoadingNode(node_id, alive, ttl, expired_for, frozenset(version_ids))
                for node_id, alive, ttl, expired_for, version_ids in nodes
            ],
        )

    async def oldest_runs(self, version_ids: Sequence[int], limit: int) -> Sequence[RunExample]:
        """See `AuditStore`."""
        if not version_ids:
            return []
        async with self._snapshot() as session:
            rows = await session.rows(_SQL["oldest_runs"], [int8s(version_ids), _int4(limit)])
        return [_run(row) for row in rows]

    async def last_starts(self, workflows: Sequence[str]) -> dict[int, datetime]:
        """See `AuditStore`."""
        async with self._snapshot() as session:
            rows = await session.rows(_SQL["last_starts"], [texts(workflows)])
        return {
            VersionPin(workflow, 0, version_hash, runtime).version_id: started_at
            for workflow, version_hash, runtime, started_at in rows
        }

    async def outlooks(
        self, version_ids: Sequence[int], exact: int, examples: int
    ) -> Sequence[Outlook]:
        """See `AuditStore`."""
        if not version_ids:
            return []
        async with self._snapshot() as session:
            rows = await session.rows(_SQL["outlooks"], [int8s(version_ids), _int4(examples)])
            named = [run_id for row in rows for run_id in row[4]]
            runs: dict[UUID, RunExample] = {}
            if named:
                found = await session.rows(_SQL["runs_by_id"], [uuids(named)])
                runs = {run.run_id: run for run in map(_run, found)}
            newest: dict[int, datetime | None] = {}
            for version_id, *_ in rows:
                [(newest[version_id],)] = await session.rows(
                    _SQL["newest_start"], [version_id, _int4(exact)]
                )
        return [
            Outlook(
                version_id, count, newest[version_id], wake_at, endless,
                [runs[run_id] for run_id in ids],
            )
            for version_id, count, wake_at, endless, ids in rows
        ]  # fmt: skip

    async def past_runs(self, workflows: Sequence[str]) -> Sequence[PastRuns]:
        """See `AuditStore`."""
        async with self._snapshot() as session:
            rows = await session.rows(_SQL["past_runs"], [texts(workflows)])
        found = {workflow: PastRuns(workflow, sample, p99) for workflow, sample, p99 in rows}
        return [found.get(workflow, PastRuns(workflow, 0, None)) for workflow in workflows]

    async def delete_versions(
        self, version_ids: Sequence[int], act: Act | None = None
    ) -> Sequence[int]:
        """See `AuditStore`."""
        async with self._sessions.transaction() as session:
            await session.rows(_REGISTRY["lock_registry"])
            rows = await session.rows(_SQL["delete_versions"], [int8s(version_ids)])
            if rows:
                await record(session, act, f"{len(rows)} deleted")
        return [version_id for (version_id,) in rows]

    @asynccontextmanager
    async def _snapshot(self) -> AsyncGenerator[Session]:
        async with bounded(self._pool, TIMEOUT, one_snapshot=True) as connection:
            yield Session(connection)


def _known(row: Row) -> KnownVersion:
    version_id, workflow, version, version_hash, runtime, source, first, last, *facts = row
    taken, decided, sites, opaque, codecs, fingerprint, changes = facts
    pin = VersionPin(workflow, version, version_hash, runtime)
    return KnownVersion(
        version_id, pin, source, first, last, tuple(taken), tuple(decided), _places(sites),
        _places(opaque), codecs, fingerprint, tuple(map(_change, changes)),
    )  # fmt: skip


def _places(found: Sequence[Mapping[str, Any]]) -> tuple[CodePlace, ...]:
    return tuple(CodePlace(each["name"], each["file"], each["line"]) for each in found)


def _change(found: Mapping[str, Any]) -> CodecChange:
    at = datetime.fromisoformat(found["at"])
    return CodecChange(at, found["source"], found["was"], found["now"])


def _run(row: Row) -> RunExample:
    version_id, run_id, namespace, workflow, version, version_hash, runtime, started, waits = row
    pin = VersionPin(workflow, version, version_hash, runtime)
    return RunExample(version_id, run_id, namespace, pin, started, waits)


def _int4(value: int) -> Packed:
    return Packed(int4_item(value)[4:])
