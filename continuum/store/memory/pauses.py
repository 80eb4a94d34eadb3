"""Pauses in memory (`PauseStore`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from continuum.model import Pause
from continuum.operators.acts import Act
from continuum.store.memory.recording import record
from continuum.store.memory.tables import PauseRow, Tables
from continuum.store.pauses import NOT_PAUSED, PAUSE, RESUME, Scope, ended
from continuum.store.protocol import NewMessage
from continuum.store.repair import RepairOutcome


class MemoryPauses:
    """Marks leases, and keeps what else is paused."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def pause_run(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """See `PauseStore`."""
        return self._mark(run_id, namespace, act, paused=True)

    async def resume_run(
        self, run_id: UUID, namespace: str | None, act: Act | None = None
    ) -> RepairOutcome:
        """See `PauseStore`."""
        return self._mark(run_id, namespace, act, paused=False)

    def _mark(
        self, run_id: UUID, namespace: str | None, act: Act | None, *, paused: bool
    ) -> RepairOutcome:
        tables = self._tables
        row = tables.runs.get(run_id)
        if row is None or namespace not in (None, row.namespace):
            return RepairOutcome(None)
        lease = tables.leases.get(run_id)
        if lease is None:
            return RepairOutcome(row.state, ended(row.state))
        was_paused = lease.paused_at is not None
        if not paused and not was_paused:
            return RepairOutcome(row.state, NOT_PAUSED)
        if paused and was_paused:
            record(tables, act, "repeated", run_id=run_id)
            return RepairOutcome(row.state, repeated=True)
        record(tables, act, "paused" if paused else "resumed", run_id=run_id)
        now = tables.clock.now()
        lease.paused_at = now if paused else None
        if paused and lease.owner is None:
            lease.ready = lease.ready or lease.starts_at is None or lease.starts_at <= now
        elif not paused:
            lease.held = False
        told = any(message.kind == PAUSE for message in lease.inbox.values())
        if lease.owner is not None or (told and not paused):
            ready = lease.ready
            tables.deliver(NewMessage(run_id, PAUSE if paused else RESUME, "", b"null"))
            lease.ready = ready
        tables.changed()
        return RepairOutcome(row.state)

    async def pause_scope(self, scope: Scope, act: Act) -> bool:
        """See `PauseStore`."""
        known = scope in self._tables.paused_scopes().scopes
        told = "repeated" if known else "paused"
        record(self._tables, act, told, namespace=scope.namespace)
        if not known:
            pause = Pause(
                scope.namespace, scope.workflow, scope.queue, act.operator.name, act.reason,
                self._tables.clock.now(),
            )  # fmt: skip
            self._tables.pauses.append(PauseRow(scope, pause))
            self._tables.changed()
        return not known

    async def lift(self, scope: Scope, act: Act) -> bool:
        """See `PauseStore`."""
        rows = [row for row in self._tables.pauses if row.scope == scope and not row.lifted]
        if rows:
            record(self._tables, act, "resumed", namespace=scope.namespace)
            rows[0].lifted = True
            self._tables.changed()
        return bool(rows)

    async def pauses(self) -> Sequence[Pause]:
        """See `PauseStore`."""
        return [row.pause for row in self._tables.pauses if not row.lifted]

    async def hold(self, node_id: UUID, claimed: Mapping[UUID, int]) -> set[UUID]:
        """See `PauseStore`."""
        held: set[UUID] = set()
        for run_id, token in claimed.items():
            lease = self._tables.leases.get(run_id)
            if lease is None or (lease.owner, lease.token) != (node_id, token):
                continue
            if self._is_covered(run_id):
                lease.owner, lease.token = None, self._tables.next_token()
                lease.ready = lease.held = True
                held.add(run_id)
        if held:
            self._tables.changed()
        return held

    async def let_go(self, limit: int) -> list[UUID]:
        """See `PauseStore`."""
        freed = [
            run_id
            for run_id, lease in sorted(self._tables.leases.items())
            if lease.held and lease.paused_at is None and not self._is_covered(run_id)
        ][:limit]
        for run_id in freed:
            self._tables.leases[run_id].held = False
        if len(freed) < limit:
            self._tables.pauses = [row for row in self._tables.pauses if not row.lifted]
        if freed:
            self._tables.changed()
        return freed

    def _is_covered(self, run_id: UUID) -> bool:
        row = self._tables.runs[run_id]
        return self._tables.paused_scopes().cover(row.namespace, row.workflow)
