"""Writes down in memory what operators do, before it is done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from continuum.operators.acts import Act, OperatorAct
from continuum.store.operators import ActSkipped, reason_required

if TYPE_CHECKING:
    from continuum.store.memory.tables import Tables


@dataclass(slots=True)
class PlanRunRow:
    """A row of `continuum_plan_runs`."""

    state: str
    outcome: str | None = None
    detail: str | None = None
    at: datetime | None = None


@dataclass(slots=True)
class OperatorRows:
    """What the store keeps of operators.

    Attributes:
        acts: with the last event of their run when they were done, None for those upon no run.
        reasons: namespaces that want reasons.
        accepts: of each plan the states, besides the one a run was seen in.
        plan_runs: of each plan.
        expressions: of each plan.
    """

    acts: list[tuple[int | None, OperatorAct]] = field(
        default_factory=list[tuple[int | None, OperatorAct]]
    )
    reasons: set[str] = field(default_factory=set[str])
    accepts: dict[UUID, frozenset[str]] = field(default_factory=dict[UUID, frozenset[str]])
    plan_runs: dict[UUID, dict[UUID, PlanRunRow]] = field(
        default_factory=dict[UUID, dict[UUID, PlanRunRow]]
    )
    expressions: dict[UUID | None, str] = field(default_factory=dict[UUID | None, str])

    def told(self, act: OperatorAct) -> OperatorAct:
        """An entry as it is read: a plan's expression stands for those of its acts."""
        return replace(act, expression=act.expression or self.expressions.get(act.plan_id))


def check(
    tables: Tables, act: Act | None, *, run_id: UUID | None = None, namespace: str | None = None
) -> None:
    """Refuse an act before anything is written.

    Raises:
        ReasonRequired, ActSkipped.
    """
    if act is None:
        return
    run = None if run_id is None else tables.runs.get(run_id)
    within = run.namespace if namespace is None and run is not None else namespace
    if act.reason is None and within in tables.operators.reasons:
        assert within is not None
        raise reason_required(within)
    if act.plan_id is None or run_id is None:
        return
    planned = tables.operators.plan_runs[act.plan_id].get(run_id)
    if planned is None or planned.outcome is not None:
        raise ActSkipped(run_id, None)
    assert run is not None
    if run.state != planned.state and run.state not in tables.operators.accepts[act.plan_id]:
        raise ActSkipped(run_id, run.state)


def write(
    tables: Tables,
    act: Act | None,
    outcome: str,
    *,
    run_id: UUID | None = None,
    namespace: str | None = None,
    **detail: Any,
) -> None:
    """Append an act that was checked."""
    if act is None:
        return
    run = None if run_id is None else tables.runs.get(run_id)
    now, rows = tables.clock.tick(), tables.operators
    entry = OperatorAct(
        id=len(rows.acts) + 1,
        at=now,
        operator=act.operator.name,
        host=act.operator.host,
        program=act.operator.program,
        act=act.kind,
        namespace=run.namespace if namespace is None and run is not None else namespace,
        run_id=run_id,
        reason=act.reason,
        expression=act.expression,
        plan_id=act.plan_id,
        outcome=outcome,
        detail={**act.detail, **detail},
    )
    seq = None if run_id is None else len(run.events) if run is not None else 0
    rows.acts.append((seq, entry))
    if act.plan_id is not None and run_id is not None:
        planned = rows.plan_runs[act.plan_id][run_id]
        planned.outcome, planned.detail, planned.at = "done", outcome, now


def record(
    tables: Tables,
    act: Act | None,
    outcome: str,
    *,
    run_id: UUID | None = None,
    namespace: str | None = None,
    **detail: Any,
) -> None:
    """`check` and `write`."""
    check(tables, act, run_id=run_id, namespace=namespace)
    write(tables, act, outcome, run_id=run_id, namespace=namespace, **detail)
