"""What any store does, grouped by who needs it.

Rules every implementation keeps (numbers are those of docs/guarantees.md):

- every deadline is compared with the store's own clock;
- a write by an owner carries owner, token and next_seq, checked under a row lock (1, 2, 12);
- whoever takes or ends ownership locks first and reads journal and inbox afterwards (1);
- rows are locked in run-id order (11).

Errors: `StoreUnavailable` is transient (retry, never fail a run); `PayloadRejected` names the
only turns that may fail their runs; everything else is a bug and propagates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from continuum.journal.events import Event
from continuum.journal.turn import NewRun, RunState, Turn, TurnStatus, VersionPin
from continuum.model import NodeInfo as NodeInfo
from continuum.operators.acts import Act
from continuum.store.mail import InboxMessage as InboxMessage
from continuum.store.mail import NewMessage as NewMessage
from continuum.store.mail import PostOutcome as PostOutcome
from continuum.store.pauses import NO_PAUSES, Pauses
from continuum.store.questions import QuestionStore
from continuum.store.starts import StartStore
from continuum.store.unavailable import StoreUnavailable as StoreUnavailable
from continuum.versions.facts import CodeFacts


class PayloadRejected(Exception):
    """The store refuses what these turns want to write (SQLSTATE class 22 or 54).

    Attributes:
        reasons: run id -> the database's message. The other turns of the batch are committed.
        committed: status of the other turns, as `commit_turns` would have returned.
    """

    def __init__(self, reasons: Mapping[UUID, str], committed: CommitResult) -> None:
        self.reasons = reasons
        self.committed = committed
        super().__init__(f"{len(reasons)} turns rejected")


@dataclass(frozen=True, slots=True)
class CommitResult:
    """Outcome of one batch; `now` is the store's clock."""

    statuses: Mapping[UUID, TurnStatus]
    now: datetime


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run this node now owns, with all that is needed to replay it."""

    run_id: UUID
    namespace: str
    workflow: str
    pin: VersionPin
    token: int
    next_seq: int
    incarnation: int
    takeovers: int
    state: RunState
    input: bytes
    started_at: datetime
    parent_id: UUID | None
    cancel_requested: bool
    events: Sequence[Event]
    inbox: Sequence[InboxMessage]
    heartbeats: Mapping[tuple[int, int], bytes] = field(
        default_factory=dict[tuple[int, int], bytes]
    )
    """Details of attempts of this incarnation, by command and attempt."""
    depth: int = 0
    blocked_build: str | None = None
    """The build that could not go on with it, if it drifted when it was last owned."""
    unreadable: str | None = None
    """What of input, journal and heartbeats could not be opened; the rest is of no use then."""


@dataclass(frozen=True, slots=True)
class Release:
    """A run given back. The fence is checked like a turn's; entries are appended first.

    Args:
        ready: it needs a new owner now (drain in the middle of work), not only when woken.
        blocked_build: set on drift; a node of the same build will not claim it again.
        answers: outcomes of attempts that the run has not heard of; they go into its inbox.
        waiting_on: text for people, replaces the lease's.
    """

    turn: Turn
    ready: bool = False
    blocked_build: str | None = None
    answers: Sequence[NewMessage] = ()


@dataclass(frozen=True, slots=True)
class NodeRegistration:
    """A worker process that joins the cluster under a fresh id (an epoch)."""

    node_id: UUID
    host: str
    pid: int
    build: str
    capacity: int
    queues: Sequence[str]
    pins: Sequence[VersionPin]
    """Every version it can run; the unpinned form of each workflow is added by the store."""
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """workflow name -> "file:line", for the durable registry."""
    facts: Mapping[int, CodeFacts] = field(default_factory=dict[int, CodeFacts])
    """version id -> what is known of its code, for the durable registry."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What one poll found for a node (rule 9, 24). All of it is advisory."""

    now: datetime
    claimable: bool
    suspect: bool
    """Whether there is something for `claim_suspect`."""
    unread: Sequence[UUID]
    """Own runs with unread inbox rows."""
    overdue: Sequence[UUID]
    """Own runs whose wake_at has passed."""
    pauses: Pauses = NO_PAUSES


