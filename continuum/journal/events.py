"""The events of a run's journal and their stored form.

An event is one row of `continuum_events`; `journal.kinds` says what there are. A payload is a JSON
object (one of the structs below), passed through the payload codec; user values inside it are
`Raw`, that is, JSON bytes nobody has decoded yet.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Raw

from continuum.journal.ends import Failure as Failure
from continuum.journal.kinds import COMMANDS as COMMANDS
from continuum.journal.kinds import ENDS as ENDS
from continuum.journal.kinds import STIMULI as STIMULI
from continuum.journal.kinds import EventKind as EventKind

NULL: Final = b"null"
NO_DETAILS: Final = Raw(NULL)
"""Default of optional user values; left out of the stored form."""


class RunStarted(msgspec.Struct, frozen=True, omit_defaults=True):
    """First event of an incarnation: what code it is pinned to.

    `trace` is the W3C trace context that came with the start of the run, if any.
    """

    version: int
    version_hash: str
    runtime: str
    trace: str | None = None


class ActivityScheduled(msgspec.Struct, frozen=True, omit_defaults=True):
    """`args` is the JSON array of the encoded arguments; `queue` None means the run's worker."""

    name: str
    args: Raw
    queue: str | None = None


class ActivityCancelled(msgspec.Struct, frozen=True):
    """The awaiting code gave up on activity command `target`."""

    target: int


class ActivityStarted(msgspec.Struct, frozen=True):
    """Attempt `attempt` may begin once this is committed."""

    attempt: int


class ActivityAttemptFailed(msgspec.Struct, frozen=True, omit_defaults=True):
    """An attempt raised or timed out and another follows at `next_at`.

    `details` are those of its last heartbeat.
    """

    attempt: int
    error: Failure
    next_at: datetime
    details: Raw = NO_DETAILS


class ActivityAttemptCrashed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The process of this attempt is gone; `details` of its last heartbeat that was stored."""

    attempt: int
    details: Raw = NO_DETAILS


class ActivityReleased(msgspec.Struct, frozen=True):
    """This attempt did not begin: the run was given back, or its idempotency key is in use."""

    attempt: int


class ActivityCompleted(msgspec.Struct, frozen=True):
    attempt: int
    value: Raw


class ActivityEnded(msgspec.Struct, frozen=True, omit_defaults=True):
    """Payload of `activity_failed`; `reason` is "raised", "timeout", "crashed" or "cancelled"."""

    attempt: int
    error: Failure
    reason: str = "raised"


class TimerStarted(msgspec.Struct, frozen=True):
    due_at: datetime


class TimerCancelled(msgspec.Struct, frozen=True):
    target: int


class TimerFired(msgspec.Struct, frozen=True):
    pass


class SignalAwaited(msgspec.Struct, frozen=True):
    name: str


class SignalReceived(msgspec.Struct, frozen=True):
    """`message` is the id of the inbox row that carried it."""

    name: str
    value: Raw
    message: int


class QuestionAwaited(msgspec.Struct, frozen=True):
    name: str


class QuestionReceived(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question `question` (its id) of this name; `message` is the id of its inbox row.

    `copied` says that it was asked of the run that this one is a fork of, and is answered there.
    """

    name: str
    value: Raw
    message: int
    question: str
    copied: bool = False


class QuestionAnswered(msgspec.Struct, frozen=True):
    """Whoever asked gets this value, with the turn."""

    name: str
    question: str
    value: Raw


