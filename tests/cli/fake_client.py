"""A client that answers from memory, so that what is printed can be tested without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from continuum.cli import connection
from continuum.errors import RunNotFound, RunTerminal
from continuum.model import (
    HistoryEvent,
    NodeInfo,
    Page,
    Plan,
    Run,
    RunError,
    RunState,
    Stamp,
    Step,
    StoredValue,
)
from continuum.operators.acts import OperatorAct
from continuum.operators.plans import BulkPlan, PlanOutcome, PlanRun
from continuum.store.reading import CountGroup, Counts

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)


def stored(data: bytes) -> StoredValue:
    """A payload as the store hands it out."""
    return StoredValue(data, len(data))


def make_run(number: int = 1, state: RunState = RunState.SUSPENDED, **changes: Any) -> Run:
    """A run with every field set to something that can be recognised."""
    ended = state.terminal
    fields: dict[str, Any] = {
        "id": UUID(int=number),
        "namespace": "billing",
        "workflow": "shop:order_flow",
        "version": 1,
        "version_hash": "9f2c",
        "state": state,
        "attributes": {"plan": "pro", "amount": 4200, "nested": {"deep": [1, "a"]}},
        "started_at": NOON,
        "updated_at": NOON + timedelta(seconds=1),
        "completed_at": NOON + timedelta(seconds=2) if ended else None,
        "duration": timedelta(seconds=2, milliseconds=500),
        "waiting_on": None if ended else "signal fraud_review",
        "owner": None if ended else str(UUID(int=99)),
        "parent_id": None,
        "incarnation": 1,
        "error": None,
        "stored_input": stored(b'[{"id":"o1"}]'),
        "stored_output": stored(b'"trk_1"') if state is RunState.COMPLETED else None,
    }
    if state is RunState.FAILED:
        fields["error"] = RunError("shop.CardDeclined", "card declined", "Traceback ...")
    return Run(**(fields | changes))


def make_node(**changes: Any) -> NodeInfo:
    """A live worker."""
    fields: dict[str, Any] = {
        "id": UUID(int=7),
        "host": "web-1",
        "pid": 4711,
        "version": "0.5.0",
        "build": "abc",
        "started_at": NOON,
        "heartbeat_at": NOON,
        "expires_at": NOON + timedelta(seconds=30),
        "dead_at": None,
        "draining": False,
        "queues": (),
        "capacity": 200,
        "owned_runs": 3,
        "workflows": ("shop:order_flow",),
    }
    return NodeInfo(**(fields | changes))


def make_event(seq: int, kind: str = "signal_received") -> HistoryEvent:
    """A journal event."""
    return HistoryEvent(seq, 1, kind, None, stored(b'{"name":"fraud_review"}'), NOON)


class FakeClient:
    """Answers from `runs`; records every write in `calls`."""

    page_size = 1000

    def __init__(self, *runs: Run) -> None:
        self.runs = {run.id: run for run in runs}
        self.calls: list[tuple[Any, ...]] = []
        self.queries: list[dict[str, Any]] = []
        self.acts: list[OperatorAct] = []
        self.planned: BulkPlan | None = None
        self.events: list[HistoryEvent] = [make_event(1), make_event(2)]

    def _require(self, run_id: UUID) -> Run:
        if run_id not in self.runs:
            raise RunNotFound(run_id)
        return self.runs[run_id]

    async def get_run(self, run_id: UUID, *, namespace: str | None = None) -> Run:
        return self._require(run_id)

    async def query(self, **spec: Any) -> Page[Run]:
        self.queries.append(spec)
        at, limit = int(spec.get("cursor") or 0), int(spec["limit"])
        listed = self._listed(spec)
        following = str(at + limit) if at + limit < len(listed) else None
        return Page(tuple(listed[at : at + limit]), following, True, Stamp(NOON, 0.002))

    async def pages(self, **spec: Any) -> AsyncGenerator[Page[Run]]:
        page = await self.query(**{"limit": self.page_size} | spec)
        yield page
        while page.next_cursor is not None:
            page = await self.query(**spec | {"limit": self.page_size, "cursor": page.next_cursor})
            yield page

    async def records(
        self, fields: Sequence[str], **spec: Any
    ) -> AsyncGenerator[Page[tuple[Any, ...]]]:
        async for page in self.pages(**spec):
            entries = tuple(tuple(getattr(run, name) for name in fields) for run in page.entries)
            yield Page(entries, page.next_cursor, page.complete, page.stamp)

    async def count(self, **spec: Any) -> int:
        return len(self._listed(spec))

    async def counts(self, **spec: Any) -> Counts:
        """Per state when grouped; not exact when there is a budget."""
        self.queries.append(spec)
        exact = spec["budget"] is None
        numbers = Counter(
            (run.state.value,) if spec["group_by"] else () for run in self.runs.values()
        )
        groups = [CountGroup(key, number) for key, number in numbers.items()]
        step = Step("walk", "continuum_runs_started_idx", 1200, len(self.runs), 0.0125)
        stamp = Stamp(NOON, 0.02, complete=exact, exact=exact)
        return Counts(groups, stamp, Plan((step,)))

    def _listed(self, spec: dict[str, Any]) -> list[Run]:
        """All runs, or the children that are asked for."""
        parents = [each[2] for each in spec.get("where") or () if each[1] == "parent_id"]
        return [run for run in self.runs.values() if not parents or run.parent_id in parents]

    async def signal(self, run_id: UUID, name: str, payload: Any = None, **more: Any) -> None:
        run = self._require(run_id)
        if run.state.terminal:
            raise RunTerminal(run_id, run.state)
        self.calls.append(("signal", run_id, name, payload, more))

    async def cancel(self, run_id: UUID, **more: Any) -> None:
        run = self._require(run_id)
        if run.state.terminal:
            raise RunTerminal(run_id, run.state)
        self.calls.append(("cancel", run_id, more))

    async def set_attributes(self, run_id: UUID, attributes: Any, **more: Any) -> None:
        self._require(run_id)
        self.calls.append(("set_attributes", run_id, attributes, more))

    async def operator_journal(self, **spec: Any) -> Page[OperatorAct]:
        acts = tuple(act for act in reversed(self.acts) if act.run_id == spec["run_id"])
        return Page(acts, None, True, Stamp(NOON, 0.0))

    async def plan(
        self, act: str, *, namespace: str | None, arguments: dict[str, Any], save: bool, **spec: Any
    ) -> BulkPlan:
        """Of all runs; live ones are those that the act fits."""
        self.queries.append(spec | {"namespace": namespace})
        runs = self._listed(spec)
        live = [run for run in runs if not run.state.terminal]
        self.planned = BulkPlan(
            id=UUID(int=77), act=act, arguments=arguments, namespace=namespace, expression="true",
            count=len(live), matched=len(runs), sample=tuple(run.id for run in runs), reason=None,
            operator="ann", host="web-1", program="continuum", created_at=NOON, expires_at=NOON,
            applied_at=None, pending=len(live), done=0, skipped=0, failed=0, read_at=NOON,
        )  # fmt: skip
        return self.planned

    async def apply_plan(self, plan_id: UUID, *, count: int, on_progress: Any) -> BulkPlan:
        assert self.planned is not None
        assert (self.planned.id, self.planned.count) == (plan_id, count)
        for run in self.runs.values():
            if not run.state.terminal:
                self.calls.append((self.planned.act, run.id, self.planned.arguments))
        on_progress(count, count)
        return self.planned

    async def plan_runs(self, plan_id: UUID, outcome: Any, *, cursor: Any) -> Page[PlanRun]:
        done = "signalled" if self.planned and self.planned.act == "signal" else "cancel requested"
        entries = [
            PlanRun(n, run.id, run.state, PlanOutcome.SKIPPED, f"already {run.state}")
            if run.state.terminal
            else PlanRun(n, run.id, run.state, PlanOutcome.DONE, done)
            for n, run in enumerate(self.runs.values())
        ]
        return Page(tuple(entries), None, True, Stamp(NOON, 0.0))

    async def history(
        self,
        run_id: UUID,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int = 500,
        newest: bool = False,
        max_payload: int = 0,
        operators: bool = True,
    ) -> list[HistoryEvent]:
        found = [event for event in self.events if event.seq > (after or 0)]
        found = [event for event in found if before is None or event.seq < before]
        return found[-limit:] if newest else found[:limit]

    async def pauses(self) -> list[Any]:
        return []

    async def nodes(self) -> list[NodeInfo]:
        return [make_node()]


def install(monkeypatch: pytest.MonkeyPatch, client: FakeClient) -> FakeClient:
    """Make every command use this client."""

    @asynccontextmanager
    async def connect(options: Any, read_dsn: str | None = None) -> AsyncGenerator[FakeClient]:
        yield client

    monkeypatch.setattr(connection, "connect", connect)
    return client


def refuse_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test when a command opens a connection."""

    def connect(options: Any, read_dsn: str | None = None) -> Callable[..., Any]:
        raise AssertionError("the command connected before it had checked its input")

    monkeypatch.setattr(connection, "connect", connect)
