"""One attempt of an activity in this worker: what it knows and who hears of its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from continuum.codec.failures import capture_failure
from continuum.declare.attempt import ActivityInfo
from continuum.engine.outcome import ActivityCall
from continuum.errors import ActivityCancelled
from continuum.journal.events import Failure
from continuum.system import monotonic

Stimulus = Callable[[datetime], None]


class AttemptSink(Protocol):
    """Hears what becomes of an attempt: an `Execution`, or the reporter of a queued task."""

    def attempt_begun(self, command: int, attempt: int) -> None:
        """User code was entered."""
        ...

    def attempt_completed(self, command: int, attempt: int, value: bytes, at: datetime) -> None:
        """It returned."""
        ...

    def attempt_failed(
        self, command: int, attempt: int, failure: Failure, reason: str, retryable: bool,
        jitter: float, at: datetime, *, details: bytes | None = None,
    ) -> None:  # fmt: skip
        """It ended otherwise."""
        ...

    def attempt_crashed(
        self, command: int, attempt: int, details: bytes | None, at: datetime
    ) -> None:
        """Its process died."""
        ...

    def attempt_held(self, command: int, attempt: int, at: datetime) -> None:
        """It did not begin: another call holds its idempotency key."""
        ...


class Host(Protocol):
    """What an attempt belongs to: an owned run, or a claimed task."""

    run_id: UUID
    token: int
    attempts: dict[int, Attempt] | None

    @property
    def execution(self) -> AttemptSink | None:
        """Where outcomes go."""
        ...

    @property
    def is_task(self) -> bool:
        """Whether it is a claimed task of a queue."""
        ...

    def answered(self) -> None:
        """The outcome of its attempt was committed with the attempt's own effects."""
        ...


Deliver = Callable[[Any, Stimulus], None]


class Outcome(partial[None]):
    """A stimulus: a method of an `AttemptSink`, and all that it takes besides the time."""

    @property
    def sink(self) -> object:
        """Who is told."""
        return getattr(self.func, "__self__", None)


class Attempt:
    """One attempt of one activity, queued or running; what `continuum.heartbeat` talks to.

    Attributes:
        ended_as: why it ends before its user code does.
        stopping: why it should end; its next heartbeat raises.
        sealed: its outcome is being committed; nothing may interrupt it any more.
        details, stored: of its last heartbeat, and what of it is in the database.
        begun_at: when its user code was entered, on the host's monotonic clock.
        beat_at: when it last said that it makes progress.
        connection: of a transactional activity.
    """

    __slots__ = ("beat_at", "begun_at", "call", "connection", "details", "ended_as", "handle",
                 "pulse", "run", "sealed", "stopping", "stored", "task", "thread")  # fmt: skip

    def __init__(self, run: Host, call: ActivityCall) -> None:
        self.run = run
        self.call = call
        self.task: asyncio.Task[None] | None = None
        self.thread = False
        self.handle: asyncio.TimerHandle | None = None
        self.pulse: asyncio.TimerHandle | None = None
        self.ended_as: str | None = None
        self.stopping: str | None = None
        self.sealed = False
        self.details: bytes | None = None
        self.stored: bytes | None = None
        self.begun_at = 0.0
        self.beat_at = 0.0
        self.connection: Any = None

    @property
    def begun(self) -> bool:
        """Whether user code of this attempt was entered."""
        return self.task is not None or self.thread

    @property
    def info(self) -> ActivityInfo:
        """See `CurrentAttempt`."""
        call = self.call
        key = call.activity.idempotency_key
        return ActivityInfo(
            call.run_id, call.namespace, call.incarnation, call.command, call.activity.name,
            call.attempt, key if isinstance(key, str) else None, call.activity.queue,
        )  # fmt: skip

    @property
    def previous_details(self) -> bytes | None:
        """See `CurrentAttempt`."""
        return self.call.details

    def beat(self, details: bytes | None) -> None:
        """See `CurrentAttempt`; called on the thread of the activity."""
        self.beat_at = monotonic()
        if details is not None:
            self.details = details
        if self.stopping is not None or self.ended_as is not None:
            raise ActivityCancelled(f"activity {self.call.activity.name}: {self.why}")

    @property
    def why(self) -> str:
        """Why it should end, in words."""
        reason = self.stopping or self.ended_as or ""
        return {
            "cancelled": "cancelled, or given up by its workflow",
            "timeout": "out of time; another attempt may be running",
            "silent": "silent for too long; another attempt may be running",
        }.get(reason, "its run is not of this worker any more")

    @property
    def last_details(self) -> bytes | None:
        """What the next attempt gets."""
        return self.details if self.details is not None else self.call.details

    def disarm(self) -> None:
        """Forget its deadlines."""
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None
        if self.pulse is not None:
            self.pulse.cancel()
            self.pulse = None

    def cancelled(self) -> Failure:
        """The failure of an attempt that ended because it was told to."""
        return capture_failure(
            ActivityCancelled(f"activity {self.call.activity.name} was cancelled")
        )

    def timed_out(self, *, silent: bool) -> Failure:
        """The failure of one that took too long, or fell silent."""
        activity = self.call.activity
        text = f"did not end within {activity.timeout} s"
        if silent:
            text = f"sent no heartbeat for {activity.heartbeat_timeout} s"
        return Failure(type="TimeoutError", message=f"activity {activity.name} {text}")
