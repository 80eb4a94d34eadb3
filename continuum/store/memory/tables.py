"""The rows of the memory store, as the tables of the PostgreSQL schema have them.

Payloads are kept sealed, as they would be in a database. A run is live if and only if it has a
lease row; its inbox hangs on that row and goes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.journal.events import Entry, Event
from continuum.journal.turn import NewRun, RunEnd, RunState, VersionPin
from continuum.store.memory.clock import MemoryClock
from continuum.store.protocol import InboxMessage, NodeRegistration


@dataclass(slots=True)
class RunRow:
    """A row of `continuum_runs`, with its journal and its delivery ids."""

    run_id: UUID
    namespace: str
    workflow: str
    input: bytes
    attributes: dict[str, Any]
    idempotency_key: str | None
    parent_id: UUID | None
    started_at: datetime
    updated_at: datetime
    state: RunState = RunState.RUNNING
    version: int = 0
    version_hash: str = ""
    runtime: str = ""
    incarnation: int = 1
    completed_at: datetime | None = None
    result: bytes | None = None
    error_type: str | None = None
    error_message: str | None = None
    error_details: str | None = None
    events: list[Event] = field(default_factory=list[Event])
    deliveries: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    @property
    def pin(self) -> VersionPin:
        """The code it is bound to."""
        return VersionPin(self.workflow, self.version, self.version_hash, self.runtime)

    def bind(self, pin: VersionPin) -> None:
        """Bind it to some code."""
        self.version, self.version_hash, self.runtime = pin.version, pin.version_hash, pin.runtime


@dataclass(slots=True)
class LeaseRow:
    """A row of `continuum_leases`, with the run's unread messages."""

    run_id: UUID
    version_id: int
    token: int
    owner: UUID | None = None
    next_seq: int = 1
    ready: bool = True
    wake_at: datetime | None = None
    parked: bool = False
    blocked_build: str | None = None
    takeovers: int = 0
    waiting_on: str | None = None
    cancel_requested_at: datetime | None = None
    inbox: dict[int, InboxMessage] = field(default_factory=dict[int, InboxMessage])

    def wanted(self, now: datetime) -> bool:
        """Whether there is something to do for an owner."""
        return self.ready or (self.wake_at is not None and self.wake_at <= now)


@dataclass(slots=True)
class NodeRow:
    """A row of `continuum_nodes`; while `beating`, it does not expire."""

    registration: NodeRegistration
    version: str
    ttl: float
    started_at: datetime
    heartbeat_at: datetime
    expires_at: datetime
    judged_by_session: bool
    version_ids: frozenset[int]
    beating: bool = False
    draining: bool = False
    dead_at: datetime | None = None


class Tables:
    """All rows, the sequences, and who wants to hear of changes.

    Attributes:
        sessions: nodes that hold their session locks.
        observers: called after every write, on the event loop.
    """

    def __init__(self, clock: MemoryClock, codec: PayloadCodec = IDENTITY) -> None:
        self.clock = clock
        self.codec = codec
        self.runs: dict[UUID, RunRow] = {}
        self.leases: dict[UUID, LeaseRow] = {}
        self.nodes: dict[UUID, NodeRow] = {}
        self.keys: dict[tuple[str, str, str], UUID] = {}
        self.sessions: set[UUID] = set()
        self.observers: list[Callable[[], None]] = []
        self._tokens = count(1)
        self._messages = count(1)

    def next_token(self) -> int:
        """A fencing token nobody has had."""
        return next(self._tokens)

    def next_message_id(self) -> int:
        """The id of a new inbox row."""
        return next(self._messages)

    def changed(self) -> None:
        """Tell the observers, after a write."""
        for observer in self.observers:
            observer()

    def find_start(self, new: NewRun) -> RunRow | None:
        """The run that has this run's id, else its idempotency key."""
        row = self.runs.get(new.run_id)
        if row is None and new.idempotency_key is not None:
            run_id = self.keys.get((new.namespace, new.workflow, new.idempotency_key))
            row = None if run_id is None else self.runs[run_id]
        return row

    def insert_run(self, new: NewRun, started_at: datetime) -> RunRow:
        """A new row of `continuum_runs`."""
        row = self.runs[new.run_id] = RunRow(
            new.run_id,
            new.namespace,
            new.workflow,
            self.codec.seal(new.input),
            dict(new.attributes),
            new.idempotency_key,
            new.parent_id,
            started_at,
            self.clock.now(),
        )
        if new.idempotency_key is not None:
            self.keys[new.namespace, new.workflow, new.idempotency_key] = new.run_id
        return row

    def journal(self, row: RunRow, seq: int, incarnation: int, entries: list[Entry]) -> None:
        """Append events from `seq` on."""
        assert seq == len(row.events) + 1, "gap in the journal"
        seal = self.codec.seal
        for number, entry in enumerate(entries, seq):
            payload = seal(entry.payload())
            row.events.append(
                Event(row.run_id, number, incarnation, entry.kind, entry.command, payload, entry.at)
            )

    def finish(self, row: RunRow, end: RunEnd) -> None:
        """The run has ended: no lease, no mail, a result."""
        self.leases.pop(row.run_id, None)
        row.state = end.state
        row.result = None if end.result is None else self.codec.seal(end.result)
        if end.error is not None:
            row.error_type, row.error_message = end.error.type, end.error.message
            row.error_details = end.error.details
        row.updated_at = row.completed_at = self.clock.now()

    def open_message(self, message: InboxMessage) -> InboxMessage:
        """A stored message as it was posted."""
        value = self.codec.open(message.value)
        return InboxMessage(message.id, message.run_id, message.kind, message.name, value)

    def is_alive(self, node_id: UUID | None) -> bool:
        """Whether that is a node nobody has declared dead."""
        node = None if node_id is None else self.nodes.get(node_id)
        return node is not None and node.dead_at is None

    def is_serving(self, node: NodeRow) -> bool:
        """Whether the node lives and has not expired."""
        return node.dead_at is None and not self.has_expired(node)

    def has_expired(self, node: NodeRow) -> bool:
        """Whether its heartbeat is overdue."""
        return not node.beating and node.expires_at <= self.clock.now()