class TurnStore(Protocol):
    """What the committer needs."""

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        """Write a batch in one transaction; at most one turn per run.

        A turn that an earlier call with unknown outcome already committed answers COMMITTED
        (rule 2), so resending unchanged turns is always safe.

        Raises:
            PayloadRejected: some turns cannot be stored; all others were committed.
            StoreUnavailable: transient; the outcome is unknown.
        """
        ...

    async def allocate_tokens(self, count: int) -> list[int]:
        """Fresh fencing tokens for runs that this node is about to create."""
        ...


class OwnershipStore(Protocol):
    """What claiming, releasing and liveness need."""

    async def claim(
        self, node_id: UUID, version_ids: Sequence[int], build: str, limit: int
    ) -> list[ClaimedRun]:
        """Take up to `limit` free runs that are ready or overdue and load them.

        Not those with two or more takeovers since their last committed turn; and none for a node
        that was declared dead (rule 8).
        """
        ...

    async def claim_suspect(
        self, node_id: UUID, version_ids: Sequence[int], build: str
    ) -> list[ClaimedRun]:
        """Take one run that lost its owner two or three times since its last committed turn.

        It may be poison. With four takeovers a run is quarantined and never comes (rule 23).
        """
        ...

    async def release(self, node_id: UUID, releases: Sequence[Release]) -> CommitResult:
        """Give runs back under their fence; re-reads the inbox under the lock (rule 9)."""
        ...

    async def free_unknown(self, node_id: UUID, known: Sequence[UUID]) -> int:
        """Free the leases of this node that are not in `known` (new token, ready).

        After a claim whose answer was lost, the store says that this node owns runs which it
        never received. Answers how many were freed.
        """
        ...

    async def read_inbox(self, node_id: UUID, run_ids: Sequence[UUID]) -> list[InboxMessage]:
        """All unread messages of these runs that this node owns, in order of id."""
        ...

    async def attend(self, node_id: UUID, version_ids: Sequence[int], build: str) -> Attention:
        """The bounded poll behind all hints."""
        ...

    async def register_node(self, node: NodeRegistration, ttl: float) -> datetime:
        """Insert node, version and node-version rows; answers the store's clock."""
        ...

    async def register_versions(
        self,
        node_id: UUID,
        pins: Sequence[VersionPin],
        sources: Mapping[str, str],
        facts: Mapping[int, CodeFacts],
    ) -> None:
        """Insert further version and node-version rows of a node; see `NodeRegistration`."""
        ...

    async def taken_patches(self, workflows: Sequence[str]) -> list[tuple[str, frozenset[str]]]:
        """Workflow and patches taken, of each version of these workflows that took some."""
        ...

    async def forget_node(self, node_id: UUID) -> None:
        """Remove a node that has given all its runs back; frees any it still owns."""
        ...

    async def set_draining(self, node_id: UUID) -> None:
        """Tell clients and peers that this node takes nothing new."""
        ...

    async def suspects(self, node_id: UUID) -> set[UUID]:
        """Live nodes that hold neither of their two session locks (one look; rule 8)."""
        ...

    async def declare_dead(self, node_ids: Sequence[UUID]) -> list[UUID]:
        """Compare-and-set `dead_at` on suspects, and on every node past its TTL.

        Suspects in `node_ids` are looked at once more in the same statement. Answers those that
        this call declared dead.
        """
        ...

    async def free_dead(self, limit: int) -> int:
        """Free up to `limit` leases of dead or unknown owners: new token, ready unless parked.

        Working runs first. Answers how many were freed.
        """
        ...


class UpkeepStore(Protocol):
    """What the store wants done now and then, by whichever worker comes first."""

    async def compact_counts(self, limit: int) -> int:
        """Put up to `limit` gathered changes of the run counters together; answers how many."""
        ...


