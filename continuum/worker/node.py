"""One worker: the services of this package put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from random import Random
from types import TracebackType
from typing import Self
from uuid import UUID

from continuum.declare.loaded import LoadedVersions
from continuum.declare.queue import Queue, resolve_queues
from continuum.declare.registry import AnyActivity, AnyWorkflow, resolve_activities
from continuum.errors import ConfigurationError, WorkflowNotFound
from continuum.journal.turn import NewRun, RunEnd
from continuum.store.activities import WorkerStore
from continuum.store.protocol import (
    HintSender,
    InboxMessage,
    ListenerFactory,
    LivenessFactory,
    StoreUnavailable,
)
from continuum.system import EPOCH, DatabaseClock, ObservedClock
from continuum.versions.build import build_fingerprint
from continuum.worker.collection import relax_collection, restore_collection
from continuum.worker.committer import Committer
from continuum.worker.deaths import LOOK, Deaths
from continuum.worker.drain import Drain
from continuum.worker.housekeeping import Housekeeping
from continuum.worker.membership import Membership
from continuum.worker.news import News
from continuum.worker.ownership import Claims, Releases
from continuum.worker.recipes import Recipes
from continuum.worker.runner import Runner
from continuum.worker.service import Service
from continuum.worker.serving import Serving
from continuum.worker.stopping import StopRequest
from continuum.worker.timers import Timers
from continuum.worker.tokens import Tokens
from continuum.worker.wake import POLL, Wake
from continuum.worker.watchdog import EXIT_AFTER, WARN_AFTER, Watchdog, end_process

log = logging.getLogger("continuum.worker")


class Worker:
    """Executes workflows: claims runs, steps them, runs their activities, commits what they do.

    Args:
        store, hints, listener, liveness: the store's parts, built by the client's wiring.
        workflows: what it can run.
        activities: what it runs for its queues.
        queues: named queues it serves.
        concurrency: activities at once; runs in memory are not limited by it.
        drain_timeout: seconds in which `drain` gives everything back.
        ttl, heartbeat: seconds after which a silent node is dead, and between its heartbeats.
        max_cached_runs: runs kept in memory; parked ones beyond it are given back.
        poll, look: seconds between polls for work, and between looks at the other nodes.
        warn_after, exit_after: seconds a workflow step may block before it is reported, and
            before the process ends (rule 23).
        build: fingerprint of the application source, when not that of the loaded modules.
        random: source of all jitter.
        clock: estimate of the store's clock; default: one that follows every reading of it.

    Example:
        async with Worker(store, hints, listener, liveness, [order_flow]) as worker:
            await worker.run()
    """

    def __init__(
        self,
        store: WorkerStore,
        hints: HintSender,
        listener: ListenerFactory,
        liveness: LivenessFactory,
        workflows: Iterable[AnyWorkflow],
        activities: Iterable[AnyActivity] = (),
        *,
        concurrency: int = 200,
        drain_timeout: float = 10.0,
        ttl: float = 30.0,
        heartbeat: float = 10.0,
        max_cached_runs: int = 50_000,
        poll: float = POLL,
        look: float = LOOK,
        warn_after: float = WARN_AFTER,
        exit_after: float = EXIT_AFTER,
        exit_process: Callable[[], None] | None = None,
        queues: Sequence[str | Queue] = (),
        build: str | None = None,
        random: Random | None = None,
        clock: ObservedClock | None = None,
    ) -> None:
        if concurrency < 1 or max_cached_runs < 1:
            raise ConfigurationError("concurrency and max_cached_runs are at least 1")
        if not 0 < heartbeat < ttl:
            raise ConfigurationError("the heartbeat interval is above 0 and below the ttl")
        workflows = list(workflows)
        self._versions = LoadedVersions(workflows)
        self._workflows = self._versions.newest
        self._declared = resolve_activities(activities)
        if not self._workflows and not self._declared:
            raise ConfigurationError("a worker needs at least one workflow")
        self._queues = resolve_queues(queues)
        if self._queues and not self._declared:
            raise ConfigurationError(
                "a worker that serves queues needs activities", hint="pass activities=[...]"
            )
        random = random or Random()
        self.clock = clock or DatabaseClock(EPOCH)
        self._store = store
        self._hints = hints
        self._drain_timeout = drain_timeout
        self.accepting = self._begun = False
        self.drained: asyncio.Task[None] | None = None
        self.stop_request = StopRequest()
        self.tokens = Tokens(store)
        news = News(hints.runs_ended, hints.runs_answered, self._mail_sent)
        self.runner = Runner(self.clock, self._versions, news)
        self.committer = Committer(
            store,
            random,
            on_committed=self.runner.committed,
            on_rejected=self.runner.rejected,
            on_batch=self._batch_done,
            observe=self.clock.observe,
            more_follow=lambda: not self.runner.settled,
        )
        self.serving = Serving(
            store.activities,
            random,
            concurrency=concurrency,
            queues=self._queues,
            activities=self._declared,
            runner=self.runner,
            clock=self.clock,
            hints=hints,
            posted=self.deliver_local,
            poll=poll,
        )
        self.activities = self.serving.activities
        self.timers = Timers(self.clock, self.runner.fire)
        self.membership = Membership(
            store,
            listener,
            liveness,
            random,
            pins=self._versions.pins,
            sources=self._versions.sources,
            facts=self._versions.facts,
            build=build or build_fingerprint(workflows),
            capacity=concurrency,
            queues=sorted(self._queues),
            ttl=ttl,
            heartbeat=heartbeat,
            observe=self.clock.observe,
            on_hint=self._hinted,
            on_reconnect=self._look_everywhere,
            on_epoch_lost=self._epoch_lost,
            on_joined=self._joined,
        )
        self.serving.connect(self.membership)
        self.recipes = Recipes(
            store, random, versions=self._versions, membership=self.membership,
            submit=self.committer.submit, every=heartbeat,
        )  # fmt: skip
        if self._versions.many:
            self.runner.stamp = self.recipes.stamp
        self.claims = Claims(
            store, store.pauses, random, runner=self.runner, membership=self.membership
        )
        self.releases = Releases(
            store, random, runner=self.runner, clock=self.clock, membership=self.membership,
            max_cached_runs=max_cached_runs,
        )  # fmt: skip
        block, let_go = self.releases.block, self.releases.let_go
        self.runner.connect(self.committer, self.activities, self.timers, block, let_go)
        self.wake = Wake(
            store,
            random,
            runs=self.runner.runs,
            deliveries=self.runner.deliveries,
            membership=self.membership,
            observe=self.clock.observe,
            claim=self.claims.request,
            suspect=self.claims.request_suspects,
            fire=self.runner.fire,
            paused=self.runner.pausing.observe,
            poll=poll,
        )
        self.deaths = Deaths(
            store, random, membership=self.membership, freed=self._freed, look=look
        )
        pausing = self.runner.pausing
        self.housekeeping = Housekeeping(store, hints, random, self.claims.request, pausing)
        self.watchdog = Watchdog(
            self.runner,
            self._abandon,
            warn_after=warn_after,
            exit_after=exit_after,
            exit_process=exit_process or end_process,
        )

    # -- life ----------------------------------------------------------------------------------

    @property
    def node_id(self) -> UUID:
        """The id of this node; a new one after it was declared dead."""
        return self.membership.node_id

    async def start(self) -> None:
        """Join the cluster and begin to work. Raises `DatabaseUnavailable`, `SchemaError`."""
        await self.serving.start()
        if self._versions.many:
            await self.recipes.learn()
        await self.membership.join()
        await self.wake.begin()
        relax_collection()
        self._begun = True
        self.watchdog.start()
        for service in self._services():
            service.start()
        self.accepting = True
        self.claims.request()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then drain."""
        with self.stop_request.heeding_signals():
            if not self.accepting:
                await self.start()
            try:
                await self.stop_request.wait()
            finally:
                await self.drain()

    async def drain(self, timeout: float | None = None) -> None:
        """Give everything back and leave; bounded by `timeout` seconds (default drain_timeout).

        Concurrent and later calls wait for the first one.
        """
        if self.drained is None:
            timeout = self._drain_timeout if timeout is None else timeout
            self.drained = asyncio.create_task(self._drain(timeout), name="continuum:drain")
        await asyncio.shield(self.drained)

    async def close(self) -> None:
        """The same as `drain`."""
        await self.drain()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.drain()

    # -- for the client in this process --------------------------------------------------------

    def loads(self, workflow_name: str, namespace: str = "default") -> bool:
        """Whether this worker takes new runs of that workflow in that namespace now."""
        if not self.accepting or workflow_name not in self._workflows:
            return False
        return not self.runner.pausing.now.cover(namespace, workflow_name)

    async def create_local(self, new_run: NewRun) -> UUID:
        """Start a run on this worker: start and first turn are one commit.

        Raises:
            WorkflowNotFound: not loaded here.
            DuplicateRun: a run with this id exists.
            PayloadError: the database refuses the input; nothing was written.
        """
        workflow = self._workflows.get(new_run.workflow)
        if workflow is None:
            raise WorkflowNotFound(f"workflow {new_run.workflow} is not loaded in this worker")
        token = self.tokens.take_nowait()
        if token is None:
            token = await self.tokens.take()
        return await self.runner.create(new_run, workflow, token)

    def deliver_local(self, messages: Sequence[InboxMessage]) -> None:
        """Messages that a client of this process has just posted: no hint is needed for ours."""
        elsewhere = self.wake.deliver_local(messages)
        if elsewhere:
            self._hints.runs_changed(elsewhere)
            self.claims.request()

    def on_end(self, callback: Callable[[UUID, RunEnd], None]) -> None:
        """Call `callback` for every run whose end this worker has committed."""
        self.runner.on_end.append(callback)

    # -- between the services ------------------------------------------------------------------

    def _services(self) -> list[Service]:
        recipes = [self.recipes] if self._versions.many else []
        return [self.committer, *self._takers(), *recipes, *self.serving.services()]

    def _takers(self) -> list[Service]:
        """What takes on work, and stops first."""
        core = [self.claims, self.deaths, self.wake, self.releases]
        return [*core, *self.housekeeping.services()]

    def _joined(self) -> None:
        self.committer.node_id = self.membership.node_id
        self._look_everywhere()

    def _look_everywhere(self) -> None:
        self.wake.poll_now()
        self.claims.request()
        self.serving.tasks.request()
        self.housekeeping.scheduler.request()

    def _hinted(self, run_ids: Sequence[UUID]) -> None:
        self.wake.hint(run_ids)
        if not run_ids:
            self.serving.tasks.request()
            self.housekeeping.scheduler.request()

    def _batch_done(self) -> None:
        self.runner.batch_done()
        self.releases.consider()

    def _mail_sent(self, run_ids: Sequence[UUID]) -> None:
        """Runs of this process posted to these, or inserted them."""
        self.wake.hint(run_ids)
        elsewhere = [run_id for run_id in run_ids if run_id not in self.runner.runs]
        if elsewhere:
            self._hints.runs_changed(elsewhere)

    def _freed(self) -> None:
        self.claims.request()
        self._hints.poll_now()

    def _abandon(self, culprit: UUID) -> None:
        liveness = self.membership.liveness
        if liveness is not None:
            liveness.abandon(culprit)

    def _epoch_lost(self) -> None:
        """Everything owned is gone, except runs that were never sent: they begin here anew."""
        unsent = [run for run in self.committer.withdraw_unsent() if run.created is not None]
        kept = {run.run_id for run in (*unsent, *self.recipes.unsent())}
        for run in list(self.runner.runs.values()):
            if run.run_id not in kept and (run.created is None or run.in_flight is not None):
                self.runner.drop(run)
        for run in unsent:
            self.committer.submit(run)
        self.serving.tasks.drop_all()

    async def _drain(self, timeout: float) -> None:
        self.accepting = False
        drain = Drain(
            self._store,
            runner=self.runner,
            committer=self.committer,
            serving=self.serving,
            timers=self.timers,
            releases=self.releases,
            membership=self.membership,
            recipes=self.recipes,
            takers=self._takers(),
        )
        try:
            if self._begun:  # else nothing was begun, and there is no node to take back
                await drain.run(timeout)
        finally:
            await self._shut_down()

    async def _shut_down(self) -> None:
        if self._begun:
            self._begun = False
            restore_collection()
        self.watchdog.stop()
        await self.recipes.stop()
        await self.committer.stop()
        await self.tokens.close()
        await self.membership.disconnect()
        self.activities.shut_down()
        for run in list(self.runner.runs.values()):
            run.refuse(
                StoreUnavailable(f"the worker ended before run {run.run_id} was known committed")
            )
            self.runner.drop(run)
