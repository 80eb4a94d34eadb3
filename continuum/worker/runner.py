"""Steps the runs in memory and turns what they did into turns.

A run moves through: stimuli queue -> step (one stimulus at a time, each to quiescence) -> turn in
flight -> acknowledged -> activities started -> stimuli again. It is never stepped while its turn
is in flight, so a batch holds at most one turn per run (rule 12), and nothing it decided has an
effect before it is durable.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from continuum.declare.loaded import LoadedVersions
from continuum.declare.registry import AnyWorkflow
from continuum.engine.execution import Execution
from continuum.engine.loop import give_generators_back, take_generators
from continuum.engine.outcome import Collected
from continuum.errors import DuplicateRun, PayloadError
from continuum.journal.turn import Continuation, NewRun, RunEnd, RunState, Turn, TurnStatus
from continuum.store.protocol import ClaimedRun
from continuum.system import Clock, monotonic
from continuum.worker.activities import Activities
from continuum.worker.committer import Committer
from continuum.worker.loading import adopted, created, load
from continuum.worker.news import News
from continuum.worker.observing import Observer
from continuum.worker.owned import OwnedRun, Stimulus
from continuum.worker.paranoia import paranoia
from continuum.worker.pausing import Pausing
from continuum.worker.probation import Probation
from continuum.worker.service import Signal
from continuum.worker.timers import Timers
from continuum.worker.turns import failing_turn, next_incarnation, refused, turn_of
from continuum.worker.wake import Deliveries

SLICE = 0.01
"""Seconds of stepping before the host loop gets its turn."""

DEFER = 0.5
"""Seconds until a turn is sent again that the database refused through no fault of its own."""

log = logging.getLogger("continuum.worker.runner")


class Runner:
    """All runs this node owns, and the loop callback that steps the ready ones.

    Attributes:
        runs: every owned run by id.
        on_tasks: called when a turn that queued or stopped attempts is committed.
        batch_done: called when all outcomes of one commit were reported.
        parked: those that wait for something outside, least recently used first.
        probation: the claimed runs of which no step is durable yet.
        stepping, step_began: the run whose code is running now, and since when; the watchdog
            reads them from its thread.
    """

    def __init__(self, clock: Clock, versions: LoadedVersions, news: News) -> None:
        self.runs: dict[UUID, OwnedRun] = {}
        self.parked: dict[UUID, OwnedRun] = {}
        self.probation = Probation()
        self.stepping: OwnedRun | None = None
        self.step_began = 0.0
        self.fenced: Signal[UUID] = Signal()
        self.observer = Observer()
        self.stamp: Callable[[OwnedRun, frozenset[str]], None] | None = None
        self.on_tasks: Callable[[OwnedRun, Turn], None] = _nothing
        self.deliveries = Deliveries(self.runs, self.stimulate)
        self._clock = clock
        self._versions = versions
        self._news = news
        self.on_end, self.batch_done = news.on_end, news.tell
        self._ready: deque[OwnedRun] = deque()
        self._scheduled = False
        self._context = contextvars.Context()
        self._paranoia = paranoia()
        self._committer: Committer
        self._activities: Activities
        self._timers: Timers
        self.pausing: Pausing

    def connect(
        self,
        committer: Committer,
        activities: Activities,
        timers: Timers,
        block: Callable[[OwnedRun, str], None],
        let_go: Callable[[OwnedRun], None],
    ) -> None:
        """Name the services a step feeds, and what gives back runs that drift or are paused."""
        self._on_blocked = block
        self._committer, self._activities, self._timers = committer, activities, timers
        self.pausing = Pausing(self.runs, activities, let_go=let_go, wake=self._wake)
        self.deliveries.on_pause = self.pausing.told
        self.deliveries.on_unreadable = self.pausing.unreadable

    # -- runs come -----------------------------------------------------------------------------

    def create(self, new_run: NewRun, workflow: AnyWorkflow, token: int) -> asyncio.Future[UUID]:
        """Start a run here: its insertion and its first turn are one commit."""
        if new_run.run_id in self.runs:  # claimed: nobody would step it any more
            raise DuplicateRun(f"run {new_run.run_id} exists already")
        run = OwnedRun(new_run.run_id, workflow.name, token, 1, 1, None)
        run.created, run.pin = new_run, workflow.pin
        run.created_future = asyncio.get_running_loop().create_future()
        self.runs[run.run_id] = run

        def begin(at: datetime) -> None:
            run.started_at = at
            run.execution = Execution(created(new_run, workflow, at, self.observer))
            run.execution.start(at)

        self.stimulate(run, begin)
        return run.created_future

    def adopt(self, claimed: ClaimedRun) -> None:
        """Load a run that was just claimed: replay, recover, read its inbox."""
        existing = self.runs.get(claimed.run_id)
        if existing is not None:
            self.drop(existing)
            if existing.in_flight is None:
                existing.refuse(DuplicateRun(f"run {claimed.run_id} exists already"))
        run, identity = adopted(claimed, *self._versions.of(claimed.pin), self.observer)
        self.runs[run.run_id] = run
        if isinstance(identity, str):
            self._block(run, identity)
            return
        self.probation.begin(run.run_id)
        self.stimulate(run, partial(load, run, identity, claimed.events, claimed, self._paranoia))
        self.deliveries.deliver(run, claimed.inbox)

    # -- runs move -----------------------------------------------------------------------------

    def stimulate(self, run: OwnedRun, stimulus: Stimulus) -> None:
        """Queue something that happened to `run` and step it soon."""
        if run.dropped:
            return
        run.stimuli.append(stimulus)
        if run.pausing:
            self.pausing.arrived(run)
        else:
            self._wake(run)

    def fire(self, run: OwnedRun) -> None:
        """Its timer is due."""
        if run.execution is not None and not run.pausing:
            self.stimulate(run, run.fire)

    def _wake(self, run: OwnedRun) -> None:
        """Step it, unless it is about to be."""
        if not run.queued and run.in_flight is None:
            self._enqueue(run)

    def _enqueue(self, run: OwnedRun) -> None:
        run.queued = True
        if run.parked:
            self.unpark(run)
        self._ready.append(run)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._step_ready, context=self._context)
        self._committer.expect()

    def _step_ready(self) -> None:
        ready, step = self._ready, self._step
        at = self._clock.now()
        now = monotonic()
        until = now + SLICE
        hooks = take_generators()
        while ready:
            run = ready.popleft()
            run.queued = False
            if not run.dropped and run.in_flight is None and not run.pausing:
                self.step_began = now
                self.stepping = run
                step(run, at)
                self.stepping = None
                now = monotonic()
                if now >= until:
                    break
        give_generators_back(hooks)
        if ready:
            self._schedule()
        else:
            self._scheduled = False

    def _step(self, run: OwnedRun, at: datetime) -> None:
        stimuli = run.stimuli
        execution = run.execution
        delivered = 0
        try:
            for stimulus in stimuli:
                stimulus(at)
                delivered += 1
                execution = run.execution
                assert execution is not None
                if execution.ended_as is not None or execution.drift is not None:
                    break
            if execution is None or execution.continuation is None:
                stimuli.clear()
            else:  # the rest is for the next incarnation
                run.stimuli = stimuli[delivered:]
        except Exception as error:
            log.exception("run %s: internal error while stepping %s", run.run_id, run.workflow_name)
            self._block(run, f"internal error: {error!r}")
            return
        execution = run.execution
        if execution is None:
            return
        if execution.drift is not None:
            log.error("run %s (%s): %s", run.run_id, run.workflow_name, execution.drift.message)
            self._block(run, execution.drift.message)
            return
        collected = execution.collect()
        if self._paranoia is not None:
            self._paranoia.stepped(run, execution.identity, collected.entries)
        turn = turn_of(run, execution, collected)
        if (
            turn.entries
            or turn.consumed
            or turn.state is not None
            or turn.wake_at != run.wake_at
            or turn.posts
            or turn.waiting_on != run.waiting_on
        ):
            run.in_flight = turn
            run.collected = collected
            if collected.taken is None or self.stamp is None:
                self._committer.submit(run)
            else:
                self.stamp(run, collected.taken)
        else:
            self._settled(run, collected)

    # -- turns come back -----------------------------------------------------------------------

    def committed(self, run: OwnedRun, status: TurnStatus) -> None:
        """The outcome of the turn in flight is known."""
        turn, collected = run.in_flight, run.collected
        assert turn is not None
        if status is TurnStatus.DEFERRED:
            asyncio.get_running_loop().call_later(DEFER, self._resubmit, run)
            return
        run.in_flight = run.collected = None
        future, run.created_future = run.created_future, None
        if future is not None and not future.done():
            if status is TurnStatus.COMMITTED:
                future.set_result(run.run_id)
            else:
                future.set_exception(DuplicateRun(f"run {run.run_id} exists already"))
        if run.dropped:
            return
        if status is not TurnStatus.COMMITTED:
            self.drop(run)
            self.fenced.emit(run.run_id)
            return
        self.observer.committed(run, turn)
        if turn.consumed:
            self.deliveries.consumed(run, turn.consumed)
        if turn.posts or turn.children or turn.answers:
            self._news.posted(turn)
        if turn.end is not None:
            self._finish(run, turn.end)
            return
        run.next_seq += turn.appended
        if turn.tasks or turn.stop_tasks:
            self.on_tasks(run, turn)
        if turn.state is not None:
            run.state = turn.state
        run.wake_at, run.waiting_on = turn.wake_at, turn.waiting_on
        run.pin = run.created = None
        run.blocked_before = False
        assert collected is not None
        if turn.continuation is not None:
            self._continue(run, turn.continuation)
        else:
            self._settled(run, collected)

    def _continue(self, run: OwnedRun, continuation: Continuation) -> None:
        """The next incarnation begins here, before anything that has arrived for it."""
        self._activities.forget(run)
        newest = self._versions.newest[run.workflow_name]
        identity, events = next_incarnation(run, continuation, newest)
        run.stimuli.insert(0, partial(load, run, identity, events, None, self._paranoia))
        if run.pausing:
            self.pausing.arrived(run)
        else:
            self._enqueue(run)

    def _resubmit(self, run: OwnedRun) -> None:
        if not run.dropped:
            self._committer.submit(run)

    def rejected(self, run: OwnedRun, reason: str) -> None:
        """The store cannot hold what this run wrote: it alone fails, by a turn of its own."""
        turn = run.in_flight
        assert turn is not None
        error = PayloadError(f"the database refused what run {run.run_id} wrote: {reason}")
        if run.created_future is not None:
            run.refuse(error)
            run.in_flight = None
            self.drop(run)
            return
        if run.dropped:
            return
        failure = refused(turn, error)
        self._activities.forget(run)
        at = turn.entries[-1].at if turn.entries else self._clock.now()
        run.in_flight = failing_turn(run, turn, failure, at)
        run.collected = None
        self._committer.submit(run)

    def _settled(self, run: OwnedRun, collected: Collected) -> None:
        """Everything the run decided is durable: act on it."""
        self.probation.end(run.run_id)
        if collected.start:
            begin = self.pausing.withhold if run.pausing else self._activities.start
            begin(run, collected.start)
        if collected.stop:
            self._activities.stop(run, collected.stop)
        if run.pausing:
            self.pausing.arrived(run)
            return
        if run.stimuli:
            if not run.queued:
                self._enqueue(run)
            return
        if run.wake_at is not None or run.timer_at is not None:
            self._timers.arm(run, run.wake_at)
        if run.state is RunState.SUSPENDED and not run.attempts:
            self._park(run)

    def _park(self, run: OwnedRun) -> None:
        run.parked = True
        self.parked[run.run_id] = run

    def unpark(self, run: OwnedRun) -> None:
        """It is not waiting any more, or about to be given back."""
        run.parked = False
        self.parked.pop(run.run_id, None)

    def _finish(self, run: OwnedRun, end: RunEnd) -> None:
        self._forget(run)
        assert run.execution is not None
        run.execution.drop()
        self._news.ended(run.run_id, end)

    # -- runs go -------------------------------------------------------------------------------

    def drop(self, run: OwnedRun) -> None:
        """Ownership ended: its code never continues, its activities are cancelled."""
        self._forget(run)
        if run.execution is not None:
            run.execution.drop()

    def _forget(self, run: OwnedRun) -> None:
        run.dropped = True
        self.probation.end(run.run_id)
        run.stimuli.clear()
        if run.attempts:
            self._activities.forget(run)
        if run.timer_at is not None:
            self._timers.arm(run, None)
        if run.parked:
            self.unpark(run)
        if self.runs.get(run.run_id) is run:
            del self.runs[run.run_id]

    def _block(self, run: OwnedRun, message: str) -> None:
        if run.created_future is not None:  # nothing was written: the caller hears of it
            run.refuse(RuntimeError(message))
            self.drop(run)
            return
        self._on_blocked(run, message)

    @property
    def settled(self) -> bool:
        """Whether no run waits to be stepped."""
        return not self._ready


def _nothing(run: OwnedRun, turn: Turn) -> None:
    """No queues here."""
