"""Plans in memory (`PlanStore`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from continuum.model import RunState
from continuum.operators.acts import Act
from continuum.operators.plans import SAMPLE, BulkPlan, NewPlan, PlanOutcome, PlanRun
from continuum.store.memory.recording import PlanRunRow, record
from continuum.store.memory.tables import Tables


@dataclass(slots=True)
class _Row:
    made: NewPlan
    created_at: datetime
    applied_at: datetime | None = None


class MemoryPlans:
    """Plans as rows of one process."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows: dict[UUID, _Row] = {}

    async def put(self, plan: NewPlan, act: Act) -> BulkPlan:
        """See `PlanStore.put`."""
        pending = plan.count
        record(self._tables, act, f"{pending} planned", namespace=plan.namespace)
        now, rows = self._tables.clock.tick(), self._tables.operators
        rows.expressions[plan.id] = plan.expression
        rows.accepts[plan.id] = frozenset(plan.accepts)
        rows.plan_runs[plan.id] = {
            run.run_id: PlanRunRow(run.state)
            if run.outcome is PlanOutcome.PENDING
            else PlanRunRow(run.state, run.outcome, run.detail, now)
            for run in plan.runs
        }
        row = self._rows[plan.id] = _Row(plan, now)
        return self._snapshot(row)

    async def get(self, plan_id: UUID) -> BulkPlan | None:
        """See `PlanStore.get`."""
        row = self._rows.get(plan_id)
        return None if row is None else self._snapshot(row)

    async def list(
        self, namespace: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[BulkPlan]:
        """See `PlanStore.list`."""
        found = [
            row
            for row in self._rows.values()
            if namespace in (None, row.made.namespace)
            and (before is None or (row.created_at, row.made.id) < before)
        ]
        found.sort(key=lambda row: (row.created_at, row.made.id), reverse=True)
        return [self._snapshot(row, whole=False) for row in found[:limit]]

    async def runs(
        self, plan_id: UUID, outcome: PlanOutcome | None, after: int, limit: int
    ) -> Sequence[PlanRun]:
        """See `PlanStore.runs`."""
        rows = self._tables.operators.plan_runs.get(plan_id, {})
        found = [
            PlanRun(
                n, run_id, RunState(row.state), PlanOutcome(row.outcome or "pending"), row.detail,
                row.at,
            )
            for n, (run_id, row) in enumerate(rows.items())
            if n > after
        ]  # fmt: skip
        return [run for run in found if outcome in (None, run.outcome)][:limit]

    async def begin(self, plan_id: UUID, act: Act) -> None:
        """See `PlanStore.begin`."""
        record(self._tables, act, "begun")
        row = self._rows[plan_id]
        row.applied_at = row.applied_at or self._tables.clock.tick()

    async def settle(
        self, plan_id: UUID, outcomes: Sequence[tuple[UUID, PlanOutcome, str]]
    ) -> None:
        """See `PlanStore.settle`."""
        now = self._tables.clock.tick()
        for run_id, outcome, detail in outcomes:
            row = self._tables.operators.plan_runs[plan_id][run_id]
            if row.outcome is None:
                row.outcome, row.detail, row.at = outcome, detail, now

    def awaits(self, run_id: UUID) -> bool:
        """Whether a plan that can be applied is to act upon the run."""
        now, planned = self._tables.clock.now(), self._tables.operators.plan_runs
        return any(
            row.created_at + row.made.expires_after > now
            and run_id in planned[plan_id]
            and planned[plan_id][run_id].outcome is None
            for plan_id, row in self._rows.items()
        )

    def _snapshot(self, row: _Row, *, whole: bool = True) -> BulkPlan:
        made = row.made
        runs = self._tables.operators.plan_runs[made.id]
        numbers = Counter(run.outcome or "pending" for run in runs.values())
        return BulkPlan(
            id=made.id, act=made.act, arguments=dict(made.arguments) if whole else {},
            namespace=made.namespace, expression=made.expression,
            count=made.count,
            matched=len(runs), sample=tuple(runs)[:SAMPLE] if whole else (), reason=made.reason,
            operator=made.operator.name, host=made.operator.host, program=made.operator.program,
            created_at=row.created_at, expires_at=row.created_at + made.expires_after,
            applied_at=row.applied_at, pending=numbers["pending"], done=numbers["done"],
            skipped=numbers["skipped"], failed=numbers["failed"],
            read_at=self._tables.clock.now(),
        )  # fmt: skip
