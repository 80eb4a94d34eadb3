"""What a client needs of an open store and everything around it, whichever store it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from continuum.client.answers import AnswerWaiter
from continuum.client.waiting import EndWaiter
from continuum.store.activities import WorkerStore
from continuum.store.adopting import AdoptionStore
from continuum.store.attributes import AttributeStore
from continuum.store.auditing import AuditStore
from continuum.store.health import HealthStore
from continuum.store.journals import JournalStore, ReplaySource
from continuum.store.operators import OperatorStore
from continuum.store.pauses import PauseStore
from continuum.store.plans import PlanStore
from continuum.store.protocol import (
    ClientStore,
    HintSender,
    Listener,
    Liveness,
)
from continuum.store.reading import ReadStore
from continuum.store.repair import RepairStore
from continuum.store.retention import RetentionStore
from continuum.store.schedules import ScheduleStore
from continuum.store.starts import StartOrder, StartOutcome
from continuum.system import ObservedClock

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

    from continuum.client.local_worker import LocalWorker


class Store(WorkerStore, ClientStore, AdoptionStore, Protocol):
    """All parts of a store that write."""


class Backend(Protocol):
    """An open store and what works on it."""

    @property
    def store(self) -> Store:
        """The half that writes."""
        ...

    @property
    def reads(self) -> ReadStore:
        """The half that reads."""
        ...

    @property
    def attributes(self) -> AttributeStore:
        """Which attribute keys there are, and indexes on them."""
        ...

    @property
    def audits(self) -> AuditStore:
        """Which versions there are, and which runs need them."""
        ...

    @property
    def journals(self) -> JournalStore:
        """What a replay reads."""
        ...

    def elsewhere(self) -> Callable[[], AbstractAsyncContextManager[ReplaySource]]:
        """What another process can call to open the same store for replays."""
        ...

    @property
    def health(self) -> HealthStore:
        """What the store knows of its health."""
        ...

    @property
    def repair(self) -> RepairStore:
        """Puts runs right."""
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
    def operators(self) -> OperatorStore:
        """What operators did, and which namespaces want reasons."""
        ...

    @property
    def plans(self) -> PlanStore:
        """Plans of acts upon many runs."""
        ...

    @property
    def schedules(self) -> ScheduleStore:
        """Schedules."""
        ...

    @property
    def hints(self) -> HintSender:
        """Wakes workers and waiters of other processes."""
        ...

    @property
    def waiter(self) -> EndWaiter:
        """Waits for the ends of runs."""
        ...

    @property
    def answers(self) -> AnswerWaiter:
        """Waits for answers to questions."""
        ...

    @property
    def workers(self) -> list[LocalWorker]:
        """Those of this process that are at work."""
        ...

    @property
    def clock(self) -> ObservedClock | None:
        """The clock of its workers; None: each keeps its own estimate of the store's."""
        ...

    async def close(self) -> None:
        """Let workers give everything back and close all connections."""
        ...

    async def start_on(self, connection: AsyncConnection[Any], order: StartOrder) -> StartOutcome:
        """Start a run in the caller's transaction."""
        ...

    def start_on_blocking(self, connection: Connection[Any], order: StartOrder) -> StartOutcome:
        """Start a run in the transaction of a synchronous caller, on its thread."""
        ...

    def node_listener(
        self,
        node_id: UUID,
        on_hint: Callable[[Sequence[UUID]], None],
        on_reconnect: Callable[[], None],
    ) -> Listener:
        """A `ListenerFactory`."""
        ...

    def liveness(
        self,
        node_id: UUID,
        ttl: float,
        heartbeat: float,
        on_beat: Callable[[datetime], None],
        on_lost: Callable[[], None],
        on_reconnect: Callable[[], None],
    ) -> Liveness:
        """A `LivenessFactory`."""
        ...
