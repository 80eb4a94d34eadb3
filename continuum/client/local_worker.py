"""A worker of this process, known to the client: its starts and signals go straight to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from continuum.declare.activity import Activity
from continuum.declare.durations import Duration, optional_seconds
from continuum.declare.registry import resolve_workflows
from continuum.declare.workflow import Workflow
from continuum.journal.turn import NewRun
from continuum.store.protocol import InboxMessage
from continuum.telemetry.calling import observers
from continuum.worker.node import Worker
from continuum.worker.observing import Observer, Observers

if TYPE_CHECKING:
    from continuum.client.backend import Backend
    from continuum.client.duties import Duty, MakingMonths
    from continuum.client.sweeping import Sweeping


class LocalWorker:
    """What `Continuum.worker` gives: an async context manager around one worker.

    Attributes:
        sweeping: what prunes now and then, if it does.
        months: what makes room for the journals of months to come, if the store keeps them so.
    """

    def __init__(
        self,
        backend: Backend,
        workflows: Iterable[Workflow[..., Any]],
        activities: Iterable[Activity[..., Any]],
        *,
        prune_every: Duration | None = None,
        **options: Any,
    ) -> None:
        listed = list(workflows)
        every = optional_seconds(prune_every, "prune_every")
        self._workflows = resolve_workflows(listed)
        self._backend = backend
        self._worker = Worker(
            backend.store,
            backend.hints,
            backend.node_listener,
            backend.liveness,
            listed,
            activities,
            clock=backend.clock,
            **options,
        )
        self._worker.on_end(backend.waiter.deliver)
        self.sweeping: Sweeping | None = None
        if every is not None:
            from continuum.client.sweeping import Sweeping

            self.sweeping = Sweeping(backend.store.retention, Random(), every)
        self.months: MakingMonths | None = None
        if backend.store.retention.by_month:
            from continuum.client.duties import MakingMonths

            self.months = MakingMonths(backend.store.retention, Random())
        self._observers: list[Observer] = []
        self.observe(*observers())

    async def __aenter__(self) -> Self:
        await self._worker.start()
        self._backend.workers.append(self)
        for duty in self._duties():
            duty.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def worker(self) -> Worker:
        """The worker itself."""
        return self._worker

    @property
    def node_id(self) -> UUID:
        """The id of this node; a new one after it was declared dead."""
        return self._worker.node_id

    def observe(self, *more: Observer) -> None:
        """Let these hear of what it does, too."""
        self._observers += more
        observer = Observers(self._observers) if self._observers else Observer()
        self._worker.runner.observer = self._worker.activities.observer = observer

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then drain."""
        with self.heeding_signals():
            if self not in self._backend.workers:
                await self.__aenter__()
            try:
                await self._worker.run()
            finally:
                await self._stop_duties()

    def heeding_signals(self) -> AbstractContextManager[None]:
        """Inside, SIGTERM and SIGINT end `run` instead of the process, also those that come before.

        `run` does so by itself; a program that enters the worker first begins with this.
        """
        return self._worker.stop_request.heeding_signals()

    async def drain(self, timeout: float | None = None) -> None:
        """Take nothing new, let activities finish, give every run back.

        Args:
            timeout: seconds this may take; default: the worker's `drain_timeout`.
        """
        await self._stop_duties()
        await self._worker.drain(timeout)

    async def _stop_duties(self) -> None:
        """A batch that is under way is taken back."""
        for duty in self._duties():
            await duty.stop()

    def _duties(self) -> list[Duty]:
        return [duty for duty in (self.sweeping, self.months) if duty is not None]

    async def close(self) -> None:
        """Drain and leave."""
        try:
            await self._stop_duties()
            await self._worker.close()
        finally:
            if self in self._backend.workers:
                self._backend.workers.remove(self)

    def workflow(self, name: str) -> Workflow[..., Any] | None:
        """The loaded workflow of that registered name, or bare function name when unique."""
        if name in self._workflows:
            return self._workflows[name]
        same = [known for known in self._workflows if known.rpartition(":")[2] == name]
        return self._workflows[same[0]] if len(same) == 1 else None

    def loads(self, workflow_name: str, namespace: str = "default") -> bool:
        """Whether it takes new runs of that workflow now."""
        return self._worker.loads(workflow_name, namespace)

    @property
    def owned(self) -> Collection[UUID]:
        """The runs it owns now."""
        return self._worker.runner.runs.keys()

    async def create_local(self, new_run: NewRun) -> UUID:
        """Start a run on it: start and first turn are one commit."""
        return await self._worker.create_local(new_run)

    def deliver_local(self, messages: Sequence[InboxMessage]) -> None:
        """Messages that were just posted."""
        self._worker.deliver_local(messages)
