"""A run in this node's memory: its execution, its fence and what waits to be done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from continuum.engine.execution import Execution
from continuum.engine.outcome import ActivityCall, Collected
from continuum.journal.events import ChildEnded, details_of
from continuum.journal.questions import QUESTION, decode_question
from continuum.journal.tasks import KEY_SETTLED, RESULT, decode_result, parse_attempt_name
from continuum.journal.trace import CONTEXT
from continuum.journal.turn import NewRun, RunState, Turn, VersionPin
from continuum.store.protocol import InboxMessage

if TYPE_CHECKING:
    from continuum.worker.attempt import Attempt

Stimulus = Callable[[datetime], None]


class OwnedRun:
    """One owned run.

    Attributes:
        token, next_seq: the fence, as of the last acknowledged turn.
        state, wake_at, waiting_on: what the last acknowledged turn wrote.
        stimuli: what arrived and was not delivered yet, in order.
        unread: ids of inbox messages queued here or consumed by a turn in flight.
        unreadable: what of it this node cannot open; it is to be parked for that.
        queued: it waits to be stepped.
        parked: nothing to do here until something outside wakes it; it may leave the memory.
        in_flight: the turn (or release) whose outcome is awaited; no stepping meanwhile.
        dropped: ownership ended; nothing may be written or started for it any more.
        pausing: not stepped and let go as soon as possible, if not 0; see `pausing.Why`.
        withheld: attempts that are durable and did not begin, because it is to be let go.
        blocked_before: another build could not go on with it, either.
    """

    __slots__ = (
        "__weakref__",
        "attempts",
        "blocked_before",
        "collected",
        "consumed",
        "created",
        "created_future",
        "dropped",
        "execution",
        "in_flight",
        "incarnation",
        "next_seq",
        "parent_id",
        "parked",
        "pausing",
        "pin",
        "queued",
        "run_id",
        "started_at",
        "state",
        "stimuli",
        "timer_at",
        "token",
        "unread",
        "unreadable",
        "waiting_on",
        "wake_at",
        "withheld",
        "workflow_name",
    )

    def __init__(
        self,
        run_id: UUID,
        workflow_name: str,
        token: int,
        next_seq: int,
        incarnation: int,
        state: RunState | None,
        parent_id: UUID | None = None,
    ) -> None:
        self.run_id = run_id
        self.workflow_name = workflow_name
        self.token = token
        self.next_seq = next_seq
        self.incarnation = incarnation
        self.state = state
        self.parent_id = parent_id
        self.execution: Execution | None = None
        self.wake_at: datetime | None = None
        self.waiting_on: str | None = None
        self.stimuli: list[Stimulus] = []  # not a deque: an empty one takes 760 bytes
        self.unread: set[int] | None = None
        self.unreadable: str | None = None
        self.consumed: list[int] = []
        self.in_flight: Turn | None = None
        self.collected: Collected | None = None
        self.attempts: dict[int, Attempt] | None = None
        self.pin: VersionPin | None = None
        self.created: NewRun | None = None
        self.created_future: asyncio.Future[UUID] | None = None
        self.started_at: datetime | None = None
        self.timer_at: datetime | None = None
        self.queued = False
        self.parked = False
        self.dropped = False
        self.blocked_before = False
        self.pausing = 0
        self.withheld: Sequence[ActivityCall] = ()

    def refuse(self, error: Exception) -> None:
        """Tell who waits for its start here, if anybody does, that it did not happen."""
        future, self.created_future = self.created_future, None
        if future is not None and not future.done():
            future.set_exception(error)

    def deliver(self, message: InboxMessage, at: datetime) -> None:
        """Hand an inbox message to the execution; its row goes with the next turn (rule 9)."""
        execution = self.execution
        assert execution is not None
        self.consumed.append(message.id)
        if message.kind == "cancel":
            execution.cancel(message.id, cancel_reason(message), at)
        elif message.kind == "timeout":
            seconds = msgspec.json.decode(message.value, type=float)
            reason = f"execution timeout of {seconds:g} s"
            execution.cancel(message.id, reason, at, seconds)
        elif message.kind in (RESULT, KEY_SETTLED):
            self._deliver_about_attempt(execution, message, at)
        elif message.kind == "child_result":
            execution.child_ended(msgspec.json.decode(message.value, type=ChildEnded), at)
        elif message.kind == QUESTION:
            posted = decode_question(message.value)
            execution.question(message.id, message.name, posted, at)
        elif message.kind != CONTEXT:  # which was read before the run began
            execution.signal(message.id, message.name, message.value, at)

    def _deliver_about_attempt(
        self, execution: Execution, message: InboxMessage, at: datetime
    ) -> None:
        incarnation, command, attempt = parse_attempt_name(message.name)
        if incarnation != self.incarnation:
            return  # of a history that is closed (rule 6)
        if message.kind == KEY_SETTLED:
            execution.key_settled(command, attempt, at)
            return
        result = decode_result(message.value)
        details = details_of(result.details)
        if result.outcome == "completed":
            execution.attempt_completed(command, attempt, bytes(result.value), at)
        elif result.error is not None:
            execution.attempt_failed(
                command, attempt, result.error, result.reason, result.retryable, result.jitter,
                at, details=details,
            )  # fmt: skip
        else:
            execution.attempt_crashed(command, attempt, details, at)

    @property
    def is_task(self) -> bool:
        """See `Host`."""
        return False

    def answered(self) -> None:
        """See `Host`: the message that carries the outcome does the rest."""

    def fire(self, at: datetime) -> None:
        """Fire what is due."""
        assert self.execution is not None
        self.execution.fire_due(at)


def cancel_reason(message: InboxMessage) -> str | None:
    """The reason a client gave, if any: the payload of a cancel message is text or null."""
    reason = msgspec.json.decode(message.value)
    return reason if isinstance(reason, str) else None
