"""What the operators of the sample world did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from console.acts_query import ActsQuery
from console.acts_source import ACTS, ActsPage
from console.sample_reports import NOW
from continuum.model import Run, RunState
from continuum.operators.acts import OperatorAct

_PLAN: Final = UUID("0199c2f4-0a00-7000-8000-0000000000a1")
_OF_PLAN: Final = "workflow = 'shop.orders:fulfil' and started_at < '2026-03-13'"
_HOSTS: Final = {"ann": "laptop-ann", "ben": "bastion-1.eu", "deploy-bot": "ci-7"}
_PROGRAMS: Final = {"ann": "continuum-console", "ben": "continuum", "deploy-bot": "continuum"}


@dataclass(slots=True)
class SampleActs:
    """`Acts` over entries in memory.

    Args:
        entries: the newest first.
        now: the clock, which stands still.
    """

    entries: Sequence[OperatorAct]
    now: datetime

    async def page(self, query: ActsQuery, cursor: str | None = None) -> ActsPage:
        """Those that match."""
        begins = query.begins(self.now)
        found = [
            entry
            for entry in self.entries
            if query.by in (None, entry.operator)
            and query.act in (None, entry.act)
            and query.run in (None, str(entry.run_id))
            and query.plan in (None, str(entry.plan_id))
            and query.namespace in (None, entry.namespace)
            and (begins is None or entry.at >= begins)
            and (cursor is None or entry.id < int(cursor))
        ]
        more = str(found[ACTS - 1].id) if len(found) > ACTS else None
        return ActsPage(tuple(found[:ACTS]), more, self.now)


def sample_acts(runs: Sequence[Run]) -> list[OperatorAct]:
    """A day of acts upon these runs, the newest first, the same ones every time."""
    told: list[tuple[int, str, str, Run | None, str, dict[str, Any]]] = []

    def some(state: RunState, count: int) -> list[Run]:
        return [run for run in runs if run.state is state][:count]

    if waiting := some(RunState.SUSPENDED, 2):
        told.append(
            (
                95,
                "ann",
                "signal",
                waiting[0],
                "signalled",
                {"detail": {"name": "fraud_review"}, "reason": "looked at by hand, fine"},
            )
        )
        told.append(
            (
                340,
                "ann",
                "attributes set",
                waiting[-1],
                "set",
                {"detail": {"set": ["region"]}, "reason": "moved to eu, CASE-2204"},
            )
        )
    planned = {"plan_id": _PLAN, "expression": _OF_PLAN, "reason": "warehouse 3 is closed"}
    cancelled = some(RunState.CANCELLED, 3)
    told += [(1_204 + n, "ben", "cancel", run, "cancel requested", planned)
             for n, run in enumerate(cancelled)]  # fmt: skip
    told.append((1_260, "ben", "plan", None, "planned", planned))
    told += [(4_400 + n, "ann", "retry", run, "retried", {"reason": "the gateway is back"})
             for n, run in enumerate(some(RunState.FAILED, 2))]  # fmt: skip
    told.append((11_300, "deploy-bot", "pause", None, "paused",
                 {"namespace": "reports", "reason": "roll-out of 0.5.0"}))  # fmt: skip
    told.append((11_100, "deploy-bot", "resume", None, "resumed", {"namespace": "reports"}))
    told.append((61_000, "ben", "schedules pause", None, "paused",
                 {"namespace": "reports", "detail": {"schedule": "nightly"}}))  # fmt: skip
    told.sort(key=lambda each: each[0])
    return [
        _entry(len(told) - number, ago, by, act, run, outcome, more)
        for number, (ago, by, act, run, outcome, more) in enumerate(told)
    ]


def _entry(
    number: int,
    ago: int,
    by: str,
    act: str,
    run: Run | None,
    outcome: str,
    more: Mapping[str, Any],
) -> OperatorAct:
    facts: dict[str, Any] = {
        "namespace": None if run is None else run.namespace,
        "reason": None, "expression": None, "plan_id": None, "detail": {},
        **more,
    }  # fmt: skip
    return OperatorAct(
        id=number, at=NOW - timedelta(seconds=ago), operator=by, host=_HOSTS[by],
        program=_PROGRAMS[by], act=act, run_id=None if run is None else run.id, outcome=outcome,
        **facts,
    )  # fmt: skip
