"""Plans in PostgreSQL (`PlanStore`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from continuum.codec.hooks import PayloadCodec
from continuum.codec.opening import open_payload
from continuum.model import RunState
from continuum.operators.acts import Act
from continuum.operators.plans import SAMPLE, BulkPlan, NewPlan, PlanOutcome, PlanRun
from continuum.store.postgres.arrays import Element, int4_item, pack, texts, uuids
from continuum.store.postgres.recording import record
from continuum.store.postgres.session import Row, Session, Sessions
from continuum.store.postgres.statements import statements

_SQL: Final = statements("plans")
CHUNK: Final = 10_000
"""Runs of a plan that are inserted at once."""


class PostgresPlans:
    """Rows of `continuum_plans` and `continuum_plan_runs`."""

    def __init__(self, sessions: Sessions, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._codec = codec

    async def put(self, plan: NewPlan, act: Act) -> BulkPlan:
        """See `PlanStore.put`."""
        pending = plan.count
        stored = {
            "id": str(plan.id), "act": plan.act, "namespace": plan.namespace,
            "expression": plan.expression, "accepts": list(plan.accepts), "runs": pending,
            "matched": len(plan.runs),
            "reason": plan.reason, "operator": plan.operator.name, "host": plan.operator.host,
            "program": plan.operator.program,
            "expires_after": plan.expires_after.total_seconds(),
        }  # fmt: skip
        arguments = self._codec.seal(json.dumps(dict(plan.arguments)).encode())
        async with self._sessions.transaction() as session:
            await session.run(_SQL["put"], [json.dumps(stored), arguments])
            for start in range(0, len(plan.runs), CHUNK):
                await _put_runs(session, plan.id, plan.runs[start : start + CHUNK])
            await record(session, act, f"{pending} planned", namespace=plan.namespace)
            found = await self._read(session, plan.id)
        assert found is not None
        return found

    async def get(self, plan_id: UUID) -> BulkPlan | None:
        """See `PlanStore.get`."""
        async with self._sessions.autocommit() as session:
            return await self._read(session, plan_id)

    async def list(
        self, namespace: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[BulkPlan]:
        """See `PlanStore.list`."""
        at, last = before or (None, None)
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["read"], [None, namespace, at, last, limit])
        return [self._plan(row, {}, ()) for row in rows]

    async def runs(
        self, plan_id: UUID, outcome: PlanOutcome | None, after: int, limit: int
    ) -> Sequence[PlanRun]:
        """See `PlanStore.runs`."""
        name, parameters = "runs", [plan_id, after, limit]
        if outcome is PlanOutcome.PENDING:
            name = "pending_runs"
        elif outcome is not None:
            name, parameters = "settled_runs", [*parameters, str(outcome)]
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL[name], parameters)
        return [
            PlanRun(n, run_id, RunState(state), PlanOutcome(became or "pending"), detail, at)
            for n, run_id, state, became, detail, at in rows
        ]

    async def begin(self, plan_id: UUID, act: Act) -> None:
        """See `PlanStore.begin`."""
        async with self._sessions.transaction() as session:
            await session.run(_SQL["begin"], [plan_id])
            await record(session, act, "begun")

    async def settle(
        self, plan_id: UUID, outcomes: Sequence[tuple[UUID, PlanOutcome, str]]
    ) -> None:
        """See `PlanStore.settle`."""
        columns = [
            uuids(run_id for run_id, _, _ in outcomes),
            texts(str(outcome) for _, outcome, _ in outcomes),
            texts(detail for _, _, detail in outcomes),
        ]
        async with self._sessions.autocommit() as session:
            await session.run(_SQL["settle"], [plan_id, *columns])

    async def _read(self, session: Session, plan_id: UUID) -> BulkPlan | None:
        rows = await session.rows(_SQL["read"], [plan_id, None, None, None, 1])
        if not rows:
            return None
        sample = [row[0] for row in await session.rows(_SQL["sample"], [plan_id, SAMPLE])]
        arguments = json.loads(open_payload(self._codec, rows[0][2]))
        return self._plan(rows[0], arguments, sample)

    def _plan(self, row: Row, arguments: dict[str, Any], sample: Sequence[UUID]) -> BulkPlan:
        plan_id, act, _, namespace, expression, count, matched, reason, *rest = row
        operator, host, program, created_at, expires_at, applied_at, numbers, now = rest
        done, skipped, failed = (numbers.get(name, 0) for name in ("done", "skipped", "failed"))
        return BulkPlan(
            id=plan_id, act=act, arguments=arguments, namespace=namespace, expression=expression,
            count=count, matched=matched, sample=tuple(sample), reason=reason, operator=operator,
            host=host, program=program, created_at=created_at, expires_at=expires_at,
            applied_at=applied_at, pending=matched - done - skipped - failed, done=done,
            skipped=skipped, failed=failed, read_at=now,
        )  # fmt: skip


async def _put_runs(session: Session, plan_id: UUID, runs: Sequence[PlanRun]) -> None:
    await session.run(
        _SQL["put_runs"],
        [
            plan_id,
            pack(Element.INT4, [int4_item(run.n) for run in runs]),
            uuids(run.run_id for run in runs),
            texts(str(run.state) for run in runs),
            texts(None if run.outcome is PlanOutcome.PENDING else str(run.outcome) for run in runs),
            texts(run.detail for run in runs),
        ],
    )
