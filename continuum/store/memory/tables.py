"""The rows of the memory store, as the tables of the PostgreSQL schema have them.

Payloads are kept sealed, as they would be in a database. A run is live if and only if it has a
lease row; its inbox hangs on that row and goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.journal.events import Entry, Event
from continuum.journal.turn import NewRun, RunEnd, RunState, VersionPin
from continuum.model import Pause
from continuum.store.auditing import CodecChange, differing
from continuum.store.health import TakeoverFact
from continuum.store.memory.clock import MemoryClock
from continuum.store.memory.recording import OperatorRows
from continuum.store.opening import open_message
from continuum.store.pauses import Pauses, Scope
from continuum.store.protocol import InboxMessage, NewMessage, NodeRegistration
from continuum.versions.facts import CodeFacts
from continuum.versions.patch_names import PatchForm

MAX_CODEC_CHANGES: Final = 20


@dataclass(slots=True)
class QuestionRow:
    """A row of `continuum_questions`."""

    name: str
    answered: bool = False
    answer: bytes | None = None
    refused: str | None = None


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
    depth: int = 0
    parent_close: str | None = None
    key: str | None = None
    events: list[Event] = field(default_factory=list[Event])
    published: dict[str, tuple[int, bytes]] = field(default_factory=dict[str, tuple[int, bytes]])
    """Of each name the incarnation that published it, and the sealed value."""
    deliveries: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    questions: dict[str, QuestionRow] = field(default_factory=dict[str, QuestionRow])

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
    lost_owner: UUID | None = None
    waiting_on: str | None = None
    cancel_requested_at: datetime | None = None
    paused_at: datetime | None = None
    held: bool = False
    starts_at: datetime | None = None
    deadline: datetime | None = None
    timeout: float | None = None
    grace: float | None = None
    inbox: dict[int, InboxMessage] = field(default_factory=dict[int, InboxMessage])

    @property
    def paused(self) -> bool:
        """Whether nobody claims it: a version id below zero."""
        return self.held or self.paused_at is not None

    def wanted(self, now: datetime) -> bool:
        """Whether there is something to do for an owner."""
        return self.ready or (self.wake_at is not None and self.wake_at <= now)


@dataclass(slots=True)
class PauseRow:
    """A row of `continuum_pauses`."""

    scope: Scope
    pause: Pause
    lifted: bool = False


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


@dataclass(slots=True)
class VersionRow:
    """A row of `continuum_workflow_versions`."""

    pin: VersionPin
    first_seen_at: datetime
    last_seen_at: datetime
    source: str | None = None
    taken: set[str] = field(default_factory=set[str])
    facts: CodeFacts = field(default_factory=CodeFacts)
    codec_changes: list[CodecChange] = field(default_factory=list[CodecChange])

    def refresh(self, now: datetime, facts: CodeFacts, source: str | None) -> None:
        """A worker has registered it again."""
        self.last_seen_at = now
        self.source = facts.source or source or self.source
        self.taken.update(facts.taken)
        was, now_is = self.facts.codec_fingerprint, facts.codec_fingerprint
        if was is not None and now_is is not None and was != now_is:
            labels = differing(self.facts.codecs, facts.codecs)
            before = {each: self.facts.codecs.get(each) for each in labels}
            since = {each: facts.codecs.get(each) for each in labels}
            self.codec_changes.append(CodecChange(now, facts.source, before, since))
            del self.codec_changes[:-MAX_CODEC_CHANGES]
        self.facts = facts


@dataclass(slots=True)
class TaskRow:
    """A row of `continuum_tasks`: a queued attempt."""

    attempt: int
    queue: str
    priority: int
    activity: str
    payload: bytes
    available_at: datetime
    owner: UUID | None = None
    token: int = 0
    stopping: bool = False

    def claimable(self, now: datetime) -> bool:
        """Whether a worker that serves its queue may take it."""
        return self.owner is None and not self.stopping and self.available_at <= now


@dataclass(slots=True)
class QueueRow:
    """A row of `continuum_queues`: limits of the fleet, and the rate's bucket."""

    refilled_at: datetime
    fleet_concurrency: int | None = None
    rate: float | None = None
    tokens: float = 1.0

    def bucket(self, now: datetime) -> float:
        """How many attempts may start now by the rate."""
        assert self.rate is not None
        gained = self.rate * (now - self.refilled_at).total_seconds()
        return min(max(self.rate, 1.0), self.tokens + gained)

    def room(self, claimed: int, now: datetime) -> int:
        """How many attempts may be claimed now, `claimed` being under way."""
        rooms = [1_000_000]
        if self.fleet_concurrency is not None:
            rooms.append(self.fleet_concurrency - claimed)
        if self.rate is not None:
            rooms.append(int(self.bucket(now) + 1e-9))
        return min(rooms)

    def spend(self, attempts: int, now: datetime) -> None:
        """They were claimed."""
        if self.rate is not None:
            self.tokens = self.bucket(now) - attempts
            self.refilled_at = now

    def refills_at(self, now: datetime) -> datetime:
        """When the next attempt may start by the rate."""
        if self.rate is None:
            return now
        missing = max(1.0 - self.bucket(now), 0.0) / self.rate
        return now + timedelta(seconds=missing)


