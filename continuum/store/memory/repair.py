"""Repairs of single runs (`RepairStore`)."""

from __future__ import annotations

from uuid import UUID

from continuum.store.memory.tables import Tables
from continuum.store.repair import NOT_QUARANTINED, QUARANTINED_FROM, RepairOutcome


class MemoryRepair:
    """Puts runs right."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def release_quarantined(self, run_id: UUID, namespace: str | None) -> RepairOutcome:
        """See `RepairStore`."""
        row = self._tables.runs.get(run_id)
        if row is None or namespace not in (None, row.namespace):
            return RepairOutcome(None)
        lease = self._tables.leases.get(run_id)
        if lease is None or lease.owner is not None or lease.takeovers < QUARANTINED_FROM:
            return RepairOutcome(row.state, NOT_QUARANTINED)
        lease.takeovers, lease.ready, lease.token = 0, True, self._tables.next_token()
        self._tables.changed()
        return RepairOutcome(row.state)
