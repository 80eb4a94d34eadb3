"""The PostgreSQL store: its parts behind the protocols of `store.protocol`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.journal.turn import NewRun, Turn, VersionPin
from continuum.model import NodeInfo
from continuum.operators.acts import Act
from continuum.store.activities import ActivityStore
from continuum.store.adopting import Adoption, AdoptionStatus
from continuum.store.pauses import PauseStore
from continuum.store.postgres.activities import PostgresActivities
from continuum.store.postgres.adopting import PostgresAdoptions
from continuum.store.postgres.counters import PostgresCounters
from continuum.store.postgres.inbox import PostgresInbox
from continuum.store.postgres.nodes import PostgresNodes
from continuum.store.postgres.orders import PostgresOrders
from continuum.store.postgres.ownership import PostgresOwnership
from continuum.store.postgres.pauses import PostgresPauses
from continuum.store.postgres.questions import PostgresQuestions
from continuum.store.postgres.retention import PostgresRetention
from continuum.store.postgres.schedules import PostgresSchedules
from continuum.store.postgres.session import Connect, Sessions
from continuum.store.postgres.starts import PostgresStarts
from continuum.store.postgres.turns import PostgresTurns
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
from continuum.store.retention import RetentionStore
from continuum.store.schedules import ScheduleStore
from continuum.store.starts import StartStore, TimeoutStore
from continuum.versions.facts import CodeFacts


class PostgresStore:
    """`TurnStore`, `OwnershipStore`, `UpkeepStore`, `ClientStore`, `AdoptionStore` on one database.

    Attributes:
        activities: the `ActivityStore`.
        orders: the `StartStore`.
        schedules: the `ScheduleStore`.
        timeouts: the `TimeoutStore`.
        pauses: the `PauseStore`.
        questions: the `QuestionStore`.

    Args:
        pool: for everything but commits; autocommit connections.
        connect_committer: opens the committer's own connection, again after each loss.
        codec: seals and opens payloads.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        connect_committer: Connect,
        codec: PayloadCodec = IDENTITY,
    ) -> None:
        sessions = Sessions(pool)
        self._turns = PostgresTurns(connect_committer, codec)
        self._ownership = PostgresOwnership(sessions, codec)
        self._nodes = PostgresNodes(sessions, version("continuum-engine"))
        self._counters = PostgresCounters(sessions)
        self._starts = PostgresStarts(sessions, codec)
        self._inbox = PostgresInbox(sessions, codec)
        self.orders: StartStore = PostgresOrders(sessions, codec)
        self.timeouts: TimeoutStore = self._inbox
        self._adoptions = PostgresAdoptions(sessions, codec)
        self.pauses: PauseStore = PostgresPauses(sessions, codec)
        self.schedules: ScheduleStore = PostgresSchedules(sessions, self._inbox, codec)
        self.retention: RetentionStore = PostgresRetention(sessions)
        self.questions: QuestionStore = PostgresQuestions(sessions, self._inbox, codec)
        self.activities: ActivityStore = PostgresActivities(pool, sessions, self._inbox, codec)

    async def close(self) -> None:
        """Close the committer's connection; the pool is the caller's."""
        await self._turns.close()

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        """See `TurnStore`."""
        return await self._turns.commit_turns(node_id, turns)

    async def allocate_tokens(self, count: int) -> list[int]:
        """See `TurnStore`."""
        return await self._turns.allocate_tokens(count)

    async def claim(
        self, node_id: UUID, version_ids: Sequence[int], build: str, limit: int
    ) -> list[ClaimedRun]:
        """See `OwnershipStore`."""
        return await self._ownership.claim(node_id, version_ids, build, limit)

    async def claim_suspect(
        self, node_id: UUID, version_ids: Sequence[int], build: str
    ) -> list[ClaimedRun]:
        """See `OwnershipStore`."""
        return await self._ownership.claim_suspect(node_id, version_ids, build)

    async def release(self, node_id: UUID, releases: Sequence[Release]) -> CommitResult:
        """See `OwnershipStore`."""
        return await self._ownership.release(node_id, releases)

    async def free_unknown(self, node_id: UUID, known: Sequence[UUID]) -> int:
        """See `OwnershipStore`."""
        return await self._nodes.free_unknown(node_id, known)

    async def read_inbox(self, node_id: UUID, run_ids: Sequence[UUID]) -> list[InboxMessage]:
        """See `OwnershipStore`."""
        return await self._ownership.read_inbox(node_id, run_ids)

    async def attend(self, node_id: UUID, version_ids: Sequence[int], build: str) -> Attention:
        """See `OwnershipStore`."""
        return await self._ownership.attend(node_id, version_ids, build)

    async def register_node(self, node: NodeRegistration, ttl: float) -> datetime:
        """See `OwnershipStore`."""
        return await self._nodes.register_node(node, ttl)

    async def register_versions(
        self,
        node_id: UUID,
        pins: Sequence[VersionPin],
        sources: Mapping[str, str],
        facts: Mapping[int, CodeFacts],
    ) -> None:
        """See `OwnershipStore`."""
        await self._nodes.register_versions(node_id, pins, sources, facts)

    async def taken_patches(self, workflows: Sequence[str]) -> list[tuple[str, frozenset[str]]]:
        """See `OwnershipStore`."""
        return await self._nodes.taken_patches(workflows)

    async def forget_node(self, node_id: UUID) -> None:
        """See `OwnershipStore`."""
        await self._nodes.forget_node(node_id)

    async def set_draining(self, node_id: UUID) -> None:
        """See `OwnershipStore`."""
        await self._nodes.set_draining(node_id)

    async def suspects(self, node_id: UUID) -> set[UUID]:
        """See `OwnershipStore`."""
        return await self._nodes.suspects(node_id)

    async def declare_dead(self, node_ids: Sequence[UUID]) -> list[UUID]:
        """See `OwnershipStore`."""
        return await self._nodes.declare_dead(node_ids)

    async def free_dead(self, limit: int) -> int:
        """See `OwnershipStore`."""
        return await self._nodes.free_dead(limit)

    async def compact_counts(self, limit: int) -> int:
        """See `UpkeepStore`."""
        return await self._counters.compact(limit)

    async def insert_runs(self, runs: Sequence[NewRun]) -> list[NewRun | None]:
        """See `ClientStore`."""
        return await self._starts.insert_runs(runs)

    async def post(self, messages: Sequence[NewMessage]) -> list[PostOutcome]:
        """See `ClientStore`."""
        return await self._inbox.post(messages)

    async def force_cancel(
        self, run_id: UUID, reason: str | None, namespace: str | None, act: Act | None = None
    ) -> PostOutcome:
        """See `ClientStore`."""
        return await self._inbox.force_cancel(run_id, reason, namespace, act)

    async def nodes(self) -> list[NodeInfo]:
        """See `ClientStore`."""
        return await self._nodes.nodes()

    async def adopt(
        self,
        adoptions: Sequence[Adoption],
        facts: Mapping[int, CodeFacts],
        act: Act | None = None,
    ) -> Mapping[UUID, AdoptionStatus]:
        """See `AdoptionStore`."""
        return await self._adoptions.adopt(adoptions, facts, act)
