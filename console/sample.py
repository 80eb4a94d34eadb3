"""A small fixed world: runs, histories and nodes that never change, for screenshots and tests.

It answers like a database does (filters, order, keyset depth), from memory, with a clock that
stands still.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Final
from uuid import UUID

from console import expressions
from console.acts_source import Acts
from console.run_source import RunReads
from console.sample_acts import SampleActs, sample_acts
from console.sample_holds import SampleHolds
from console.sample_journals import LIVE_CHILD, sample_history, stored
from console.sample_plans import SampleBulk
from console.sample_reads import SampleReads
from console.sample_reports import NOW, sample_audit, sample_health, sample_workforce
from console.source import PAGE, Counts, Pulse, RunsPage, RunsQuery, Workforce
from continuum.audit.report import AuditReport
from continuum.client.expecting import ExpectedPayload
from continuum.errors import RunNotFound, RunTerminal
from continuum.health.report import HealthReport
from continuum.model import (
    AttributeKey,
    HistoryEvent,
    Run,
    RunError,
    RunState,
    ServerInfo,
)
from continuum.operators.plans import BulkPlan
from continuum.query import matching
from continuum.query.text import parse_operands
from continuum.query.times import pin
from continuum.query.tree import All, Condition, Operand

_FLOWS: Final = {
    "billing": ("shop.payments:collect_invoice", "shop.payments:refund", "shop.plans:subscription"),
    "orders": ("shop.orders:order_flow", "shop.orders:fulfil"),
    "reports": ("shop.reports:nightly_report",),
}
_HASHES: Final = {
    "shop.payments:collect_invoice": (3, "71aa40c2"),
    "shop.payments:refund": (1, "03bed914"),
    "shop.plans:subscription": (2, "9f2c11de"),
    "shop.orders:order_flow": (2, "c4e8a0b7"),
    "shop.orders:fulfil": (1, "5d10f3a9"),
    "shop.reports:nightly_report": (4, "e77b02c6"),
}
_ERRORS: Final = (
    RunError("shop.payments.CardDeclined", "card ending 4242 was declined: insufficient funds"),
    RunError("continuum.errors.ActivityTimeout", "activity shop.payments:charge failed: no answer"),
    RunError("shop.orders.OrderRejected", "order o-8841 was rejected by fraud review"),
)
_PLANS: Final = ("free", "pro", "team")
_REGIONS: Final = ("eu", "us", "ap")


@dataclass(slots=True)
class SampleSource:
    """A `Source` over runs in memory; writes are recorded and change the run's state."""

    all_runs: list[Run] = field(default_factory=lambda: sample_runs(160))
    journals: dict[UUID, list[HistoryEvent]] = field(default_factory=dict[UUID, list[HistoryEvent]])
    now: datetime = NOW
    live_nodes: int = 3
    stuck: int = 0
    report: AuditReport = field(default_factory=sample_audit)
    workers: Workforce = field(default_factory=sample_workforce)
    health_report: HealthReport = field(default_factory=sample_health)
    signals: list[tuple[UUID, str, object]] = field(default_factory=list[tuple[UUID, str, object]])
    cancels: list[tuple[UUID, str | None, bool]] = field(
        default_factory=list[tuple[UUID, str | None, bool]]
    )
    expected: dict[str, ExpectedPayload | None] = field(
        default_factory=dict[str, ExpectedPayload | None]
    )
    bulk: SampleBulk = field(init=False)
    acts: Acts = field(init=False)
    holds: SampleHolds = field(init=False)

    def __post_init__(self) -> None:
        """Plans are over the same runs."""
        self.bulk = SampleBulk(self._ordered, self._run, self._act, self.now)
        self.holds = SampleHolds(self._hold, self.now)
        self.acts = SampleActs(sample_acts(self.all_runs), self.now)

    async def server(self) -> ServerInfo:
        """A connection that looks like one."""
        return ServerInfo("ops", "shop", "db1", 5432, "18.1", replica=False)

    async def runs(
        self, query: RunsQuery, limit: int = PAGE, cursor: str | None = None
    ) -> RunsPage:
        """Those that match, in order; a cursor is the id of the run that it goes on behind."""
        found = self._ordered(query)
        begin = 1 + [str(run.id) for run in found].index(cursor) if cursor else 0
        shown = found[begin : begin + limit]
        onward = str(shown[-1].id) if begin + limit < len(found) else None
        return RunsPage(tuple(shown), onward, complete=True, at=self.now)

    def _ordered(self, query: RunsQuery) -> list[Run]:
        found = self._found(query.namespace, query.condition)
        found.sort(key=lambda run: (run.started_at, run.id), reverse=query.order.descending)
        by = partial(_value, query.order.operand)
        valued = [run for run in found if by(run) is not None]
        valued.sort(key=by, reverse=query.order.descending)
        return [*valued, *(run for run in found if by(run) is None)]

    async def stream(self, query: RunsQuery) -> AsyncGenerator[Run]:
        """All of them."""
        for run in self._ordered(query):
            yield run

    async def states(self, query: RunsQuery) -> Counts:
        """By state, without that of the query."""
        found = self._found(query.namespace, expressions.with_state(query.condition, None))
        counted = Counter(run.state.value for run in found)
        return Counts(dict.fromkeys((state.value for state in RunState), 0) | counted)

    async def values(self, namespace: str | None, operand: str) -> Counts:
        """The commonest first."""
        [read] = parse_operands(operand)
        found = [_value(read, run) for run in self._found(namespace, All())]
        return Counts(dict(Counter(found).most_common()))

    async def total(self, query: RunsQuery) -> Counts:
        """All of them."""
        return Counts({None: len(self._found(query.namespace, query.condition))})

    async def attribute_keys(self, namespace: str | None) -> Sequence[AttributeKey]:
        """The keys of the outermost object."""
        runs = self._found(namespace, All())
        held = Counter(key for run in runs for key in run.attributes)
        return [
            AttributeKey(
                (key,),
                {"string": count / len(runs)},
                len({run.attributes.get(key) for run in runs}),
            )
            for key, count in held.most_common()
        ]

    async def pulse(self, namespace: str | None) -> Pulse:
        """The numbers of the header."""
        running = [run for run in self.all_runs if run.state is RunState.RUNNING]
        shown = [run for run in running if namespace in (None, run.namespace)]
        return Pulse(self.live_nodes, len(shown), self.stuck, namespace, len(self.holds.held))

    async def run(self, run_id: UUID) -> Run:
        """One run."""
        return self._run(run_id)

    def _run(self, run_id: UUID) -> Run:
        for run in self.all_runs:
            if run.id == run_id:
                return run
        raise RunNotFound(run_id)

    @property
    def run_reads(self) -> RunReads:
        """What there is to know of one run."""
        return SampleReads(
            lambda: self.all_runs,
            lambda run: self.journals.get(run.id) or sample_history(run),
            self.expected,
        )

    async def namespaces(self) -> Sequence[str]:
        """Those that hold runs."""
        return sorted({run.namespace for run in self.all_runs})

    async def audit(self) -> AuditReport:
        """A report with one of everything."""
        return self.report

    async def workforce(self) -> Workforce:
        """Workers of every sort."""
        return self.workers

    async def health(self) -> HealthReport:
        """A report with one of everything."""
        return self.health_report

    async def signal(self, run_id: UUID, name: str, payload: object) -> None:
        """Record it; the run completes."""
        await self._end(run_id, RunState.COMPLETED)
        self.signals.append((run_id, name, payload))

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        """Record it; the run is cancelled."""
        await self._end(run_id, RunState.CANCELLED)
        self.cancels.append((run_id, reason, force))

    async def _act(self, run_id: UUID, plan: BulkPlan) -> None:
        """What a plan says, to one run."""
        given = plan.arguments
        match plan.act:
            case "cancel":
                await self.cancel(run_id, reason=plan.reason, force=given.get("force", False))
            case "signal":
                await self.signal(run_id, given["name"], given.get("payload"))
            case "pause" | "resume":
                self._hold(run_id, plan.act == "pause")
            case _:
                await self.bulk.set_attributes(
                    run_id, given.get("attributes", {}), given.get("unset", ()), plan.reason
                )

    def _hold(self, run_id: UUID, paused: bool) -> bool:
        """Pause a run or let it go on; whether that changed anything."""
        run = self._run(run_id)
        if run.state.terminal:
            raise RunTerminal(run_id, run.state)
        self.all_runs[self.all_runs.index(run)] = replace(run, paused=paused)
        return run.paused != paused

    async def _end(self, run_id: UUID, state: RunState) -> None:
        run = await self.run(run_id)
        if run.state.terminal:
            raise RunTerminal(run_id, run.state)
        ended = replace(run, state=state, completed_at=self.now, waiting_on=None, owner=None)
        self.all_runs[self.all_runs.index(run)] = ended

    def _found(self, namespace: str | None, condition: Condition) -> list[Run]:
        asked = pin(condition, self.now)
        return [
            run
            for run in self.all_runs
            if namespace in (None, run.namespace)
            and matching.holds(asked, partial(_field, run), run.attributes)
        ]


