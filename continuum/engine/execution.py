"""One run in memory: events in, commands and state out. Pure: no I/O, no clock, no SQL.

Every public method delivers at most one event at a time and lets the code run until nothing is
ready. Live methods append to the journal; `replay` compares with it. Both go through `_apply`,
so an event has one meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Raw

from continuum.codec.annotations import DecodeFailure
from continuum.engine import replaying
from continuum.engine.activities import ActivityEvents
from continuum.engine.alive import alive
from continuum.engine.attempts import ActivityState, Attempts
from continuum.engine.cancel import Cancellation
from continuum.engine.children import END_KINDS, Children
from continuum.engine.commands import CommandLog
from continuum.engine.context import WorkflowContext
from continuum.engine.continuing import continuation_of
from continuum.engine.deadlines import Deadlines
from continuum.engine.drift import Drift, unreadable, waiting_location
from continuum.engine.endings import asked_end, cancelled_end, end_of, unentered_end
from continuum.engine.failures import stopped
from continuum.engine.guard import guard
from continuum.engine.handles import DurableTimer
from continuum.engine.loop import DeterministicLoop
from continuum.engine.mail import Mail
from continuum.engine.outcome import ActivityCall, Collected, RunIdentity
from continuum.engine.patches import Patches
from continuum.engine.picture import Picture, picture_of
from continuum.engine.results import Outcome, error_of, result_of
from continuum.engine.waiting import waiting_on
from continuum.journal.events import (
    CancelRequested,
    ChildEnded,
    Event,
    EventKind,
    QuestionReceived,
    RunStarted,
    SignalReceived,
    TimerFired,
)
from continuum.journal.questions import PostedQuestion
from continuum.journal.retrying import surviving
from continuum.journal.turn import Continuation, RunEnd
from continuum.model import RunState

__all__ = ["ActivityCall", "Collected", "Drift", "Execution", "RunIdentity"]


class Execution(ActivityEvents):
    """One incarnation of a run, owned by this process.

    Attributes:
        drift: the first difference between journal and code; the run is then latched.
        end: how the run ended, once it has.
        continuation: what follows, once the code has called `continue_as_new`.
        ended_as: the event with which the incarnation ended.

    Example:
        run = Execution(identity)
        run.start(at)
        turn = run.collect()      # commit turn.entries, then run turn.start
        run.attempt_completed(command=1, attempt=1, value=b'"paid"', at=later)
    """

    __slots__ = ("_children", "_context", "_deadlines", "_identity", "_loop", "_mail",
                 "_patches", "continuation", "end", "ended_as")  # fmt: skip

    def __init__(self, identity: RunIdentity) -> None:
        self._identity = identity
        self.end: RunEnd | None = None
        self.continuation: Continuation | None = None
        self.ended_as: EventKind | None = None
        self._log = CommandLog(identity.started_at)
        self._deadlines = Deadlines()
        seed = (identity.run_id.int & 0xFF_FFFF_FFFF) << 20
        self._loop = DeterministicLoop(self._log, self._deadlines, identity.started_at, seed)
        self._attempts = Attempts(identity, self._log, self._deadlines)
        self._mail = Mail(self._log, self._loop)
        self._cancellation = Cancellation(self._attempts)
        self._children = Children(identity, self._log, self._loop)
        self._patches = Patches(self._log, identity.taken)
        self._context = self._loop.continuum_run = WorkflowContext(
            identity, self._log, self._loop, self._attempts, self._mail, self._children,
            self._patches,
        )  # fmt: skip

    # what the worker reads

    @property
    def drift(self) -> Drift | None:
        """The first difference between journal and code, if any."""
        return self._log.drift

    @property
    def changed(self) -> Drift | None:
        """The first replayed command that was given other arguments; that is for people only."""
        return self._log.changed

    @property
    def state(self) -> RunState:
        """Running while this process has an attempt of an activity, else suspended; or the end."""
        if self.end is not None:
            return self.end.state
        if self.continuation is not None:
            return RunState.RUNNING
        return RunState.RUNNING if self._attempts.running else RunState.SUSPENDED

    @property
    def busy(self) -> bool:
        """Whether a local attempt is in progress; such a run is never evicted."""
        return self.ended_as is None and self._attempts.running > 0

    @property
    def wake_at(self) -> datetime | None:
        """When the earliest surviving timer or retry is due."""
        if self._log.latched:
            return None
        first = self._deadlines.first()
        return None if first is None else first.due_at

    @property
    def waiting_on(self) -> str | None:
        """What a suspended run waits for, in words."""
        if self.ended_as is not None or self._attempts.running:
            return None
        return waiting_on(
            self._loop.timers.values(), self._mail, self._children, self._attempts.open.values()
        )

    @property
    def commands(self) -> int:
        """How many commands the code has issued."""
        return self._log.count

    @property
    def open_activities(self) -> list[int]:
        """The commands of activities that have not ended."""
        return list(self._attempts.open)

    @property
    def cancelling(self) -> bool:
        """Whether a cancellation was requested."""
        return self._cancellation.requested

    @property
    def picture(self) -> Picture:
        """Everything that decides what the run will do, to be compared with its replay's."""
        picture = picture_of(self._log, self._loop, self._attempts, self._mail, self._children,
                             self._cancellation, self._patches, self._context)  # fmt: skip
        picture["wake_at"] = self.wake_at
        if not self.busy:
            picture["waiting_on"] = self.waiting_on
        return picture

    @property
    def identity(self) -> RunIdentity:
        """The run and its incarnation."""
        return self._identity

    @property
    def started(self) -> bool:
        """Whether the workflow function was entered; carried events come before."""
        return self._loop.main is not None

    @property
    def patches(self) -> Patches:
        """What it has decided."""
        return self._patches

    # live

    def start(self, at: datetime) -> None:
        """Begin a run that has no journal. The first event's time is the run's `started_at`."""
        if self._identity.incarnation == 1:
            at = self._identity.started_at
        pin = self._identity.workflow.pin
        body = RunStarted(pin.version, pin.version_hash, pin.runtime, self._identity.trace)
        self._stimulate(EventKind.RUN_STARTED, None, body, at)

    def signal(self, message_id: int, name: str, value: bytes, at: datetime) -> None:
        """Deliver a signal read from the inbox."""
        body = SignalReceived(name, Raw(value), message_id)
        self._stimulate(EventKind.SIGNAL_RECEIVED, None, body, at)

    def question(self, message_id: int, name: str, posted: PostedQuestion, at: datetime) -> None:
        """Deliver a question read from the inbox."""
        body = QuestionReceived(name, posted.value, message_id, posted.question, posted.copied)
        self._stimulate(EventKind.QUESTION_RECEIVED, None, body, at)

    def never_start(self, reason: str | None, at: datetime) -> None:
        """It was cancelled before its time: it ends, and its code is never entered."""
        self.end, self.ended_as, body = cancelled_end(reason)
        self._log.last = min(self._log.last, at)
        self._log.record(self.ended_as, None, body, at)
        self._log.latched = True

    def cancel(
        self, message_id: int, reason: str | None, at: datetime, timeout: float | None = None
    ) -> None:
        """Deliver a request to end, read from the inbox; later ones are journaled and inert.

        With `timeout` the run is out of time after so many seconds.
        """
        first = not self._cancellation.requested
        body = CancelRequested(message_id, reason, timeout)
        self._stimulate(EventKind.CANCEL_REQUESTED, None, body, at)
        if first:
            for state in self._cancellation.take_unstarted():
                self._fail_activity(state, stopped(state), "cancelled", at)

    def child_ended(self, body: ChildEnded, at: datetime) -> None:
        """Deliver how a child ended, read from the inbox."""
        child = self._children.open.get(body.run_id)
        command = child.command or None if child is not None else None
        self._stimulate(END_KINDS[RunState(body.state)], command, body, at)

    def fire_due(self, now: datetime) -> None:
        """Fire due timers and begin due retries, one at a time in the order (due, command)."""
        while not self._log.latched:
            deadline = self._deadlines.pop_due(now)
            if deadline is None:
                return
            if isinstance(deadline, DurableTimer):
                self._stimulate(EventKind.TIMER_FIRED, deadline.command, TimerFired(), now)
            elif isinstance(deadline, ActivityState):
                self._attempts.begin_retry(deadline, now)

    def collect(self) -> Collected:
        """What happened since the last time."""
        log, attempts, children = self._log, self._attempts, self._children
        collected = Collected(log.entries, attempts.start, attempts.stop)
        log.entries, attempts.start, attempts.stop = [], [], []
        if attempts.tasks or attempts.stop_tasks:
            collected.tasks, attempts.tasks = attempts.tasks, ()
            collected.stop_tasks, attempts.stop_tasks = attempts.stop_tasks, ()
        if self._context.attributes is not None:
            collected.attributes, self._context.attributes = self._context.attributes, None
        if self._context.published is not None:
            collected.published, self._context.published = self._context.published, None
        asked = self._mail.asked
        if asked is not None and asked.answers:
            collected.answers, asked.answers = asked.answers, []
        if children.new:
            collected.children, children.new = children.new, []
        if children.posts:
            collected.posts, children.posts = children.posts, []
        if self._patches.has_news:
            collected.taken = self._patches.news()
        return collected

    def replay(self, events: Sequence[Event]) -> None:
        """Feed the journal of this incarnation to a fresh execution."""
        incarnation = self._identity.incarnation
        events = surviving(events)
        self._patches.recall(events, incarnation)
        fork = next((event for event in events if event.kind is EventKind.RUN_FORKED), None)
        if fork is not None:
            self._context.stand_for(fork.body().origin)
        replaying.replay(self, self._log, self._attempts, events, incarnation)
        self._patches.flush()

    def drop(self) -> None:
        """Forget the run. Its coroutines are closed; what their `finally` does has no effect."""
        if self._log.dropped:
            return
        self._log.latched = self._log.dropped = True
        if self._loop.has_coroutines():
            self._loop.close_coroutines()
        self._loop.forget_everything()
        alive.discard(self)

    # one meaning for every event, live and in replay

    def deliver(self, kind: EventKind, command: int | None, body: Any) -> None:
        """Apply one stimulus and run to quiescence; `replay` is the other caller."""
        self._loop.step(self._apply, kind, command, body)
        self._settle()

    def forked(self, run_id: UUID) -> None:
        """What was replayed up to here is a copy; what its id decides is its own from now on."""
        self._context.stand_for(run_id)
        self._mail.forked()

    def unentered(self, kind: EventKind, body: Any) -> None:
        """Its code was never entered: the journal has nothing but its end."""
        self.end, self.ended_as = unentered_end(kind, body), kind
        self._log.latched = True

    def waiting_at(self) -> str | None:
        """Where in the code the main task waits, for messages."""
        main = self._loop.main
        return None if main is None else waiting_location(main.get_coro())

    def _stimulate(self, kind: EventKind, command: int | None, body: Any, at: datetime) -> None:
        if not self._log.latched:
            self._log.stimulus(kind, command, body, at)
            self.deliver(kind, command, body)

    def _apply(self, kind: EventKind, command: int | None, body: Any) -> None:
        if kind is EventKind.ACTIVITY_COMPLETED:
            self._activity_ended(command, body, result_of)
        elif kind is EventKind.ACTIVITY_FAILED:
            self._activity_ended(command, body, error_of)
        elif kind is EventKind.TIMER_FIRED:
            self._loop.fire(command)
        elif kind in (EventKind.SIGNAL_RECEIVED, EventKind.QUESTION_RECEIVED):
            self._mail.deliver(body)
        elif kind is EventKind.CANCEL_REQUESTED:
            if not self._cancellation.requested:
                self._cancellation.request(body.reason, body.timeout)
                self._children.ask_all(body.reason)
        elif kind is EventKind.RUN_STARTED:
            self._begin()
        elif kind is EventKind.CHILD_CARRIED:
            self._children.carry(body)
        else:
            self._children.ended(body)

    def _begin(self) -> None:
        workflow = self._identity.workflow
        try:
            args = workflow.signature.decode(self._identity.input)
        except DecodeFailure as error:
            self._log.fail(unreadable("the input of the run", error, workflow.source))
            return
        guard.install()
        alive.add(self)
        self._loop.start_main(workflow.fn(*args), workflow.name)

    def _activity_ended(
        self, command: int | None, body: Any, outcome: Callable[[ActivityState, Any], Outcome]
    ) -> None:
        state = self._attempts.open.get(command or 0)
        if state is None:
            return
        self._attempts.close(state)
        if state.abandoned or state.future.done():
            return
        resolve = outcome(state, body)
        if isinstance(resolve, Drift):
            self._log.fail(resolve)
        elif not self._cancellation.hold(state, resolve):
            resolve()

    def _settle(self) -> None:
        """After quiescence: deliver a cancellation that is due, and see whether the run ended."""
        loop, main = self._loop, self._loop.main
        pending = main is not None and not main.done()
        if self._cancellation.due and (pending or loop.sagas):
            loop.step(self._cancel_main)
            loop.step(self._cancellation.release)
        if self._context.next_input is not None and self.ended_as is None:
            self._continue(self._context.next_input)
            return
        if main is None or not main.done() or self._log.latched:
            return
        if loop.sagas:
            loop.step(loop.cancel_sagas)
        if not loop.sagas and not self._log.latched:
            self._finish(*end_of(main, self._identity.workflow, self._cancellation))

    def _cancel_main(self) -> None:
        self._cancellation.delivered = True
        main = self._loop.main
        if main is not None:
            main.cancel(self._cancellation.reason)

    def _continue(self, data: bytes) -> None:
        """`continue_as_new` was called; a run that was asked to stop ends instead."""
        if self._cancellation.requested:
            self._finish(*asked_end(self._cancellation))
            return
        self.ended_as, body, self.continuation = continuation_of(
            data, self._mail, self._children, self._log.last
        )
        self._close(self.ended_as, body)

    def _finish(self, end: RunEnd, kind: EventKind, body: Any) -> None:
        self._loop.report_unawaited()
        self._children.ask_all(f"run {self._identity.run_id} {end.state}")
        self._close(kind, body)
        self.end = end
        self.ended_as = kind

    def _close(self, kind: EventKind, body: Any) -> None:
        if not self._log.replaying:
            self._log.record(kind, None, body, self._log.now)
            self._attempts.leave(queues=kind is EventKind.RUN_CONTINUED)
        self._log.latched = True
        if not self._loop.has_coroutines():
            alive.discard(self)
