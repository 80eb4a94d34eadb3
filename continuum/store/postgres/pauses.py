"""Pauses in PostgreSQL (`PauseStore`): lock first, look in the next statement, then write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from continuum.codec.hooks import PayloadCodec
from continuum.model import Pause, RunState
from continuum.operators.acts import Act
from continuum.store.pauses import NOT_PAUSED, PAUSE, RESUME, Scope, ended
from continuum.store.postgres.arrays import int8s, uuids
from continuum.store.postgres.recording import record
from continuum.store.postgres.session import Sessions
from continuum.store.postgres.statements import statements
from continuum.store.repair import RepairOutcome

_SQL: Final = statements("pauses")


class PostgresPauses:
    """Marks leases, and rows of `continuum_pauses`."""

    def __init__(self, sessions: Sessions, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._codec = codec

    async def pause_run(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """See `PauseStore`."""
        return await self._mark(run_id, namespace, act, paused=True)

    async def resume_run(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """See `PauseStore`."""
        return await self._mark(run_id, namespace, act, paused=False)

    async def _mark(
        self, run_id: UUID, namespace: str | None, act: Act | None, *, paused: bool
    ) -> RepairOutcome:
        async with self._sessions.transaction() as session:
            leases = await session.rows(_SQL["lock_lease"], [run_id])
            runs = await session.rows(_SQL["read_run"], [run_id])
            if not runs or namespace not in (None, runs[0][0]):
                return RepairOutcome(None)
            within, state = runs[0][0], RunState(runs[0][1])
            if not leases:
                return RepairOutcome(state, ended(state))
            [(owned, was_paused)] = leases
            if not paused and not was_paused:
                return RepairOutcome(state, NOT_PAUSED)
            if paused and was_paused:
                await record(session, act, "repeated", run_id=run_id, namespace=within)
                return RepairOutcome(state, repeated=True)
            told = "paused" if paused else "resumed"
            await record(session, act, told, run_id=run_id, namespace=within)
            await session.run(_SQL["pause" if paused else "resume"], [run_id])
            if not paused and not owned:
                [(owned,)] = await session.rows(_SQL["unread_pause"], [run_id])
            if owned:
                kind = PAUSE if paused else RESUME
                await session.run(_SQL["tell"], [run_id, kind, self._codec.seal(b"null")])
        return RepairOutcome(state)

    async def pause_scope(self, scope: Scope, act: Act) -> bool:
        """See `PauseStore`."""
        what = [scope.namespace, scope.workflow, scope.queue]
        async with self._sessions.transaction() as session:
            made = await session.rows(_SQL["pause_scope"], [*what, act.operator.name, act.reason])
            told = "paused" if made else "repeated"
            await record(session, act, told, namespace=scope.namespace)
        return bool(made)

    async def lift(self, scope: Scope, act: Act) -> bool:
        """See `PauseStore`."""
        what = [scope.namespace, scope.workflow, scope.queue]
        async with self._sessions.transaction() as session:
            lifted = await session.rows(_SQL["lift"], what)
            if lifted:
                await record(session, act, "resumed", namespace=scope.namespace)
        return bool(lifted)

    async def pauses(self) -> Sequence[Pause]:
        """See `PauseStore`."""
        async with self._sessions.autocommit() as session:
            return [Pause(*row) for row in await session.rows(_SQL["pauses"])]

    async def hold(self, node_id: UUID, claimed: Mapping[UUID, int]) -> set[UUID]:
        """See `PauseStore`."""
        async with self._sessions.transaction() as session:
            if not await session.rows(_SQL["lock_scopes"]):
                return set()
            ids = sorted(claimed)
            rows = await session.rows(
                _SQL["hold"], [node_id, uuids(ids), int8s(claimed[run_id] for run_id in ids)]
            )
        return {run_id for (run_id,) in rows}

    async def let_go(self, limit: int) -> list[UUID]:
        """See `PauseStore`."""
        async with self._sessions.transaction() as session:
            lifted = await session.rows(_SQL["lifted"])
            freed = [run_id for (run_id,) in await session.rows(_SQL["let_go"], [limit])]
            if lifted and len(freed) < limit:
                await session.run(_SQL["forget"], [int8s(each for (each,) in lifted)])
        return freed
