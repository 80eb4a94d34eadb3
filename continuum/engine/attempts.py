"""The durable state machine of an activity's attempts.

    scheduled ──► WAITING ──attempt_begun──► BEGUN ──value──────────────────► CLOSED
                   ▲   │                       │ ──raise, timeout──► BACKOFF ──┐
                   │   └──release──► RELEASED  │        (next_at)              │
                   │                    │      └──no attempts left──► CLOSED   │
                   └────────────────────┴──────────────◄── retry due ──────────┘

An attempt for a named queue is QUEUED instead of WAITING and BEGUN: the commit that prepares it
makes its task row, so it belongs to no owner of the run, and its outcome comes by the inbox. An
attempt whose idempotency key is in use is RELEASED until the key is settled.

After a replay, WAITING and BEGUN of the former owner are one: LOST. `recover` commits a LOST
attempt as crashed before it prepares the next. Attempt n > 1, a repeated attempt and every
attempt of an `on_crash="fail"` activity are preceded by a committed `activity_started`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final

from msgspec import Raw

from continuum.declare.activity import Activity
from continuum.engine.commands import CommandLog
from continuum.engine.deadlines import Deadlines
from continuum.engine.futures import CommandFuture
from continuum.engine.outcome import ActivityCall, RunIdentity
from continuum.engine.queueing import task_of
from continuum.journal.events import (
    ActivityAttemptCrashed,
    ActivityAttemptFailed,
    ActivityCancelled,
    ActivityReleased,
    ActivityStarted,
    EventKind,
    Failure,
    as_details,
    details_of,
)
from continuum.journal.turn import NewTask


class Phase(IntEnum):
    """Where the current attempt stands."""

    WAITING = 0
    """Handed, or to be handed, to this process' worker; user code not begun."""
    BEGUN = 1
    """User code runs in this process."""
    BACKOFF = 2
    """Failed; another attempt follows at `due_at`."""
    RELEASED = 3
    """Given back by an owner before it began."""
    LOST = 4
    """Found in the journal; its process is gone."""
    CLOSED = 5
    QUEUED = 6
    """In a named queue, or running in a worker that serves it."""


_BETWEEN: Final = (Phase.BACKOFF, Phase.RELEASED)
"""No attempt is in progress, and another follows."""


class ActivityState:
    """One activity command.

    Attributes:
        failures: attempts that ended in a raise or a timeout; these count against the retries.
        crashes: attempts whose process died.
        abandoned: the workflow gave up on it; whatever still comes is journaled and ignored.
        stopping: asked to stop; it is not tried again.
        queue: the named queue its attempts go to, as journaled.
        details: of the last heartbeat of an attempt that ended.
        key_free: told that its idempotency key is settled before it was known to wait for it.
        protected: a compensation, which a cancel request does not stop.
    """

    __slots__ = ("abandoned", "activity", "args", "attempt", "attempts", "command", "crashes",
                 "details", "due_at", "error", "failures", "future", "key_free", "phase",
                 "protected", "queue",
                 "stopping")  # fmt: skip

    def __init__(
        self, attempts: Attempts, command: int, activity: Activity[Any, Any], args: bytes,
        future: CommandFuture, phase: Phase, queue: str | None,
    ) -> None:  # fmt: skip
        self.attempts = attempts
        self.command = command
        self.activity = activity
        self.args = args
        self.future = future
        self.phase = phase
        self.queue = queue
        self.details: bytes | None = None
        self.attempt = 1
        self.failures = 0
        self.crashes = 0
        self.abandoned = False
        self.stopping = False
        self.key_free = False
        self.protected = False
        self.error: Failure | None = None
        self.due_at: Any = None

    @property
    def pending(self) -> bool:
        """Whether a retry waits for its time."""
        return self.phase is Phase.BACKOFF and not self.abandoned

    @property
    def local(self) -> bool:
        """Whether this process' worker has the attempt."""
        return self.phase <= Phase.BEGUN

    def abandon(self) -> None:
        """The awaiting code was cancelled."""
        self.attempts.abandon(self)


