"""A small fixed world: runs, histories and nodes that never change, for screenshots and tests.

It answers like a database does (filters, order, keyset depth), from memory, with a clock that
stands still.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from console import expressions
from console.present.shapes import is_array
from console.run_source import RunReads
from console.sample_reads import SampleReads
from console.sample_reports import NOW, sample_audit, sample_health, sample_workforce
from console.source import PAGE, Counts, Pulse, RunsPage, RunsQuery, Workforce
from continuum.audit.report import AuditReport
from continuum.errors import RunNotFound, RunTerminal
from continuum.health.report import HealthReport
from continuum.model import (
    AttributeKey,
    HistoryEvent,
    Run,
    RunError,
    RunState,
    ServerInfo,
    StoredValue,
)
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
_LIVE_CHILD: Final = UUID("0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8")
_PLANS: Final = ("free", "pro", "team")
_REGIONS: Final = ("eu", "us", "ap")


def stored(value: object) -> StoredValue:
    """A value as the client hands it out."""
    data = msgspec.json.encode(value)
    return StoredValue(data, len(data))


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

    async def server(self) -> ServerInfo:
        """A connection that looks like one."""
        return ServerInfo("ops", "shop", "db1", 5432, "18.1", replica=False)

    async def runs(
        self, query: RunsQuery, limit: int = PAGE, cursor: str | None = None
    ) -> RunsPage:
        """Those that match, in order; a cursor is the id of the run that it goes on behind."""
        found = self._found(query.namespace, query.condition)
        found.sort(key=lambda run: (run.started_at, run.id), reverse=query.order.descending)
        by = partial(_value, query.order.operand)
        valued = [run for run in found if by(run) is not None]
        valued.sort(key=by, reverse=query.order.descending)
        found = [*valued, *(run for run in found if by(run) is None)]
        begin = 1 + [str(run.id) for run in found].index(cursor) if cursor else 0
        shown = found[begin : begin + limit]
        onward = str(shown[-1].id) if begin + limit < len(found) else None
        return RunsPage(tuple(shown), onward, complete=True, at=self.now)

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
        return Pulse(self.live_nodes, len(shown), self.stuck, namespace)

    async def run(self, run_id: UUID) -> Run:
        """One run."""
        for run in self.all_runs:
            if run.id == run_id:
                return run
        raise RunNotFound(run_id)

    @property
    def run_reads(self) -> RunReads:
        """What there is to know of one run."""
        return SampleReads(
            lambda: self.all_runs, lambda run: self.journals.get(run.id) or sample_history(run)
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
        return f"child {_LIVE_CHILD}"
    return f"activity shop.payments:charge attempt {random.randrange(2, 5)} of 5, retry at {until}"


class _Journal:
    """Events one after the other, from the start of a run."""

    def __init__(self, run: Run) -> None:
        self.at = run.started_at
        self.events: list[HistoryEvent] = []
        self.add(
            "run_started", None, 0, version=run.version, version_hash=run.version_hash,
            runtime="1-py3.11",
        )  # fmt: skip

    def add(self, kind: str, command: int | None, later: float, **data: object) -> None:
        """One more event, `later` seconds after the one before."""
        self.at += timedelta(seconds=later)
        seq = len(self.events) + 1
        self.events.append(HistoryEvent(seq, 1, kind, command, stored(data), self.at))


def sample_report(run: Run) -> list[HistoryEvent]:
    """The journal of a report that still waits for some of its children."""
    journal = _Journal(run)
    add = journal.add
    children = [*(UUID(int=run.id.int + number) for number in range(1, 4)), _LIVE_CHILD]
    regions = ("eu", "us", "apac", "latam")
    for number, (child, region) in enumerate(zip(children, regions, strict=True)):
        add(
            "child_started",
            number + 1,
            0,
            run_id=str(child),
            name="shop.reports:region_report",
            args=[region, "2026-03-13"],
            namespace="reports",
            attributes={"region": region},
        )
    add(
        "child_completed",
        2,
        0.83,
        run_id=str(children[1]),
        state="completed",
        value={"region": "us", "orders": 412, "revenue": 2_310_400},
    )
    add("patch_decided", None, 0, name="retry-regions", taken=True, after=4)
    error = {"type": "shop.reports.WarehouseBusy", "message": "no answer for store 3 of apac"}
    add("child_failed", 3, 0.4, run_id=str(children[2]), state="failed", value=None, error=error)
    add("attributes_set", 5, 0, attributes={"incomplete": ["apac"]})
    add(
        "child_completed",
        1,
        0.2,
        run_id=str(children[0]),
        state="completed",
        value={"region": "eu", "orders": 290, "revenue": 1_876_200},
    )
    return journal.events


def sample_history(run: Run) -> list[HistoryEvent]:
    """A believable journal for a run."""
    if run.workflow.endswith("nightly_report") and not run.state.terminal:
        return sample_report(run)
    journal = _Journal(run)
    add, events = journal.add, journal.events
    arguments: list[Any] = [*run.input] if is_array(run.input) else []
    error = {"type": "shop.payments.GatewayTimeout", "message": "gateway did not answer in 2 s"}
    add("activity_scheduled", 1, 0, name="shop.orders:reserve_stock", args=arguments)
    add("activity_completed", 1, 0.031, attempt=1, value={"warehouse": "ber-2", "shelf": 14})
    add("side_effect", 2, 0, value="2026-03-14")
    add("activity_scheduled", 3, 0, name="shop.payments:charge", args=[*arguments, "card_4242"])
    retry_at = (journal.at + timedelta(seconds=2.1)).isoformat()
    add("activity_attempt_failed", 3, 2.004, attempt=1, error=error, next_at=retry_at)
    add("activity_started", 3, 0.1, attempt=2)
    add("activity_completed", 3, 0.244, attempt=2, value=f"pay_{run.id.hex[-8:]}")
    due = (journal.at + timedelta(hours=24)).isoformat()
    add("timer_started", 4, 0, due_at=due)
    add("signal_awaited", 5, 0, name="fraud_review")
    if run.state is RunState.SUSPENDED or run.state is RunState.RUNNING:
        return events
    add("signal_received", None, 0.8, name="fraud_review", value="approved", message=7)
    add("timer_cancelled", 6, 0, target=4)
    add("activity_scheduled", 7, 0, name="shop.orders:ship", args=arguments)
    if run.error is not None:
        failure = {"type": run.error.type, "message": run.error.message}
        add("activity_failed", 7, 0.3, attempt=1, error=failure)
        add("run_failed", None, 0, error=failure)
    elif run.state is RunState.CANCELLED:
        add("cancel_requested", None, 0.2, message=9, reason="customer asked")
        add("run_cancelled", None, 0, reason="customer asked")
    else:
        add("activity_completed", 7, 0.3, attempt=1, value={"carrier": "DHL", "parcel": "JD0146"})
        add("run_completed", None, 0)
    return events