class ClientStore(Protocol):
    """What clients need."""

    @property
    def orders(self) -> StartStore:
        """Starts that ask for more than a new run."""
        ...

    @property
    def questions(self) -> QuestionStore:
        """Questions to runs."""
        ...

    async def insert_runs(self, runs: Sequence[NewRun]) -> list[NewRun | None]:
        """Insert unowned, ready, unpinned runs in one commit.

        Answers per run: None when inserted; the NewRun that exists already under the same run id
        or idempotency key (input included, so the caller can compare).
        """
        ...

    async def post(self, messages: Sequence[NewMessage]) -> list[PostOutcome]:
        """Post to inboxes (rules 7, 9, 10); a free run becomes ready.

        Raises:
            ReasonRequired, ActSkipped: one of the acts is refused; nothing was posted at all.
        """
        ...

    async def force_cancel(
        self, run_id: UUID, reason: str | None, namespace: str | None, act: Act | None = None
    ) -> PostOutcome:
        """End the run as cancelled now, whoever owns it; `state` is the state before."""
        ...

    async def nodes(self) -> list[NodeInfo]:
        """Every node row, live or dead."""
        ...


class HintSender(Protocol):
    """Tells others after a commit that there is something to do; may lose anything (rule 25)."""

    def runs_changed(self, run_ids: Sequence[UUID]) -> None:
        """These runs have mail or became claimable: wake the owner, or a node able to run them."""
        ...

    def runs_ended(self, run_ids: Sequence[UUID]) -> None:
        """Wake whoever waits for these results."""
        ...

    def runs_answered(self, run_ids: Sequence[UUID]) -> None:
        """Wake whoever has asked these runs something."""
        ...

    def poll_now(self) -> None:
        """Something became claimable for every node."""
        ...

    def tasks_queued(self, queues: Sequence[str]) -> None:
        """Attempts were put into these queues: wake the nodes that serve them."""
        ...


class Listener(Protocol):
    """Receives a node's hints and holds one of its two session locks (rule 8)."""

    async def start(self) -> None:
        """Connect, take the lock, listen. Later losses are repaired by itself, for ever."""
        ...

    async def close(self) -> None:
        """Stop listening and let the lock go."""
        ...


class ListenerFactory(Protocol):
    """Builds the listener of one node epoch."""

    def __call__(
        self,
        node_id: UUID,
        on_hint: Callable[[Sequence[UUID]], None],
        on_reconnect: Callable[[], None],
    ) -> Listener:
        """Both callbacks run on the event loop; `on_hint` gets no ids for the word "poll"."""
        ...


class Liveness(Protocol):
    """Heartbeats from a thread of its own and holds the other session lock (rules 8, 23)."""

    async def hold(self) -> None:
        """Connect and take the session lock. Called before the node is registered."""
        ...

    def begin(self) -> None:
        """Start beating. Called once the node row exists."""
        ...

    def away(self) -> bool:
        """Whether our own heartbeats do not get through: then neither may those of the others."""
        ...

    def abandon(self, culprit: UUID | None) -> None:
        """From any thread, best effort, bounded: free every lease of the node but `culprit`'s.

        The process is about to exit because a step of that run blocks it.
        """
        ...

    async def close(self) -> None:
        """Stop beating and let the lock go."""
        ...


class LivenessFactory(Protocol):
    """Builds the heartbeat of one node epoch."""

    def __call__(
        self,
        node_id: UUID,
        ttl: float,
        heartbeat: float,
        on_beat: Callable[[datetime], None],
        on_lost: Callable[[], None],
        on_reconnect: Callable[[], None],
    ) -> Liveness:
        """The callbacks run on the heartbeat thread.

        `on_beat` gets the store's clock; `on_lost` means that the node row is dead or gone: the
        epoch is over; `on_reconnect` that the session lock was lost and taken again.
        """
        ...
