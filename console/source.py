"""What the console reads and writes: a Protocol, and its one implementation over the client.

Everything the console knows comes through here, so a read-only session is enforced at one place
(`ReadOnlySource`), whatever a screen or a key binding tries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from continuum import Continuum
from continuum.audit.report import AuditReport
from continuum.declare.registry import AnyWorkflow
from continuum.errors import ContinuumError
from continuum.model import HistoryEvent, Run, RunState, ServerInfo

PAGE: Final = 100
"""Rows asked for at once."""
MOST_STUCK: Final = 100
"""Stuck runs counted at most: more are told as "99+"."""
MAX_ROWS: Final = 1_000
"""Rows held at most; beyond that the query is to be narrowed."""

Condition = tuple[Any, ...]
"""A structured condition of the client: ("eq", ["attributes", "plan"], "pro")."""


class ReadOnlyRefused(ContinuumError):
    """read-only session"""

    default_hint = "start the console without --read-only to change runs"


@dataclass(frozen=True, slots=True)
class RunsQuery:
    """What the Runs screen shows.

    Attributes:
        namespace: None means all.
        state: of the runs.
        conditions: all must hold.
        expression: must hold, too; in the query language, from a screen that leads to these runs.
    """

    namespace: str | None = "default"
    state: str | None = None
    conditions: tuple[Condition, ...] = ()
    expression: str | None = None

    @property
    def where(self) -> list[Condition]:
        """All conditions, the state included."""
        state: list[Condition] = [("eq", "state", self.state)] if self.state else []
        return [*state, *self.conditions]

    def changed(self, **fields: Any) -> RunsQuery:
        """A copy with some fields replaced."""
        return replace(self, **fields)


@dataclass(frozen=True, slots=True)
class RunsPage:
    """The newest runs that match, read at `at` by the database's clock.

    `more` says that there are further runs; `complete` is False when the search gave up early.
    """

    runs: tuple[Run, ...]
    more: bool
    complete: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Pulse:
    """The numbers of the header, of one namespace or of all (None).

    `stuck` counts runs that no live node can run, up to `MOST_STUCK`.
    """

    live_nodes: int
    running: int
    stuck: int
    namespace: str | None = None


class Source(Protocol):
    """What the console needs of a database."""

    async def server(self) -> ServerInfo:
        """Who and where we are connected, from the live connection."""
        ...

    async def runs(self, query: RunsQuery, depth: int) -> RunsPage:
        """The newest `depth` runs that match."""
        ...

    async def counts(self, query: RunsQuery) -> Mapping[str, int]:
        """How many runs have each state, for the query without its state."""
        ...

    async def pulse(self, namespace: str | None) -> Pulse:
        """The numbers of the header."""
        ...

    async def run(self, run_id: UUID) -> Run:
        """One run. Raises `RunNotFound`."""
        ...

    async def history(self, run_id: UUID, after: int | None, limit: int) -> Sequence[HistoryEvent]:
        """The next events of a run's journal after seq `after`."""
        ...

    async def namespaces(self) -> Sequence[str]:
        """Every namespace that holds runs, sorted."""
        ...

    async def audit(self) -> AuditReport:
        """Live runs compared with code, over every namespace."""
        ...

    async def signal(self, run_id: UUID, name: str, payload: object) -> None:
        """Send a signal. Raises `RunNotFound`, `RunTerminal`, `PayloadError`."""
        ...

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        """Ask a run to stop, or end it at once. Raises `RunNotFound`, `RunTerminal`."""
        ...


class ReadOnlySource:
    """Passes reads through and refuses every write before it reaches the client."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self.server = inner.server
        self.runs = inner.runs
        self.counts = inner.counts
        self.pulse = inner.pulse
        self.run = inner.run
        self.history = inner.history
        self.namespaces = inner.namespaces
        self.audit = inner.audit

    async def signal(self, run_id: UUID, name: str, payload: object) -> None:
        """Refuse."""
        raise ReadOnlyRefused

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        """Refuse."""
        raise ReadOnlyRefused


class ClientSource:
    """The real thing, over one `Continuum` client.

    Args:
        client: open.
        flows: the code that is audited; None takes what live workers have loaded.
    """

    def __init__(self, client: Continuum, flows: Sequence[AnyWorkflow] | None = None) -> None:
        self._client = client
        self._flows = flows

    async def server(self) -> ServerInfo:
        """Who and where we are connected, from the live connection."""
        return await self._client.server()

    async def runs(self, query: RunsQuery, depth: int) -> RunsPage:
        """The newest `depth` runs that match, page by page with the keyset cursor."""
        found: list[Run] = []
        cursor: str | None = None
        complete = True
        while True:
            page = await self._client.query(
                query.expression,
                namespace=query.namespace,
                where=query.where,
                order_by=("desc", "started_at"),
                limit=min(PAGE, depth - len(found)),
                cursor=cursor,
            )
            found.extend(page.entries)
            complete = complete and page.complete
            cursor = page.next_cursor
            if cursor is None or len(found) >= depth or not page.complete:
                return RunsPage(tuple(found), cursor is not None, complete, page.stamp.at)

    async def counts(self, query: RunsQuery) -> Mapping[str, int]:
        """How many runs have each state, for the query without its state."""
        groups = await self._client.count(
            query.expression,
            namespace=query.namespace,
            where=list(query.conditions),
            group_by="state",
        )
        counts = dict.fromkeys((state.value for state in RunState), 0)
        return counts | {str(group.key[0]): group.count for group in groups}

    async def pulse(self, namespace: str | None) -> Pulse:
        """The numbers of the header."""
        nodes = await self._client.nodes()
        running = await self._client.count("state = 'running'", namespace=namespace)
        stuck = await self._client.query("stuck", namespace=namespace, limit=MOST_STUCK)
        return Pulse(sum(node.alive for node in nodes), running, len(stuck.entries), namespace)

    async def run(self, run_id: UUID) -> Run:
        """One run. Raises `RunNotFound`."""
        return await self._client.get_run(run_id)

    async def history(self, run_id: UUID, after: int | None, limit: int) -> Sequence[HistoryEvent]:
        """The next events of a run's journal after seq `after`."""
        return await self._client.history(run_id, after=after, limit=limit)

    async def namespaces(self) -> Sequence[str]:
        """Every namespace that holds runs, sorted."""
        return await self._client.namespaces()

    async def audit(self) -> AuditReport:
        """Live runs compared with code, over every namespace."""
        return await self._client.audit(self._flows)

    async def signal(self, run_id: UUID, name: str, payload: object) -> None:
        """Send a signal."""
        await self._client.signal(run_id, name, payload)

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        """Ask a run to stop, or end it at once."""
        await self._client.cancel(run_id, reason=reason, force=force)