@dataclass(slots=True)
class KeyRow:
    """A row of `continuum_activity_results`: whose call has an idempotency key."""

    command: tuple[UUID, int, int]
    attempt: int
    at: datetime
    result: bytes | None = None

    def is_held_by(self, command: tuple[UUID, int, int], attempt: int) -> bool:
        """Whether that very attempt reserved it."""
        return (self.command, self.attempt) == (command, attempt)


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
        self.versions: dict[int, VersionRow] = {}
        self.decided_patches: dict[int, Set[str]] = {}
        self.patch_forms: dict[tuple[str, str, str], PatchForm] = {}
        self.keys: dict[tuple[str, str, str], UUID] = {}
        self.tasks: dict[tuple[UUID, int, int], TaskRow] = {}
        self.queues: dict[str, QueueRow] = {}
        self.beats: dict[tuple[UUID, int, int], tuple[int, bytes]] = {}
        self.results: dict[tuple[str, str, str], KeyRow] = {}
        self.waiters: dict[tuple[UUID, int, int], tuple[tuple[str, str, str], int]] = {}
        self.origins: dict[UUID, UUID] = {}
        self.retentions: dict[str, float | None] = {}
        self.duties: dict[str, datetime] = {}
        self.operators = OperatorRows()
        self.pauses: list[PauseRow] = []
        self.takeovers: list[TakeoverFact] = []
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

    def newest_of_keys(self, rows: Iterable[RunRow]) -> list[RunRow]:
        """Of each namespace and workflow the live run, else the one that started last."""
        newest: dict[tuple[str, str], RunRow] = {}
        for row in sorted(rows, key=lambda r: (not r.state.terminal, r.started_at, r.run_id)):
            newest[row.namespace, row.workflow] = row
        return [newest[name] for name in sorted(newest)]

    def insert_run(self, new: NewRun, started_at: datetime) -> RunRow:
        """A new row of `continuum_runs`."""
        row = self.runs[new.run_id] = RunRow(
            new.run_id, new.namespace, new.workflow, self.codec.seal(new.input),
            dict(new.attributes), new.idempotency_key, new.parent_id, started_at, self.clock.now(),
            depth=new.depth, parent_close=new.parent_close, key=new.key,
        )  # fmt: skip
        if new.idempotency_key is not None:
            self.keys[new.namespace, new.workflow, new.idempotency_key] = new.run_id
        return row

    def insert_free(self, new: NewRun) -> None:
        """A new run that any worker may take."""
        self.insert_run(new, self.clock.now())
        self.clock.tick()
        self.leases[new.run_id] = LeaseRow(new.run_id, new.unpinned.version_id, self.next_token())

    def journal(self, row: RunRow, seq: int, incarnation: int, entries: Sequence[Entry]) -> None:
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
        if self.leases.pop(row.run_id, None) is not None:
            for table in (self.tasks, self.beats, self.waiters):
                for command in [command for command in table if command[0] == row.run_id]:
                    del table[command]
        row.state = end.state
        row.result = None if end.result is None else self.codec.seal(end.result)
        if end.error is not None:
            row.error_type, row.error_message = end.error.type, end.error.message
            row.error_details = end.error.details
        row.updated_at = row.completed_at = self.clock.now()

    def deliver(self, message: NewMessage) -> InboxMessage:
        """Put a message into the inbox of a live run; answers it as posted."""
        lease = self.leases[message.run_id]
        message_id = self.next_message_id()
        posted = InboxMessage(message_id, message.run_id, message.kind, message.name, message.value)
        sealed = self.codec.seal(message.value)
        lease.inbox[message_id] = InboxMessage(
            message_id, message.run_id, message.kind, message.name, sealed
        )
        waits = lease.starts_at is not None and lease.starts_at > self.clock.now()
        if lease.owner is None and (message.kind == "cancel" or not waits):
            lease.ready = True
        if message.kind == "cancel" and lease.cancel_requested_at is None:
            lease.cancel_requested_at = self.clock.now()
        return posted

    def claimed_of(self, queue: str) -> int:
        """How many attempts of a queue are under way."""
        return sum(row.queue == queue and row.owner is not None for row in self.tasks.values())

    def open_message(self, message: InboxMessage) -> InboxMessage:
        """A stored message as it was posted."""
        return open_message(self.codec, message)

    def paused_scopes(self) -> Pauses:
        """What is paused besides single runs."""
        return Pauses(
            tuple(row.scope for row in self.pauses if not row.lifted),
            any(row.lifted for row in self.pauses),
        )

    def is_alive(self, node_id: UUID | None) -> bool:
        """Whether that is a node nobody has declared dead."""
        node = None if node_id is None else self.nodes.get(node_id)
        return node is not None and node.dead_at is None

    def is_condemned(self, node_id: UUID) -> bool:
        """Whether that node was declared dead; if it lives, it has not heard of it."""
        node = self.nodes.get(node_id)
        return node is not None and node.dead_at is not None

    def is_serving(self, node: NodeRow) -> bool:
        """Whether the node lives and has not expired."""
        return node.dead_at is None and not self.has_expired(node)

    def has_expired(self, node: NodeRow) -> bool:
        """Whether its heartbeat is overdue."""
        return not node.beating and node.expires_at <= self.clock.now()