class Attempts:
    """All activity commands of one incarnation that are not closed.

    Attributes:
        open: by command number.
        start, stop: for the worker, since the last collect.
        tasks, stop_tasks: for the queues, likewise.
        running: how many attempts this process' worker has.
    """

    __slots__ = ("_deadlines", "_identity", "_log", "open", "running", "start", "stop",
                 "stop_tasks", "tasks")  # fmt: skip

    def __init__(self, identity: RunIdentity, log: CommandLog, deadlines: Deadlines) -> None:
        self._identity = identity
        self._log = log
        self._deadlines = deadlines
        self.open: dict[int, ActivityState] = {}
        self.start: list[ActivityCall] = []
        self.stop: list[int] = []
        self.tasks: list[NewTask] | tuple[()] = ()  # an empty list would take memory of each run
        self.stop_tasks: Sequence[int] = ()
        self.running = 0

    # live

    def schedule(
        self, command: int, activity: Activity[Any, Any], args: bytes, future: CommandFuture,
        queue: str | None,
    ) -> None:  # fmt: skip
        """A new command: prepare its first attempt, or remember it during replay."""
        live = not self._log.replaying
        phase = Phase.WAITING if live else _lost(queue)
        state = ActivityState(self, command, activity, args, future, phase, queue)
        future.command = state
        self.open[command] = state
        if live:
            if activity.on_crash == "fail":
                self._record(EventKind.ACTIVITY_STARTED, state, ActivityStarted(1), self._log.now)
            self._hand_over(state)

    def current(self, command: int, attempt: int) -> ActivityState | None:
        """The command, if this is its attempt in progress: here, in a queue, or of the former
        owner, whose result may have come by the inbox before `recover` calls it crashed."""
        state = self.open.get(command)
        if state is None or state.attempt != attempt:
            return None
        return None if state.phase in _BETWEEN else state

    def begin(self, state: ActivityState) -> None:
        """User code of the current attempt has started."""
        if state.phase is Phase.WAITING:
            state.phase = Phase.BEGUN

    def retries_left(self, state: ActivityState) -> bool:
        """Whether one more failure would be followed by another attempt."""
        if state.abandoned or state.stopping:
            return False
        return state.failures + 1 < state.activity.retry.max_attempts

    def back_off(
        self, state: ActivityState, error: Failure, jitter: float, details: bytes | None,
        at: datetime,
    ) -> None:  # fmt: skip
        """Journal a failed attempt and wait for the next."""
        delay = state.activity.retry.delay(state.failures + 1, jitter)
        next_at = self._log.clamp(at) + timedelta(seconds=delay)
        body = ActivityAttemptFailed(state.attempt, error, next_at, as_details(details))
        self._record(EventKind.ACTIVITY_ATTEMPT_FAILED, state, body, at)
        if state.local:
            self.running -= 1
        self._note_details(state, body.details)
        self._enter_back_off(state, error, next_at)

    def begin_retry(self, state: ActivityState, at: datetime) -> None:
        """The delay of a failed attempt is over."""
        state.attempt += 1
        self._begin_attempt(state, at)

    def close(self, state: ActivityState) -> None:
        """The command has its outcome."""
        if state.local:
            self.running -= 1
        state.phase = Phase.CLOSED
        self.open.pop(state.command, None)

    def abandon(self, state: ActivityState) -> None:
        """Number the cancellation of an awaited command and stop its attempt."""
        if state.abandoned or state.phase is Phase.CLOSED:
            return
        body = self._log.issue(EventKind.ACTIVITY_CANCELLED, ActivityCancelled(state.command))
        if body is None:
            return
        state.abandoned = True
        if self.ask_to_stop(state):
            self.close(state)

    def ask_to_stop(self, state: ActivityState) -> bool:
        """Stop the current attempt. True when there is none whose end would be heard of."""
        already = state.stopping
        state.stopping = True
        if state.phase is Phase.QUEUED:
            if not already and not self._log.replaying:
                self.stop_tasks = (*self.stop_tasks, state.command)
            return False
        if not state.local:
            return state.phase is not Phase.LOST
        if self._take_back(state):
            return True
        if not already:
            self.stop.append(state.command)
        return False

    def release(self, at: datetime) -> None:
        """Journal which attempts had not begun, before the run is given back."""
        for state in self.open.values():
            if state.phase is Phase.WAITING:
                body = ActivityReleased(state.attempt)
                self._record(EventKind.ACTIVITY_RELEASED, state, body, at)
                self._take_back(state)
                self.running -= 1
                state.phase = Phase.RELEASED

    def hold(self, state: ActivityState, at: datetime) -> None:
        """The attempt did not begin: its idempotency key is in use. It waits for a message."""
        self._record(EventKind.ACTIVITY_RELEASED, state, ActivityReleased(state.attempt), at)
        self.running -= 1
        state.phase = Phase.RELEASED

    def lose(self, state: ActivityState) -> None:
        """The process of the attempt in progress died, or nobody knows what became of it."""
        if state.local:
            self.running -= 1
        state.phase = Phase.LOST

    def leave(self, *, queues: bool) -> None:
        """The incarnation ends: begin nothing more, and stop what this process' worker runs.

        With `queues` what is queued too; at the end of the run that goes with its lease.
        """
        self.start.clear()
        self.tasks = self.stop_tasks = ()
        self.stop += [
            s.command for s in self.open.values() if s.local and s.command not in self.stop
        ]
        if queues:
            self.stop_tasks = [s.command for s in self.open.values() if s.phase is Phase.QUEUED]

    # a new owner

    def lost(self) -> list[ActivityState]:
        """Commands whose attempt must be settled by a new owner, in order."""
        return [s for s in self.open.values() if s.phase in (Phase.LOST, Phase.RELEASED)]

    def crash(self, state: ActivityState, details: bytes | None, at: datetime) -> bool:
        """Journal a lost attempt as crashed. True when another attempt may follow."""
        body = ActivityAttemptCrashed(state.attempt, as_details(details))
        self._record(EventKind.ACTIVITY_ATTEMPT_CRASHED, state, body, at)
        self._note_details(state, body.details)
        state.crashes += 1
        activity = state.activity
        return activity.on_crash != "fail" and state.crashes < activity.max_crashes

    def begin_again(self, state: ActivityState, at: datetime) -> None:
        """Prepare the attempt after a crashed one, or the same one after a release."""
        if state.phase is Phase.LOST:
            state.attempt += 1
        self._begin_attempt(state, at)

    # replay

    def replay_progress(self, state: ActivityState, kind: EventKind, body: Any) -> None:
        """Apply a progress event of the journal."""
        state.attempt = body.attempt
        if kind is EventKind.ACTIVITY_STARTED:
            state.phase = _lost(state.queue)
        elif kind is EventKind.ACTIVITY_RELEASED:
            state.phase = Phase.RELEASED
        elif kind is EventKind.ACTIVITY_ATTEMPT_CRASHED:
            state.crashes += 1
            state.phase = Phase.LOST
            self._note_details(state, body.details)
        else:
            self._note_details(state, body.details)
            self._enter_back_off(state, body.error, body.next_at)

    def replay_retry(
        self, again: Sequence[tuple[int, int]], lost: Sequence[tuple[int, int]]
    ) -> None:
        """The run had failed and is tried again: these failed, those were under way.

        What was queued went with the lease. A failed activity has all its retries again.
        """
        for state in self.open.values():
            if state.phase is Phase.QUEUED:
                state.phase = Phase.LOST
        for command, attempt in lost:
            if command in self.open:
                state = self.open[command]
                state.attempt, state.phase = attempt, Phase.LOST
        for command, attempt in again:
            if command in self.open:
                state = self.open[command]
                state.attempt, state.phase = attempt + 1, Phase.RELEASED
                state.failures = state.crashes = 0
                state.error = None

    def _enter_back_off(self, state: ActivityState, error: Failure, next_at: datetime) -> None:
        state.failures += 1
        state.error = error
        state.due_at = next_at
        state.phase = Phase.BACKOFF
        self._deadlines.add(next_at, state.command, state)

    @staticmethod
    def _note_details(state: ActivityState, details: Raw) -> None:
        state.details = details_of(details) or state.details

    def _begin_attempt(self, state: ActivityState, at: datetime) -> None:
        body = ActivityStarted(state.attempt)
        self._record(EventKind.ACTIVITY_STARTED, state, body, at)
        state.phase = Phase.WAITING
        state.key_free = False
        self._hand_over(state)

    def _hand_over(self, state: ActivityState) -> None:
        if state.queue is not None:
            state.phase = Phase.QUEUED
            task = task_of(state, state.queue, self._identity.context)
            if self.tasks:
                self.tasks.append(task)
            else:
                self.tasks = [task]
            return
        who = self._identity
        self.running += 1
        self.start.append(
            ActivityCall(who.run_id, who.namespace, who.incarnation, state.command,
                         state.attempt, state.activity, state.args, state.details,
                         who.context)
        )  # fmt: skip

    def _take_back(self, state: ActivityState) -> bool:
        for index, call in enumerate(self.start):
            if call.command == state.command:
                del self.start[index]
                return True
        return False

    def _record(self, kind: EventKind, state: ActivityState, body: Any, at: datetime) -> None:
        self._log.record(kind, state.command, body, at)


def _lost(queue: str | None) -> Phase:
    """What a replayed attempt is: gone with its process, or still in its queue."""
    return Phase.LOST if queue is None else Phase.QUEUED
