"""What clients see: frozen snapshots of runs, events, pages and nodes, without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from continuum.errors import PayloadSealed

T_co = TypeVar("T_co", covariant=True)

MAX_SHOWN_PAYLOAD: Final = 256 * 1024
"""Snapshots carry payloads up to this many bytes; `result()` always gives the whole value."""

RUN_FIELDS: Final = (
    "id", "namespace", "workflow", "version", "version_hash", "state", "attributes",
    "started_at", "updated_at", "completed_at", "duration", "waiting_on", "owner", "parent_id",
    "incarnation", "error", "input", "output", "cancelling_since", "key", "paused",
)  # fmt: skip
"""What a `Run` says, payloads decoded."""
PAYLOAD_FIELDS: Final = frozenset({"input", "output"})


class RunState(StrEnum):
    """The `state` column of `continuum_runs`."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing can happen to the run any more."""
        return self in (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Omitted:
    """Stands for a value that was not fetched: `size` bytes are stored."""

    size: int

    def __str__(self) -> str:
        return f"<{self.size} bytes not loaded>"


def decoded(data: bytes) -> Any:
    """The plain value of a payload that a store answered.

    Raises:
        PayloadSealed: it is not JSON, so it was sealed by another codec.
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise PayloadSealed(
            "a stored payload cannot be opened: it is sealed by another codec"
        ) from error


@dataclass(frozen=True, slots=True)
class StoredValue:
    """JSON bytes that are decoded when somebody looks; `data` is None when left in the store."""

    data: bytes | None
    size: int

    def decode(self) -> Any:
        """The plain JSON value, or `Omitted`.

        Raises:
            PayloadSealed: it is sealed by another codec than the client's (also a ValueError).
        """
        return Omitted(self.size) if self.data is None else decoded(self.data)


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed; `details` is the bounded traceback text."""

    type: str
    message: str
    details: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as it was when the answer was read.

    `duration` runs until the end, or until the moment of reading for a live run. `waiting_on`,
    `owner` (id of the worker node) and `cancelling_since` (when a cancellation was first asked
    for) are None unless the run is live. `key` is its business key, None when it has none.
    `paused` says whether no worker may go on with it: it is paused itself, or its namespace or its
    workflow is.
    """

    id: UUID
    namespace: str
    workflow: str
    version: int
    version_hash: str
    state: RunState
    attributes: Mapping[str, Any]
    started_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    duration: timedelta
    waiting_on: str | None
    owner: str | None
    parent_id: UUID | None
    incarnation: int
    error: RunError | None
    stored_input: StoredValue
    stored_output: StoredValue | None
    cancelling_since: datetime | None = None
    key: str | None = None
    paused: bool = False

    @property
    def input(self) -> Any:
        """The arguments as a list of plain JSON values, or `Omitted`."""
        return self.stored_input.decode()

    @property
    def output(self) -> Any:
        """The returned value as plain JSON, None before the end, or `Omitted`."""
        return None if self.stored_output is None else self.stored_output.decode()


@dataclass(frozen=True, slots=True)
class Pause:
    """Something that is paused besides single runs.

    Attributes:
        namespace: its runs; None is those of every namespace.
        workflow: its runs; None is those of every workflow.
        queue: the queue from which no attempt is taken; its runs go on.
        operator: who paused it.
        reason: why.
        paused_at: when, by the database's clock.
    """

    namespace: str | None
    workflow: str | None
    queue: str | None
    operator: str
    reason: str | None
    paused_at: datetime


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event of a run's journal, or what an operator did to the run.

    `operator` is None for events of the journal. For an act it is who acted: `type` begins with
    "operator_", `seq` is that of the last event before it, and `data` says from where, why, and
    what came of it.
    """

    seq: int
    incarnation: int
    type: str
    command: int | None
    stored_data: StoredValue
    at: datetime
    operator: str | None = None

    @property
    def data(self) -> Any:
        """What was recorded, as plain JSON, or `Omitted`."""
        return self.stored_data.decode()


@dataclass(frozen=True, slots=True)
class Stamp:
    """When, where and how an answer was read.

    Attributes:
        at: the moment of the snapshot, by the clock of the server that answered.
        elapsed: seconds it took there.
        source: the server that answered.
        lag: seconds that a replica was behind; None on a primary, or when it cannot tell.
        complete: whether everything that could match was looked at.
        exact: whether a number is exact; when it is not, there are at least so many.
    """

    at: datetime
    elapsed: float
    source: Literal["primary", "replica"] = "primary"
    lag: float | None = None
    complete: bool = True
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One way in which an answer was looked for.

    Attributes:
        strategy: "walk" follows an index in the asked order and filters; "probe" fetches all
            matches of a selective index and sorts them; "leases" does so from the live runs;
            "sort" reads and sorts whatever the conditions leave; "counters" reads kept numbers.
        index: the index that served it, None when there was none.
        rows_read: rows looked at; for "sort" as many as the server expected.
        found: those of them that are in the answer.
        elapsed: seconds.
    """

    strategy: Literal["walk", "probe", "leases", "sort", "count", "counters"]
    index: str | None
    rows_read: int
    found: int
    elapsed: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How an answer was found.

    Attributes:
        steps: what was done, in this order.
        advice: the command that would make the same answer faster, None when there is none.
    """

    steps: tuple[Step, ...] = ()
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """One page of an answer.

    `next_cursor` is None only when nothing is left. `complete` says whether the page holds all it
    could hold; when it is False the page may be short, even empty, and its cursor goes on.
    """

    entries: tuple[T_co, ...]
    next_cursor: str | None
    complete: bool
    stamp: Stamp
    plan: Plan = Plan()


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The connection in use, as the server reports it, never as a setting claims.

    `host` is "socket" for a connection through a Unix socket, such as the embedded server's.
    `read_only` is whether the role can change nothing, such as `continuum_reader`, or a replica.
    """

    user: str
    database: str
    host: str
    port: int
    version: str
    replica: bool
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One registered worker process, as `continuum nodes` shows it."""

    id: UUID
    host: str
    pid: int
    version: str
    build: str
    started_at: datetime
    heartbeat_at: datetime
    expires_at: datetime
    dead_at: datetime | None
    draining: bool
    queues: tuple[str, ...]
    capacity: int
    owned_runs: int
    workflows: tuple[str, ...]

    alive: bool = True


class AttributeType(StrEnum):
    """What an index on an attribute serves: values of one JSON type."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class AttributeIndex:
    """A declared index on one attribute.

    Attributes:
        id: of the declaration.
        path: keys from the outermost object inwards.
        type: JSON type of the values in it; others are not in the index.
        valid: whether it is built; queries use it only then.
        size: bytes on disk.
    """

    id: int
    path: tuple[str, ...]
    type: AttributeType
    valid: bool
    size: int = 0


@dataclass(frozen=True, slots=True)
class AttributeKey:
    """An attribute as a sample of runs has it.

    Attributes:
        path: keys from the outermost object inwards.
        types: JSON type -> share of the sampled runs that have the key with such a value.
        distinct: estimate of different values among all runs.
        indexes: declared on it.
    """

    path: tuple[str, ...]
    types: Mapping[str, float]
    distinct: int
    indexes: tuple[AttributeIndex, ...] = ()

    @property
    def share(self) -> float:
        """Share of the sampled runs that have the key."""
        return sum(self.types.values())


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far the server is with an index: what it does, and so many of so many blocks."""

    phase: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """A named queue: attempts nobody has taken, attempts under way, living workers that serve it.

    The numbers are None when they could not be read.
    """

    name: str
    waiting: int | None = None
    running: int | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that a run waits for.

    Attributes:
        kind: "other" is whatever `text` says, such as code that fits the journal.
        text: for people, as in `Run.waiting_on`.
        until: when it is over by itself: a timer, the time limit of a signal or question, the next
            attempt.
        run_id: of the child, or None.
        then: what the child waits for in turn; None when that was not followed.
        queue: in which the attempt of the activity waits.
    """

    kind: Literal["child", "signal", "question", "timer", "activity", "other"]
    text: str
    until: datetime | None = None
    run_id: UUID | None = None
    then: WaitNode | None = None
    queue: QueueLoad | None = None


@dataclass(frozen=True, slots=True)
class WaitNode:
    """A run and what it waits for.

    Attributes:
        run: as it was read.
        waits: empty for a run that has ended or that is executing.
        stuck: whether no living worker can run its version.
    """

    run: Run
    waits: tuple[Wait, ...] = ()
    stuck: bool = False
