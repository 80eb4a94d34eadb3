"""What a store does for activities: queues, heartbeats, idempotency keys, transactions.

Lock order everywhere: leases in run-id order, then tasks, then key rows. Whoever starts from a task
locks its lease first; only claiming takes task rows without, and it waits for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from continuum.declare.queue import Queue
from continuum.store.pauses import PauseStore
from continuum.store.protocol import InboxMessage, OwnershipStore, TurnStore, UpkeepStore
from continuum.store.retention import RetentionStore
from continuum.store.schedules import ScheduleStore
from continuum.store.starts import TimeoutStore


class AttemptFenced(Exception):
    """The attempt is not current any more: its run or task has another owner, or ended."""


@dataclass(frozen=True, slots=True)
class AttemptFence:
    """One attempt and by which right this node runs it.

    Args:
        token: of the lease, or with `task` of the claimed task.
    """

    node_id: UUID
    run_id: UUID
    token: int
    incarnation: int
    command: int
    attempt: int
    namespace: str
    task: bool


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A queued attempt that this node now runs."""

    fence: AttemptFence
    queue: str
    activity: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Reservation:
    """What reserving a key gave: `mine`, or a stored result, or neither (somebody else's)."""

    mine: bool
    value: bytes | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """Details of an attempt to be stored; None: the attempt ended, forget them."""

    fence: AttemptFence
    details: bytes | None


class AttemptTransaction(Protocol):
    """The open transaction of a transactional activity."""

    @property
    def connection(self) -> Any:
        """The psycopg connection that user code works on."""
        ...

    @property
    def posted(self) -> list[InboxMessage]:
        """The answer as stored, for after the commit."""
        ...

    async def answer(self, result: bytes, key: tuple[str, str, bytes] | None) -> None:
        """Put the result into the run's inbox, inside the transaction, under the fence.

        Args:
            result: an `AttemptResult`.
            key: activity, idempotency key and value, to be stored with it.

        Raises:
            AttemptFenced: nothing may be committed.
        """
        ...


class ActivityStore(Protocol):
    """What the worker's activity services need. All raise `StoreUnavailable`."""

    async def set_queues(self, queues: Sequence[Queue]) -> None:
        """Store the fleet limits that these queues name."""
        ...

    async def claim_tasks(
        self, node_id: UUID, queue: str, activities: Sequence[str], limit: int
    ) -> list[ClaimedTask]:
        """Up to `limit` waiting attempts, highest priority first, within the fleet's limits."""
        ...

    async def finish_tasks(
        self, results: Sequence[tuple[AttemptFence, bytes]]
    ) -> list[InboxMessage]:
        """Remove tasks and post their results; those that are not ours any more are left out."""
        ...

    async def give_tasks_back(self, fences: Sequence[AttemptFence], delay: float) -> None:
        """Let others claim them, after `delay` seconds."""
        ...

    async def look_at_tasks(
        self, fences: Sequence[AttemptFence]
    ) -> tuple[list[AttemptFence], list[AttemptFence]]:
        """Which of them are lost, and which should stop."""
        ...

    async def sweep_tasks(self, limit: int) -> list[InboxMessage]:
        """Answer "crashed" for tasks whose node is dead."""
        ...

    async def save_beats(self, beats: Sequence[Beat]) -> None:
        """Store heartbeat details; those of stale attempts are left out."""
        ...

    async def reserve_key(self, fence: AttemptFence, activity: str, key: str) -> Reservation:
        """Reserve a key for this attempt, or learn its result, or (not for tasks) wait for it.

        Raises:
            AttemptFenced: the attempt may not run at all.
        """
        ...

    async def complete_key(
        self, fence: AttemptFence, activity: str, key: str, value: bytes
    ) -> list[InboxMessage]:
        """Store the result under this attempt's reservation; wakes who waits for it."""
        ...

    async def release_key(self, fence: AttemptFence, activity: str, key: str) -> list[InboxMessage]:
        """Give up this attempt's reservation; wakes who waits for it."""
        ...

    async def sweep_keys(self, limit: int) -> list[InboxMessage]:
        """Wake those who wait for a key that is free, settled, or held by nobody alive."""
        ...

    def transaction(self, fence: AttemptFence) -> AbstractAsyncContextManager[AttemptTransaction]:
        """A transaction of its own; committed when the block is left without an error."""
        ...

    async def wake_key(self, namespace: str, activity: str, key: str) -> list[InboxMessage]:
        """Wake who waits for a key that was settled by a transaction."""
        ...

    async def find_answer(self, fence: AttemptFence) -> InboxMessage | None:
        """Whether a transaction with unknown outcome put its answer into the inbox.

        Raises:
            AttemptFenced: the run is not ours; whoever has it will find the answer, or none.
        """
        ...


class WorkerStore(TurnStore, OwnershipStore, UpkeepStore, Protocol):
    """The parts of a store that a worker needs."""

    @property
    def activities(self) -> ActivityStore:
        """Queues, heartbeats, keys and transactions."""
        ...

    @property
    def schedules(self) -> ScheduleStore:
        """Schedules."""
        ...

    @property
    def pauses(self) -> PauseStore:
        """Who may not go on."""
        ...

    @property
    def retention(self) -> RetentionStore:
        """Forgets what ended long ago."""
        ...

    @property
    def timeouts(self) -> TimeoutStore:
        """Runs that are out of time."""
        ...
