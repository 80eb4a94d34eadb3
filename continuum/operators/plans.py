"""Plans: an act upon many runs that are named before it is done, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from continuum.model import RunState
from continuum.operators.acts import Operator

LIVE: Final = frozenset({RunState.RUNNING, RunState.SUSPENDED})
ENDED: Final = frozenset(RunState) - LIVE

PlannedAct: TypeAlias = Literal[
    "cancel", "signal", "retry", "restart", "release", "pause", "resume", "attributes"
]
"""The names of what can be planned."""

MAX_PLAN: Final = 1_000_000
"""Runs of one plan."""
SAMPLE: Final = 10
"""Ids that a plan shows."""


class PlanOutcome(StrEnum):
    """What became of a run of a plan."""

    PENDING = "pending"
    DONE = "done"
    SKIPPED = "skipped"
    """It was not as the plan expects, or the act does not fit it; it was left alone."""
    FAILED = "failed"
    """The act was tried and refused for this run, which is as it was."""


@dataclass(frozen=True, slots=True)
class PlanKind:
    """What can be planned.

    Attributes:
        kind: the command that does the same to one run.
        fits: states of runs that it can be done to.
        takes: the names of its arguments.
        needs: those of them that it cannot do without.
    """

    kind: str
    fits: frozenset[RunState]
    takes: frozenset[str]
    needs: frozenset[str] = frozenset()


PLANNABLE: Final[Mapping[str, PlanKind]] = {
    "cancel": PlanKind("cancel", LIVE, frozenset({"force"})),
    "signal": PlanKind(
        "signal", LIVE, frozenset({"name", "payload", "delivery_id"}), frozenset({"name"})
    ),
    "retry": PlanKind("retry", frozenset({RunState.FAILED}), frozenset({"force", "once"})),
    "restart": PlanKind("restart", ENDED, frozenset({"once"})),
    "release": PlanKind("release", LIVE, frozenset()),
    "pause": PlanKind("pause", LIVE, frozenset()),
    "resume": PlanKind("resume", LIVE, frozenset()),
    "attributes": PlanKind(
        "attributes set", frozenset(RunState), frozenset({"attributes", "unset"})
    ),
}


def does_not_fit(act: str, state: RunState) -> str | None:
    """Why a run in this state is skipped, None when the act fits it."""
    if state in PLANNABLE[act].fits:
        return None
    if act == "retry":
        return f"it has not failed, it is {state}"
    if act == "restart":
        return f"it has not ended, it is {state}"
    return f"already {state}"


@dataclass(frozen=True, slots=True)
class PlanRun:
    """One run of a plan.

    Attributes:
        n: its place in the plan.
        run_id: which run.
        state: in which it was seen when the plan was made.
        outcome: "pending", "done", "skipped" or "failed".
        detail: what was done, or why not.
        at: when; None as long as it is pending.
    """

    n: int
    run_id: UUID
    state: RunState
    outcome: PlanOutcome
    detail: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A plan to be stored.

    Attributes:
        id: of the plan.
        act: one of `PLANNABLE`.
        arguments: of the act.
        namespace: where the runs were looked for; None is everywhere.
        expression: what they matched.
        accepts: states that a run may have by the time it is acted upon, besides the one it was
            seen in. None when the expression asks for states.
        runs: in the order in which they are worked off.
    """

    id: UUID
    act: str
    arguments: Mapping[str, Any]
    namespace: str | None
    expression: str
    accepts: Sequence[RunState]
    reason: str | None
    operator: Operator
    expires_after: timedelta
    runs: Sequence[PlanRun]

    @property
    def count(self) -> int:
        """Runs to act upon."""
        return sum(run.outcome is PlanOutcome.PENDING for run in self.runs)

    def unsaved(self, seen_at: datetime) -> BulkPlan:
        """The plan that it would be."""
        count, matched = self.count, len(self.runs)
        return BulkPlan(
            id=self.id, act=self.act, arguments=self.arguments, namespace=self.namespace,
            expression=self.expression, count=count, matched=matched,
            sample=tuple(run.run_id for run in self.runs[:SAMPLE]), reason=self.reason,
            operator=self.operator.name, host=self.operator.host, program=self.operator.program,
            created_at=seen_at, expires_at=seen_at, applied_at=None, pending=count, done=0,
            skipped=matched - count, failed=0, read_at=seen_at,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPlan:
    """An act upon many runs, and how far it is.

    Attributes:
        id: by which it is applied.
        act: one of `PLANNABLE`, such as "cancel".
        arguments: of the act, such as the name of a signal.
        namespace: where the runs were looked for; None is everywhere.
        expression: what they matched when it was made.
        count: runs that it acts upon: what has to be said to apply it.
        matched: runs that matched, those included that the act did not fit.
        sample: ids of the first of them.
        reason: why.
        operator, host, program: who made it, and from where.
        created_at, expires_at: by the database's clock; it cannot be applied any more afterwards.
        applied_at: when somebody began; None: nobody did.
        pending, done, skipped, failed: runs by what became of them.
        read_at: the database's clock when this was read.
    """

    id: UUID
    act: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    namespace: str | None
    expression: str
    count: int
    matched: int
    sample: tuple[UUID, ...] = ()
    reason: str | None
    operator: str
    host: str
    program: str
    created_at: datetime
    expires_at: datetime
    applied_at: datetime | None
    pending: int
    done: int
    skipped: int
    failed: int
    read_at: datetime

    @property
    def status(self) -> str:
        """One of "planned", "applying", "applied", "expired"."""
        if self.pending == 0:
            return "applied"
        if self.read_at >= self.expires_at:
            return "expired"
        return "planned" if self.applied_at is None else "applying"
