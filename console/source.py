"""What the console reads and writes: a Protocol, and its one implementation over the client.

Everything the console knows comes through here, so a read-only session is enforced at one place
(`read_only.ReadOnlySource`), whatever a screen or a key binding tries.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from console import expressions
from console.acts_source import Acts, ClientActs
from console.bulk_source import Bulk, ClientBulk
from console.hold_source import ClientHolds, Holds
from console.run_source import ClientRunReads, RunReads
from continuum import Continuum
from continuum.audit.report import AuditReport
from continuum.declare.registry import AnyWorkflow
from continuum.health.report import Facts, HealthReport
from continuum.model import AttributeKey, NodeInfo, Run, RunState, ServerInfo
from continuum.query.tree import Condition, JsonText, Order

PAGE: Final = 100
"""Rows asked for at once."""
MOST_STUCK: Final = 100
"""Stuck runs counted at most: more are told as "99+"."""
MAX_ROWS: Final = 1_000
"""Rows held at most; beyond that the query is to be narrowed."""

BUDGET: Final = 0.25
"""Seconds that a question about many runs may take; what is known by then is the answer."""
SAMPLE: Final = 2_000
"""Runs looked at for the attribute keys there are."""


@dataclass(frozen=True, slots=True)
class RunsQuery:
    """What the Runs screen shows.

    Attributes:
        namespace: None means all.
        expression: in the query language, with or without an order; as it was typed.

    Raises:
        QueryError: the expression cannot be read.
    """

    namespace: str | None = "default"
    expression: str = ""

    def __post_init__(self) -> None:
        expressions.parse(self.expression)

    @property
    def condition(self) -> Condition:
        """The tree of the expression."""
        return expressions.parse(self.expression).condition

    @property
    def order(self) -> Order:
        """Newest first, unless the expression says otherwise."""
        return expressions.parse(self.expression).order

    @property
    def state(self) -> str | None:
        """The one state that is asked for."""
        return expressions.state_of(self.condition)

    def changed(self, **fields: Any) -> RunsQuery:
        """A copy with some fields replaced."""
        return replace(self, **fields)

    def asking(self, condition: Condition | None = None, order: Order | None = None) -> RunsQuery:
        """A copy with another condition or order, spelled anew."""
        made = expressions.text(
            self.condition if condition is None else condition,
            self.order if order is None else order,
        )
        return replace(self, expression=made)


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Runs that match, in the order asked for, read at `at` by the database's clock.

    `cursor` goes on behind them; None when nothing is left. `complete` is False when the search
    gave up early: then there may be fewer than were asked for, even none.
    """

    runs: tuple[Run, ...]
    cursor: str | None
    complete: bool
    at: datetime

    @property
    def more(self) -> bool:
        """Whether there may be further runs."""
        return self.cursor is not None


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each value occurs, the commonest first; at least so often when not `exact`."""

    of: Mapping[Any, int]
    exact: bool = True

    def __getitem__(self, value: object) -> int:
        return self.of.get(value, 0)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.of.values())


@dataclass(frozen=True, slots=True)
class Pulse:
    """The numbers of the header, of one namespace or of all (None).

    `stuck` counts runs that no live node can run, up to `MOST_STUCK`, and `paused` what is paused
    besides single runs.
    """

    live_nodes: int
    running: int
    stuck: int
    namespace: str | None = None
    paused: int = 0


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who works, at a moment of the database's clock.

    Attributes:
        nodes: every registered worker process.
        facts: queues, leases and parked runs, as far as they are known.
        wake_lag: how long the run waits that waits longest for a worker that can run it.
    """

    nodes: Sequence[NodeInfo]
    facts: Facts
    wake_lag: timedelta | None
    at: datetime


class Source(Protocol):
    """What the console needs of a database."""

    async def server(self) -> ServerInfo:
        """Who and where we are connected, from the live connection."""
        ...

    async def runs(
        self, query: RunsQuery, limit: int = PAGE, cursor: str | None = None
    ) -> RunsPage:
        """The first `limit` runs that match, or those behind a cursor, within `BUDGET`."""
        ...

    def stream(self, query: RunsQuery) -> AsyncGenerator[Run]:
        """Every run that matches, in order, without its payloads, however many there are."""
        ...

    async def states(self, query: RunsQuery) -> Counts:
        """How many runs have each state, for the query without its state, within `BUDGET`."""
        ...

    async def values(self, namespace: str | None, operand: str) -> Counts:
        """How many runs have each value of a field or attribute, within `BUDGET`."""
        ...

    async def total(self, query: RunsQuery) -> Counts:
        """How many runs match, under the one key None, within `BUDGET`."""
        ...

    async def attribute_keys(self, namespace: str | None) -> Sequence[AttributeKey]:
        """Which attribute keys a sample of runs has. Raises `TimeoutError` after `BUDGET`."""
        ...

    async def pulse(self, namespace: str | None) -> Pulse:
        """The numbers of the header."""
        ...

    async def run(self, run_id: UUID) -> Run:
        """One run. Raises `RunNotFound`."""
        ...

    @property
    def run_reads(self) -> RunReads:
        """What there is to know of one run."""
        ...

    @property
    def bulk(self) -> Bulk:
        """Acts upon many runs."""
        ...

    @property
    def holds(self) -> Holds:
        """Pauses."""
        ...

    @property
    def acts(self) -> Acts:
        """The operator journal."""
        ...

    async def namespaces(self) -> Sequence[str]:
        """Every namespace that holds runs, sorted."""
        ...

    async def audit(self) -> AuditReport:
        """Live runs compared with code, over every namespace."""
        ...

    async def workforce(self) -> Workforce:
        """Workers and queues."""
        ...

    async def health(self) -> HealthReport:
        """What is wrong, over every namespace."""
        ...

    async def signal(self, run_id: UUID, name: str, payload: object) -> None:
        """Send a signal. Raises `RunNotFound`, `RunTerminal`, `PayloadError`."""
        ...

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        """Ask a run to stop, or end it at once. Raises `RunNotFound`, `RunTerminal`."""
        ...