class QuestionRefused(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whoever asked is told this reason, with the turn.

    `unfit` says that the payload was not what the wait is for: the code has not seen the question.
    """

    name: str
    question: str
    reason: str
    unfit: bool = False


class CancelRequested(msgspec.Struct, frozen=True, omit_defaults=True):
    message: int
    reason: str | None = None
    timeout: float | None = None  # so many seconds are over: it ends failed, not cancelled


class SideEffect(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a `side_effect` function returned; `error` (with value null) when it raised."""

    value: Raw
    error: Failure | None = None


class ValuePublished(msgspec.Struct, frozen=True):
    """The value that the run shows under `name` from this turn on."""

    name: str
    value: Raw


class AttributesSet(msgspec.Struct, frozen=True):
    """`attributes` is the JSON object that is merged into the run's, with the turn."""

    attributes: Raw


class PatchDecided(msgspec.Struct, frozen=True):
    """What `patched(name)` answers in this incarnation, decided after command `after`."""

    name: str
    taken: bool
    after: int


class RunAdopted(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operator bound the run to other code, against which its journal was replayed.

    `released` says that it had drifted and waited for another build.
    """

    version: int
    version_hash: str
    runtime: str
    former_hash: str
    former_runtime: str
    released: bool = False


class RunRetried(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operator had the failed run tried again; the events from `from_seq` to here are annulled.

    `again` are commands whose failure is annulled, with their last attempt; `lost` other activities
    that had not ended before, likewise. See journal/retrying.py.
    """

    from_seq: int
    again: list[tuple[int, int]]
    lost: list[tuple[int, int]] = []
    reason: str | None = None


class RunForked(msgspec.Struct, frozen=True):
    """The events before are those of run `origin`; from here on they are those of run `run_id`."""

    origin: UUID
    run_id: UUID


class ChildStarted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Run `run_id` of workflow `name` is inserted; `parent_close` is "cancel" or "abandon".

    `attributes` are those given in the call, on top of the parent's.
    """

    run_id: UUID
    name: str
    args: Raw
    namespace: str
    parent_close: str = "cancel"
    attributes: dict[str, Any] | None = None


class ChildCancelRequested(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cancel request to the child of command `target`; 0: an earlier incarnation's, `run_id`."""

    target: int
    reason: str | None = None
    run_id: UUID | None = None


class ChildSignalled(msgspec.Struct, frozen=True):
    """A signal `name` with this payload goes out with this turn to the child `run_id`."""

    run_id: UUID
    name: str
    value: Raw


class ChildEnded(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a child ended: body of the three `child_*` ends, and of the message that brings it."""

    run_id: UUID
    state: str
    value: Raw
    error: Failure | None = None


class ChildCarried(msgspec.Struct, frozen=True):
    """A child of an earlier incarnation that had not ended when the run continued as new."""

    run_id: UUID
    name: str
    parent_close: str


class RunContinued(msgspec.Struct, frozen=True):
    """The incarnation ended by `continue_as_new`; `args` is the input of the next."""

    args: Raw


class RunCompleted(msgspec.Struct, frozen=True):
    pass


class RunFailed(msgspec.Struct, frozen=True):
    error: Failure


class RunCancelled(msgspec.Struct, frozen=True, omit_defaults=True):
    reason: str | None = None
    forced: bool = False


type_of_kind: Final[dict[EventKind, type[msgspec.Struct]]] = {
    EventKind.RUN_STARTED: RunStarted,
    EventKind.ACTIVITY_COMPLETED: ActivityCompleted,
    EventKind.ACTIVITY_FAILED: ActivityEnded,
    EventKind.TIMER_FIRED: TimerFired,
    EventKind.SIGNAL_RECEIVED: SignalReceived,
    EventKind.QUESTION_RECEIVED: QuestionReceived,
    EventKind.CANCEL_REQUESTED: CancelRequested,
    EventKind.ACTIVITY_SCHEDULED: ActivityScheduled,
    EventKind.ACTIVITY_CANCELLED: ActivityCancelled,
    EventKind.TIMER_STARTED: TimerStarted,
    EventKind.TIMER_CANCELLED: TimerCancelled,
    EventKind.SIGNAL_AWAITED: SignalAwaited,
    EventKind.QUESTION_AWAITED: QuestionAwaited,
    EventKind.QUESTION_ANSWERED: QuestionAnswered,
    EventKind.QUESTION_REFUSED: QuestionRefused,
    EventKind.SIDE_EFFECT: SideEffect,
    EventKind.ACTIVITY_STARTED: ActivityStarted,
    EventKind.ACTIVITY_ATTEMPT_FAILED: ActivityAttemptFailed,
    EventKind.ACTIVITY_ATTEMPT_CRASHED: ActivityAttemptCrashed,
    EventKind.ACTIVITY_RELEASED: ActivityReleased,
    EventKind.RUN_COMPLETED: RunCompleted,
    EventKind.RUN_FAILED: RunFailed,
    EventKind.RUN_CANCELLED: RunCancelled,
    EventKind.ATTRIBUTES_SET: AttributesSet,
    EventKind.VALUE_PUBLISHED: ValuePublished,
    EventKind.CHILD_STARTED: ChildStarted,
    EventKind.CHILD_CANCEL_REQUESTED: ChildCancelRequested,
    EventKind.CHILD_SIGNALLED: ChildSignalled,
    EventKind.CHILD_COMPLETED: ChildEnded,
    EventKind.CHILD_FAILED: ChildEnded,
    EventKind.CHILD_CANCELLED: ChildEnded,
    EventKind.CHILD_CARRIED: ChildCarried,
    EventKind.PATCH_DECIDED: PatchDecided,
    EventKind.RUN_ADOPTED: RunAdopted,
    EventKind.RUN_RETRIED: RunRetried,
    EventKind.RUN_FORKED: RunForked,
    EventKind.RUN_CONTINUED: RunContinued,
}


@cache
def _decoder(kind: EventKind) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_of_kind[kind])


_encode: Final = msgspec.json.Encoder().encode


def as_details(data: bytes | None) -> Raw:
    """Optional user bytes as the field of an event."""
    return NO_DETAILS if data is None else Raw(data)


def details_of(details: Raw) -> bytes | None:
    """The inverse of `as_details`."""
    data = bytes(details)
    return None if data == NULL else data


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event to be appended; the store gives it the next `seq`.

    Args:
        kind: what happened.
        command: number of the command it is, or belongs to; None for the others.
        body: the struct of `type_of_kind[kind]`.
        at: delivery time of the stimulus that was being handled (correctness rule 3).
    """

    kind: EventKind
    command: int | None
    body: Any
    at: datetime

    def payload(self) -> bytes:
        """The stored form, before the payload codec."""
        return _encode(self.body)


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event read from the journal."""

    run_id: UUID
    seq: int
    incarnation: int
    kind: EventKind
    command: int | None
    payload: bytes
    at: datetime

    def body(self) -> Any:
        """The payload as its struct. Raises `msgspec.DecodeError` when it is not one."""
        return _decoder(self.kind).decode(self.payload)
