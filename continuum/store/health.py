"""What any store knows of its own health: plain facts, each part on its own.

Every read is bounded in rows and time, however many runs there are. Numbers of runs and messages
are counted up to `MOST`: that many, or more. A part that the store cannot answer (a privilege that
is missing, too little time) raises `NotKnown` with the reason; `StoreUnavailable` means that
nothing can be known at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol
from uuid import UUID

from continuum.model import Pause

MOST: Final = 10_000
"""Nothing is counted further."""
TAKEOVERS: Final = 1_000
"""Claims of lost runs that are looked at, the latest."""


class NotKnown(Exception):
    """The store cannot answer this part; the text says why."""


@dataclass(frozen=True, slots=True)
class NodeFact:
    """A worker process that lives, or died within a day.

    Attributes:
        alive: its heartbeat is not overdue, and nobody declared it dead.
        judged_by_lock: its death would be noticed at once, not after its TTL.
        working: it owns a run that is not parked.
    """

    id: UUID
    host: str
    pid: int
    build: str
    started_at: datetime
    heartbeat_at: datetime
    expires_at: datetime
    dead_at: datetime | None
    draining: bool
    queues: Sequence[str]
    judged_by_lock: bool
    alive: bool
    working: bool


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """Who works, and on what.

    Attributes:
        now: the store's clock.
        nodes: living ones first, at most 1,000.
        runs: number of runs by state, exact.
        orphaned: leases whose owner is dead or unknown.
        deployed_at: when the newest code came: a version first seen, or a build first running.
    """

    now: datetime
    nodes: Sequence[NodeFact]
    runs: Mapping[str, int]
    orphaned: int
    deployed_at: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingFact:
    """Free runs of one version that wait for a worker, or will.

    Attributes:
        workflow: its name.
        loaded: whether a living worker can run the version.
        wanted: runs that are ready or overdue now.
        later: runs whose timers are due later.
        since: since when the longest waiting of them waits, where that is known.
        sample: one of them.
    """

    workflow: str
    version_hash: str
    loaded: bool
    wanted: int
    later: int
    since: datetime | None
    sample: UUID


@dataclass(frozen=True, slots=True)
class ParkedFact:
    """Runs of one version that nobody goes on with until somebody acts.

    Attributes:
        reason: "drift": the code issued other commands than the journal records; "quarantine":
            their workers died, one after the other.
        runs: how many.
        sample: some of them.
        why: what the first of the sample says.
    """

    reason: Literal["drift", "quarantine"]
    workflow: str
    version_hash: str
    runs: int
    sample: Sequence[UUID]
    why: str | None


@dataclass(frozen=True, slots=True)
class QueueFact:
    """A named queue.

    Attributes:
        waiting: attempts that nobody has taken.
        running: attempts under way.
        head_at: since when the longest waiting one could have begun; None when none could.
        workers: living workers that serve it and take new attempts.
    """

    queue: str
    waiting: int
    running: int
    head_at: datetime | None
    workers: int


@dataclass(frozen=True, slots=True)
class PausedFacts:
    """What may not go on because somebody said so.

    Attributes:
        scopes: namespaces, workflows and queues, oldest first.
        runs: runs that were paused one by one, and that no worker has.
        held: runs that are held because their namespace or their workflow is paused.
    """

    scopes: Sequence[Pause]
    runs: int
    held: int


@dataclass(frozen=True, slots=True)
class InboxFacts:
    """Messages that no run has read.

    Attributes:
        unread: how many.
        oldest_at: of those to runs that are neither parked by drift nor in quarantine nor paused,
            looking at the 1,000 oldest.
        sample: the run that should have read it.
    """

    unread: int
    oldest_at: datetime | None
    sample: UUID | None


@dataclass(frozen=True, slots=True)
class FamilyFact:
    """Failures of one cause within the last day, of the 2,000 newest.

    Attributes:
        family: the value of the query field `error_family`.
        error_type, error_message: of the newest.
        workflows, versions: of those looked at.
        first_at, last_at: of all failures of the family that are kept.
        last_hour, last_day: how many.
        sample: the run that failed last.
    """

    family: str
    error_type: str
    error_message: str
    workflows: tuple[str, ...]
    versions: tuple[int, ...]
    first_at: datetime
    last_at: datetime
    last_hour: int
    last_day: int
    sample: UUID


@dataclass(frozen=True, slots=True)
class SnapshotFact:
    """Who holds the oldest snapshot, so that no row that died since can be removed.

    Attributes:
        holder: "session", "replication slot" or "prepared transaction".
        name: of the session's application, the slot or the transaction.
        pid: of a session.
        since: when its transaction began; None for a slot.
        age: transactions that have begun since.
    """

    holder: Literal["session", "replication slot", "prepared transaction"]
    name: str
    pid: int | None
    since: datetime | None
    age: int


@dataclass(frozen=True, slots=True)
class TableFact:
    """How a table of ours is kept; times are None for never."""

    table: str
    live: int
    dead: int
    vacuumed_at: datetime | None
    analysed_at: datetime | None
    modified: int
    """Rows changed since it was analysed."""
    autovacuum: bool


@dataclass(frozen=True, slots=True)
class MonthFact:
    """A month whose journals have no partition of their own, this one or the next.

    Attributes:
        month: such as "2026-11".
        events: of runs that started in it, so far, up to `MOST`.
    """

    month: str
    events: int


@dataclass(frozen=True, slots=True)
class IndexFact:
    """An index of ours that serves no query because its build did not end.

    Attributes:
        path: the attribute that it is on, None for any other index.
    """

    index: str
    table: str
    path: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """Connections in use, and how many there can be for such a role."""

    used: int
    ours: int
    limit: int


@dataclass(frozen=True, slots=True)
class ActivityFacts:
    """Transactions of this database until now, and when it was looked."""

    transactions: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What concerns the whole server.

    Attributes:
        notify_usage: share of the NOTIFY queue that is full.
        frozen_age: transactions since the oldest row of this database was frozen.
        freeze_limit: at which the server refuses to write.
    """

    version: str
    notify_usage: float
    frozen_age: int
    freeze_limit: int = 2**31 - 3_000_000
    settings: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class TakeoverFact:
    """Runs that a worker went on with after another one died.

    Attributes:
        first_at, last_at: when it claimed the first and the last of them.
        from_node, from_host, from_pid: the worker that died; host and process are None when its
            row was gone already.
        died_at: when it was declared dead.
        by_node, by_host, by_pid: the worker that has them since.
        runs: how many.
        sample: ids of the first of them, at most five.
    """

    first_at: datetime
    last_at: datetime
    from_node: UUID
    from_host: str | None
    from_pid: int | None
    died_at: datetime | None
    by_node: UUID
    by_host: str | None
    by_pid: int | None
    runs: int
    sample: tuple[UUID, ...] = ()


