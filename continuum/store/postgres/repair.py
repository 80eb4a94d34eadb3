"""Repairs of single runs (`RepairStore`): lock first, look in the next statement, then write."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from continuum.journal.turn import RunState
from continuum.store.postgres.session import Sessions
from continuum.store.postgres.statements import statements
from continuum.store.repair import NOT_QUARANTINED, QUARANTINED_FROM, RepairOutcome

_SQL: Final = statements("repair")


class PostgresRepair:
    """Puts runs right."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def release_quarantined(self, run_id: UUID, namespace: str | None) -> RepairOutcome:
        """See `RepairStore`."""
        async with self._sessions.transaction() as session:
            leases = await session.rows(_SQL["lock_lease"], [run_id])
            runs = await session.rows(_SQL["read_run"], [run_id])
            if not runs or namespace not in (None, runs[0][0]):
                return RepairOutcome(None)
            state = RunState(runs[0][1])
            if not leases or leases[0][0] or leases[0][1] < QUARANTINED_FROM:
                return RepairOutcome(state, NOT_QUARANTINED)
            await session.run(_SQL["release_quarantined"], [run_id])
        return RepairOutcome(state)
