"""The report: what was found, what it is based on, and what could not be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from continuum.store.health import (
    ClusterFacts,
    ConnectionFacts,
    DatabaseFacts,
    FamilyFact,
    InboxFacts,
    IndexFact,
    MonthFact,
    ParkedFact,
    PausedFacts,
    QueueFact,
    SnapshotFact,
    TableFact,
    TakeoverFact,
    WaitingFact,
)


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    ERROR = "error"
    """Runs do not go on, or soon nothing will."""
    WARNING = "warning"
    """It should be looked at."""
    UNKNOWN = "unknown"
    """This part could not be looked at."""
    INFO = "info"
    """It is so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know.

    Attributes:
        severity: how bad it is.
        code: stable name of the kind of finding, such as "quarantine".
        message: one line: what, where, how many.
        fix: the command that helps: `continuum ...` for a shell, else SQL.
        runs: ids of runs that show it, not all.
    """

    severity: Severity
    code: str
    message: str
    fix: str
    runs: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on something is a finding.

    Attributes:
        wake_lag: seconds that a run may wait for a worker that can run it.
        queue_wait: seconds that an attempt may wait in its queue.
        inbox_wait: seconds that a message may be unread.
        worker_died: seconds for which a death is reported.
        failures: failures of one family in an hour from which on a rise is looked for.
        rise: how many times the rate of the hours before is a rise.
        snapshot_age: seconds that a transaction may stay open.
        notify_usage: share of the NOTIFY queue that may be full.
        dead_rows: dead rows that a table may have, when they are also `dead_share` of its rows.
        dead_share: see there.
        unanalysed: rows that may have changed since a table was analysed, when they are also more
            than half of its rows.
        connections: share of the connections that may be in use.
        idle_rate: transactions a second and worker while no run is worked on.
        frozen_age: transactions since the oldest row was frozen.
    """

    wake_lag: float = 10.0
    queue_wait: float = 60.0
    inbox_wait: float = 60.0
    worker_died: float = 3600.0
    failures: int = 10
    rise: float = 3.0
    snapshot_age: float = 600.0
    notify_usage: float = 0.1
    dead_rows: int = 100_000
    dead_share: float = 0.2
    unanalysed: int = 10_000
    connections: float = 0.8
    idle_rate: float = 50.0
    frozen_age: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FailureFamily:
    """Failures of one cause within the last day.

    Attributes:
        name: value of the query field `error_family`.
        message: what they have in common.
        fact: when, where and how many.
        is_new: whether the first came after the last deploy; None when that is not known.
    """

    name: str
    message: str
    fact: FamilyFact
    is_new: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the store said; None for a part that is not known, or that the store has not."""

    cluster: ClusterFacts | None = None
    waiting: Sequence[WaitingFact] | None = None
    parked: Sequence[ParkedFact] | None = None
    queues: Sequence[QueueFact] | None = None
    takeovers: Sequence[TakeoverFact] | None = None
    paused: PausedFacts | None = None
    inbox: InboxFacts | None = None
    families: Sequence[FailureFamily] | None = None
    database: DatabaseFacts | None = None
    snapshot: SnapshotFact | None = None
    tables: Sequence[TableFact] | None = None
    months: Sequence[MonthFact] | None = None
    invalid_indexes: Sequence[IndexFact] | None = None
    connections: ConnectionFacts | None = None
    transactions_per_second: float | None = None
    unknown: Mapping[str, str] = field(default_factory=dict[str, str])
    """Part -> why it is not known."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What `Continuum.health` answers.

    Attributes:
        at: when, by the database's clock; None when it did not even say that.
        findings: the worst first.
        facts: what they are based on.
        wake_lag: how long the run waits that waits longest for a worker that can run it.
    """

    at: datetime | None
    findings: tuple[Finding, ...]
    facts: Facts
    wake_lag: timedelta | None

    @property
    def status(self) -> Severity | None:
        """The worst severity above info; None: all that was looked at is well."""
        worst = self.findings[0].severity if self.findings else None
        return None if worst is Severity.INFO else worst

    @property
    def needs_attention(self) -> bool:
        """Whether anything is an error or a warning."""
        return self.status in (Severity.ERROR, Severity.WARNING)