class HealthStore(Protocol):
    """What a health report is made of."""

    async def cluster(self) -> ClusterFacts:
        """Nodes, runs and leases."""
        ...

    async def waiting(self) -> Sequence[WaitingFact]:
        """Free runs that wait for a worker, by version, at most 500 versions."""
        ...

    async def parked(self) -> Sequence[ParkedFact]:
        """Runs parked by drift and in quarantine, by version."""
        ...

    async def queues(self) -> Sequence[QueueFact]:
        """Every queue with attempts or declared limits, at most 500."""
        ...

    async def takeovers(self) -> Sequence[TakeoverFact]:
        """Who went on with runs of workers that died, the latest first, for up to 30 days."""
        ...

    async def paused(self) -> PausedFacts:
        """What is paused."""
        ...

    async def inbox(self) -> InboxFacts:
        """Unread messages."""
        ...

    async def families(self, limit: int) -> Sequence[FamilyFact]:
        """The families that fail now, the most frequent of the last day first."""
        ...

    async def database(self) -> DatabaseFacts | None:
        """The server; None for a store without one, as all that follow."""
        ...

    async def oldest_snapshot(self) -> SnapshotFact | None:
        """Who holds back vacuum; None when nobody does."""
        ...

    async def tables(self) -> Sequence[TableFact]:
        """How our tables are kept."""
        ...

    async def months(self) -> Sequence[MonthFact]:
        """Months without a partition, this one and the next."""
        ...

    async def invalid_indexes(self) -> Sequence[IndexFact]:
        """Indexes on our tables that are not valid, and that nobody is building."""
        ...

    async def connections(self) -> ConnectionFacts | None:
        """Connections of the server."""
        ...

    async def activity(self) -> ActivityFacts | None:
        """How much the server has done; two looks give a rate."""
        ...