def _field(run: Run, name: str) -> Any:
    """A field as conditions compare it."""
    match name:
        case "state":
            return run.state.value
        case "duration":
            return Decimal(run.duration // timedelta(microseconds=1)) / 1_000_000
        case "error":
            return None if run.error is None else run.error.message
        case "error_type":
            return None if run.error is None else run.error.type
        case "stuck":
            return False
        case _:
            return getattr(run, name, None)


def _value(operand: Operand, run: Run) -> Any:
    return matching.stored(operand, partial(_field, run), run.attributes)


def sample_runs(count: int) -> list[Run]:
    """`count` runs of a shop, newest first, the same ones every time."""
    random = Random(20260314)
    started = NOW
    found: list[Run] = []
    for number in range(count):
        started -= timedelta(seconds=random.expovariate(1 / (1.5 + number * 0.7)))
        found.append(_sample_run(random, number, started))
    return found


def _sample_run(random: Random, number: int, started: datetime) -> Run:
    namespace = random.choice(("billing", "billing", "orders", "orders", "orders", "reports"))
    workflow = random.choice(_FLOWS[namespace])
    version, version_hash = _HASHES[workflow]
    if workflow == "shop.orders:order_flow" and number % 3 == 0:
        version_hash = "9f2c41aa"  # the code before a patch, as the sample audit has it
    age = NOW - started
    state = _sample_state(random, number)
    took = min(age, timedelta(seconds=random.uniform(0.08, 9)))
    ended = started + took if state.terminal else None
    milliseconds = int(started.timestamp() * 1000)
    tail = random.getrandbits(62)
    run_id = UUID(
        int=(milliseconds << 80) | (7 << 76) | (random.getrandbits(12) << 64) | (2 << 62) | tail
    )
    error = random.choice(_ERRORS) if state is RunState.FAILED else None
    order = f"o-{8000 + number}"
    return Run(
        id=run_id,
        namespace=namespace,
        workflow=workflow,
        version=version,
        version_hash=f"{version_hash}{'0' * 56}",
        state=state,
        attributes={
            "plan": random.choice(_PLANS),
            "region": random.choice(_REGIONS),
            "customer_id": f"cus_{random.randrange(100, 999)}",
        },
        started_at=started,
        updated_at=ended or started + took,
        completed_at=ended,
        duration=took if ended else age,
        waiting_on=_sample_wait(random, workflow) if state is RunState.SUSPENDED else None,
        owner=None if ended else "0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8",
        parent_id=None,
        incarnation=1,
        error=error,
        stored_input=stored([{"id": order, "amount": random.randrange(900, 90_000), "items": 3}]),
        stored_output=stored({"order": order, "payment": f"pay_{random.getrandbits(32):08x}"})
        if state is RunState.COMPLETED
        else None,
    )


def _sample_state(random: Random, number: int) -> RunState:
    if number < 2:
        return RunState.RUNNING
    live = 0.75 if number < 12 else 0.3
    if random.random() < live:
        return RunState.RUNNING if random.random() < 0.25 else RunState.SUSPENDED
    weights = {RunState.COMPLETED: 80, RunState.FAILED: 13, RunState.CANCELLED: 7}
    return random.choices(list(weights), list(weights.values()))[0]


def _sample_wait(random: Random, workflow: str) -> str:
    later = (NOW + timedelta(seconds=random.choice((4, 41, 900, 86_000)))).isoformat()
    until = later.replace("+00:00", "Z")
    if workflow.endswith(("order_flow", "refund")):
        return f"signal fraud_review until {until}"
    if workflow.endswith("subscription"):
        return f"timer until {until}"
    if workflow.endswith("nightly_report"):
        return f"child {LIVE_CHILD}"
    return f"activity shop.payments:charge attempt {random.randrange(2, 5)} of 5, retry at {until}"
