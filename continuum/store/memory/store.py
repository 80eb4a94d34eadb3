"""The memory store: its parts behind the protocols of `store.protocol`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.journal.turn import NewRun, Turn, VersionPin
from continuum.model import NodeInfo
from continuum.operators.acts import Act
from continuum.store.activities import ActivityStore
from continuum.store.adopting import Adoption, AdoptionStatus, with_former
from continuum.store.memory.adopting import MemoryAdoptions
from continuum.store.memory.attributes import MemoryAttributes
from continuum.store.memory.auditing import MemoryAudit
from continuum.store.memory.clock import MemoryClock
from continuum.store.memory.health import MemoryHealth
from continuum.store.memory.journals import MemoryJournals
from continuum.store.memory.mail import MemoryMail
from continuum.store.memory.nodes import MemoryNodes
from continuum.store.memory.operators import MemoryOperators
from continuum.store.memory.ownership import MemoryOwnership
from continuum.store.memory.pauses import MemoryPauses
from continuum.store.memory.plans import MemoryPlans
from continuum.store.memory.questions import MemoryQuestions
from continuum.store.memory.reads import MemoryReads
from continuum.store.memory.repair import MemoryRepair
from continuum.store.memory.retention import MemoryRetention
from continuum.store.memory.schedules import MemorySchedules
from continuum.store.memory.starts import MemoryOrders
from continuum.store.memory.tables import LeaseRow, Tables, TaskRow
from continuum.store.memory.tasks import MemoryActivities
from continuum.store.memory.turns import MemoryTurns
from continuum.store.protocol import (
    Attention,
    ClaimedRun,
    CommitResult,
    InboxMessage,
    NewMessage,
    NodeRegistration,
    PostOutcome,
    Release,
)
from continuum.store.questions import QuestionStore
from continuum.store.repair import QUARANTINED_FROM
from continuum.store.retention import RetentionStore
from continuum.store.starts import StartStore, TimeoutStore
from continuum.versions.facts import CodeFacts


class MemoryStore:
    """`TurnStore`, `OwnershipStore` and `ClientStore` in one process, on one event loop.

    Every call is atomic, because none of them awaits anything.

    Attributes:
        clock: against which everything is compared.
        tables: the rows.
        reads: the `ReadStore` of the same rows.
        attributes: the `AttributeStore` of the same rows.
        journals: the `JournalStore` of the same rows.
        health: the `HealthStore` of the same rows.
        repair: the `RepairStore` of the same rows.
        operators: the `OperatorStore` of the same rows.
        plans: the `PlanStore` of the same rows.
        activities: the `ActivityStore` of the same rows.
        orders: the `StartStore` of the same rows.
        audits: the `AuditStore` of the same rows.
        schedules: the `ScheduleStore` of the same rows.
        timeouts: the `TimeoutStore` of the same rows.
        pauses: the `PauseStore` of the same rows.
        questions: the `QuestionStore` of the same rows.
        retention: the `RetentionStore` of the same rows.
    """

    def __init__(self, clock: MemoryClock | None = None, codec: PayloadCodec = IDENTITY) -> None:
        self.clock = clock or MemoryClock()
        self.tables = Tables(self.clock, codec)
        self.reads = MemoryReads(self.tables)
        self.attributes = MemoryAttributes(self.tables)
        self.journals = MemoryJournals(self.tables)
        self.health = MemoryHealth(self.tables)
        self.repair = MemoryRepair(self.tables)
        self.operators = MemoryOperators(self.tables)
        self.plans = MemoryPlans(self.tables)
        self.activities: ActivityStore = MemoryActivities(self.tables)
        self.audits = MemoryAudit(self.tables)
        self._turns = MemoryTurns(self.tables)
        self._ownership = MemoryOwnership(self.tables, self._turns)
        self._nodes = MemoryNodes(self.tables)
        self._mail = MemoryMail(self.tables)
        self.orders: StartStore = MemoryOrders(self.tables, self._mail)
        self.timeouts: TimeoutStore = self._mail
        self._adoptions = MemoryAdoptions(self.tables)
        self.schedules = MemorySchedules(self.tables, self._mail)
        self.pauses = MemoryPauses(self.tables)
        self.questions: QuestionStore = MemoryQuestions(self.tables)
        self.retention: RetentionStore = MemoryRetention(
            self.tables, self.reads, self.schedules, self.plans
        )

    # -- what a clock that skips time has to know ----------------------------------------------

    def at_rest(self) -> bool:
        """Whether every live run waits for time, for a message, or for a worker that can run it.

        The rows alone decide: a run whose step, turn or activity is under way is not parked, or
        has mail, or is overdue.
        """
        now = self.clock.now()
        for lease in self.tables.leases.values():
            if lease.owner is not None:
                if not lease.parked or lease.inbox or lease.wanted(now):
                    return False
            elif lease.wanted(now) and self._has_taker(lease):
                return False
        next_look = self.schedules.next_look()
        if next_look is not None and next_look <= now and self._has_worker():
            return False
        deadline = self._next_deadline()
        if deadline is not None and deadline <= now and self._has_worker():
            return False
        return not any(self._is_due(row, now) for row in self.tables.tasks.values())

    def next_wake(self) -> datetime | None:
        """The earliest moment at which a run that some worker can run wants to be woken."""
        moments = [
            lease.wake_at
            for lease in self.tables.leases.values()
            if lease.wake_at is not None and (lease.owner is not None or self._has_taker(lease))
        ]
        now = self.tables.clock.now()
        moments += [
            max(row.available_at, self._admitted_at(row, now))
            for row in self.tables.tasks.values()
            if row.owner is None and self._is_served(row)
        ]
        next_look = self.schedules.next_look()
        for moment in (next_look, self._next_deadline()):
            if moment is not None and self._has_worker():
                moments.append(moment)
        return min(moments, default=None)

    def _next_deadline(self) -> datetime | None:
        """When the next run is out of time."""
        deadlines = [lease.deadline for lease in self.tables.leases.values() if lease.deadline]
        return min(deadlines, default=None)

    def _has_worker(self) -> bool:
        return any(
            self.tables.is_serving(node) and not node.draining
            for node in self.tables.nodes.values()
        )

    def _is_due(self, row: TaskRow, now: datetime) -> bool:
        """Whether a queued attempt is under way, or will be at once."""
        if row.owner is not None:
            return True
        return (
            row.claimable(now)
            and self._admitted_at(row, now) <= now
            and self._is_served(row)
            and not self._is_full(row, now)
        )

    def _admitted_at(self, row: TaskRow, now: datetime) -> datetime:
        limits = self.tables.queues.get(row.queue)
        return now if limits is None else limits.refills_at(now)

    def _is_full(self, row: TaskRow, now: datetime) -> bool:
        limits = self.tables.queues.get(row.queue)
        return limits is not None and limits.room(self.tables.claimed_of(row.queue), now) < 1

    def _is_served(self, row: TaskRow) -> bool:
        return row.queue not in self.tables.paused_scopes().queues and any(
            row.queue in node.registration.queues and self.tables.is_serving(node)
            for node in self.tables.nodes.values()
        )

    def _has_taker(self, lease: LeaseRow) -> bool:
        return (
            not lease.paused
            and lease.takeovers < QUARANTINED_FROM
            and any(
                lease.version_id in node.version_ids
                and lease.blocked_build != node.registration.build
                and self.tables.is_serving(node)
                and not node.draining
                for node in self.tables.nodes.values()
            )
        )

    # -- TurnStore -----------------------------------------------------------------------------

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        """See `TurnStore`."""
        return self._turns.commit_turns(node_id, turns)

    async def allocate_tokens(self, count: int) -> list[int]:
        """See `TurnStore`."""
        return [self.tables.next_token() for _ in range(count)]

    # -- OwnershipStore ------------------------------------------------------------------------

    async def claim(
        self, node_id: UUID, version_ids: Sequence[int], build: str, limit: int
    ) -> list[ClaimedRun]:
        """See `OwnershipStore`."""
        return self._ownership.claim(node_id, version_ids, build, limit)

    async def claim_suspect(
        self, node_id: UUID, version_ids: Sequence[int], build: str
    ) -> list[ClaimedRun]:
        """See `OwnershipStore`."""
        return self._ownership.claim_suspect(node_id, version_ids, build)

    async def release(self, node_id: UUID, releases: Sequence[Release]) -> CommitResult:
        """See `OwnershipStore`."""
        return self._ownership.release(node_id, releases)

    async def free_unknown(self, node_id: UUID, known: Sequence[UUID]) -> int:
        """See `OwnershipStore`."""
        return self._ownership.free_unknown(node_id, known)

    async def read_inbox(self, node_id: UUID, run_ids: Sequence[UUID]) -> list[InboxMessage]:
        """See `OwnershipStore`."""
        return self._ownership.read_inbox(node_id, run_ids)

    async def attend(self, node_id: UUID, version_ids: Sequence[int], build: str) -> Attention:
        """See `OwnershipStore`."""
        return self._ownership.attend(node_id, version_ids, build)

    async def register_node(self, node: NodeRegistration, ttl: float) -> datetime:
        """See `OwnershipStore`."""
        return self._nodes.register_node(node, ttl)

    async def register_versions(
        self,
        node_id: UUID,
        pins: Sequence[VersionPin],
        sources: Mapping[str, str],
        facts: Mapping[int, CodeFacts],
    ) -> None:
        """See `OwnershipStore`."""
        self._nodes.register_versions(node_id, pins, sources, facts)

    async def taken_patches(self, workflows: Sequence[str]) -> list[tuple[str, frozenset[str]]]:
        """See `OwnershipStore`."""
        return self._nodes.taken_patches(workflows)

    async def forget_node(self, node_id: UUID) -> None:
        """See `OwnershipStore`."""
        self._ownership.free_unknown(node_id, ())
        self._nodes.forget_node(node_id)

    async def set_draining(self, node_id: UUID) -> None:
        """See `OwnershipStore`."""
        self._nodes.set_draining(node_id)

    async def suspects(self, node_id: UUID) -> set[UUID]:
        """See `OwnershipStore`."""
        return self._nodes.suspects(node_id)

    async def declare_dead(self, node_ids: Sequence[UUID]) -> list[UUID]:
        """See `OwnershipStore`."""
        return self._nodes.declare_dead(node_ids)

    async def free_dead(self, limit: int) -> int:
        """See `OwnershipStore`."""
        return self._ownership.free_dead(limit)

    async def compact_counts(self, limit: int) -> int:
        """See `UpkeepStore`; this store counts its rows when asked."""
        return 0

    # -- ClientStore ---------------------------------------------------------------------------

    async def insert_runs(self, runs: Sequence[NewRun]) -> list[NewRun | None]:
        """See `ClientStore`."""
        return self._mail.insert_runs(runs)

    async def post(self, messages: Sequence[NewMessage]) -> list[PostOutcome]:
        """See `ClientStore`."""
        return self._mail.post(messages)

    async def force_cancel(
        self, run_id: UUID, reason: str | None, namespace: str | None, act: Act | None = None
    ) -> PostOutcome:
        """See `ClientStore`."""
        return self._mail.force_cancel(run_id, reason, namespace, act)

    async def nodes(self) -> list[NodeInfo]:
        """See `ClientStore`."""
        return self._nodes.nodes()

    async def adopt(
        self,
        adoptions: Sequence[Adoption],
        facts: Mapping[int, CodeFacts],
        act: Act | None = None,
    ) -> Mapping[UUID, AdoptionStatus]:
        """See `AdoptionStore`."""
        statuses = self._adoptions.adopt(adoptions, act)
        adopted = [each for each in adoptions if statuses[each.run_id] == "adopted"]
        self._nodes.register([each.pin for each in adopted], {}, with_former(facts, adopted))
        return statuses