class ClientSource:
    """The real thing, over one `Continuum` client.

    Args:
        client: open.
        flows: the code that is loaded; without it what live workers have loaded is audited.
    """

    def __init__(self, client: Continuum, flows: Sequence[AnyWorkflow] | None = None) -> None:
        self._client = client
        self.run_reads: RunReads = ClientRunReads(client, flows or ())
        self.bulk: Bulk = ClientBulk(client)
        self.acts: Acts = ClientActs(client)
        self.holds: Holds = ClientHolds(client)
        self._flows = flows

    async def server(self) -> ServerInfo:
        """Who and where we are connected, from the live connection."""
        return await self._client.server()

    async def runs(
        self, query: RunsQuery, limit: int = PAGE, cursor: str | None = None
    ) -> RunsPage:
        """The first `limit` runs that match, or those behind a cursor."""
        page = await self._client.query(
            query.expression,
            namespace=query.namespace,
            limit=limit,
            cursor=cursor,
            budget=BUDGET,
        )
        return RunsPage(page.entries, page.next_cursor, page.complete, page.stamp.at)

    def stream(self, query: RunsQuery) -> AsyncGenerator[Run]:
        """Every run that matches."""
        return self._client.stream(query.expression, namespace=query.namespace)

    async def states(self, query: RunsQuery) -> Counts:
        """How many runs have each state, for the query without its state."""
        stateless = expressions.with_state(query.condition, None)
        counts = await self._count(query.namespace, expressions.text(stateless), "state")
        every = dict.fromkeys((state.value for state in RunState), 0)
        return replace(counts, of=every | dict(counts.of))

    async def values(self, namespace: str | None, operand: str) -> Counts:
        """How many runs have each value of a field or attribute."""
        return await self._count(namespace, "", operand)

    async def total(self, query: RunsQuery) -> Counts:
        """How many runs match, under the one key None."""
        return await self._count(query.namespace, expressions.text(query.condition), None)

    async def _count(self, namespace: str | None, expression: str, group_by: str | None) -> Counts:
        found = await self._client.counts(
            expression, namespace=namespace, group_by=group_by, budget=BUDGET
        )
        groups = sorted(found.groups, key=lambda group: group.count, reverse=True)
        of = {_hashable(group.key[0] if group.key else None): group.count for group in groups}
        return Counts(of, found.stamp.exact)

    async def attribute_keys(self, namespace: str | None) -> Sequence[AttributeKey]:
        """Which attribute keys a sample of runs has."""
        async with asyncio.timeout(BUDGET):
            return await self._client.attribute_keys(namespace=namespace, sample=SAMPLE)

    async def pulse(self, namespace: str | None) -> Pulse:
        """The numbers of the header."""
        nodes = await self._client.nodes()
        running = await self._client.count("state = 'running'", namespace=namespace)
        stuck = await self._client.query("stuck", namespace=namespace, limit=MOST_STUCK)
        paused = sum(
            each.namespace is None or namespace in (None, each.namespace)
            for each in await self._client.pauses()
        )
        alive = sum(node.alive for node in nodes)
        return Pulse(alive, running, len(stuck.entries), namespace, paused)

    async def run(self, run_id: UUID) -> Run:
        """One run. Raises `RunNotFound`."""
        return await self._client.get_run(run_id)

    async def namespaces(self) -> Sequence[str]:
        """Every namespace that holds runs, sorted."""
        return await self._client.namespaces()

    async def audit(self) -> AuditReport:
        """Live runs compared with code, over every namespace."""
        return await self._client.audit(self._flows)

    async def workforce(self) -> Workforce:
        """Workers and queues."""
        report = await self._client.health(sample=0)
        nodes = await self._client.nodes()
        at = report.at or max((node.heartbeat_at for node in nodes), default=datetime.now(UTC))
        return Workforce(nodes, report.facts, report.wake_lag, at)

    async def health(self) -> HealthReport:
        """What is wrong, over every namespace."""
        return await self._client.health()

    async def signal(self, run_id: UUID, name: str, payload: object) -> None:
        """Send a signal."""
        await self._client.signal(run_id, name, payload)

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        """Ask a run to stop, or end it at once."""
        await self._client.cancel(run_id, reason=reason, force=force)


def _hashable(value: Any) -> Any:
    """A value as a key; an object or array by its JSON text, as the query language spells it."""
    if isinstance(value, dict | list):
        return JsonText(json.dumps(value, ensure_ascii=False))
    return value
