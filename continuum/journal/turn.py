"""What one turn of a run writes, as plain data: the engine produces it, a store persists it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from continuum.journal.ends import RunEnd
from continuum.journal.events import Entry
from continuum.model import RunState as RunState


class VersionPin(msgspec.Struct, frozen=True, gc=False):
    """The code a run is bound to: what a node must have loaded to claim it.

    An unpinned run (inserted, never executed) has an empty hash and runtime and version 0.
    """

    workflow: str
    version: int = 0
    version_hash: str = ""
    runtime: str = ""

    @property
    def version_id(self) -> int:
        """A 63-bit id derived from the pin, so no look-up is needed to start or claim."""
        text = f"{self.workflow}\0{self.version_hash}\0{self.runtime}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


class NewRun(msgspec.Struct, frozen=True, gc=False):
    """A run to be inserted. `input` is the JSON array of the encoded arguments.

    A child also has its parent, how deep it is nested, and what becomes of it when its parent
    ends: `parent_close` is "cancel" or "abandon". It inherits its parent's attributes; its own go
    on top. `key` is its business key; only a `StartOrder` inserts a run that has one. `trace` is
    the W3C trace context of whoever starts it.
    """

    run_id: UUID
    namespace: str
    workflow: str
    input: bytes
    attributes: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    idempotency_key: str | None = None
    parent_id: UUID | None = None
    depth: int = 0
    parent_close: str | None = None
    key: str | None = None
    trace: str | None = None

    @property
    def unpinned(self) -> VersionPin:
        """The pin with which it is inserted when no worker of this process takes it at once."""
        return VersionPin(self.workflow)


class NewTask(msgspec.Struct, frozen=True, gc=False):
    """An attempt to be put into a named queue. `payload` is a `TaskPayload` as JSON bytes."""

    command: int
    attempt: int
    queue: str
    priority: int
    activity: str
    payload: bytes


class Post(msgspec.Struct, frozen=True, gc=False):
    """A message from a run to another's inbox; dropped when that run has ended."""

    run_id: UUID
    kind: str
    name: str
    value: bytes


class Continuation(msgspec.Struct, frozen=True, gc=False):
    """What `continue_as_new` leaves to the next incarnation.

    Args:
        input: its arguments.
        carried: its first events: children still live, signals that nobody had taken, then
            questions that were not answered.
    """

    input: bytes
    carried: Sequence[Entry] = ()


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What whoever asked a question is told.

    Args:
        question: its id.
        value: the answer as JSON; None when it was refused.
        refusal: why.
    """

    question: str
    value: bytes | None = None
    refusal: str | None = None


class Turn(msgspec.Struct, gc=False):
    """One turn of one run: everything that must become durable together.

    Args:
        run_id, token, next_seq: the fence. The store writes nothing unless the lease row still
            has this owner, token and next_seq, and advances next_seq by `len(entries)`.
        incarnation: of the run, for the events.
        entries: events to append, in order.
        consumed: ids of the inbox rows that were read, to be deleted.
        pin: set by the first committed turn of an incarnation.
        state: the new state when it changed (or `end.state`), else None.
        wake_at: when the run must be woken next, by the database clock; None for never.
        waiting_on: text for people; None when running or ended.
        end: set when the run ends; its lease row is deleted.
        created: set when this turn also inserts the run (start and first turn in one commit).
        started_at: with `created`: the run's started_at, the first event's time.
        tasks: attempts to be queued; rows of `continuum_tasks`.
        stop_tasks: commands whose queued attempt is to end: unclaimed ones are removed and
            answered, claimed ones are marked.
        cancelling: a cancellation was requested.
        attributes: merged into the run's.
        published: values that the run shows from now on, as JSON, by name.
        answers: to questions that it was asked; those that it was not asked are left out.
        children: runs to be inserted, free and ready, if this turn holds the fence.
        posts: messages to other runs, sent if this turn holds the fence.
        continuation: set when the incarnation ends and another follows; `pin` is then unpinned.
    """

    run_id: UUID
    token: int
    next_seq: int
    incarnation: int
    entries: list[Entry]
    consumed: list[int] = msgspec.field(default_factory=list[int])
    pin: VersionPin | None = None
    state: RunState | None = None
    wake_at: datetime | None = None
    waiting_on: str | None = None
    parked: bool = False
    end: RunEnd | None = None
    created: NewRun | None = None
    started_at: datetime | None = None
    cancelling: bool = False
    tasks: Sequence[NewTask] = ()
    stop_tasks: Sequence[int] = ()
    attributes: Mapping[str, Any] | None = None
    children: Sequence[NewRun] = ()
    posts: Sequence[Post] = ()
    continuation: Continuation | None = None
    published: Mapping[str, bytes] | None = None
    answers: Sequence[Answer] = ()

    @property
    def appended(self) -> int:
        """How many events it writes."""
        more = self.continuation
        return len(self.entries) + (0 if more is None else len(more.carried))

    @property
    def last_entry(self) -> Entry | None:
        """The last event it writes."""
        if self.continuation is not None and self.continuation.carried:
            return self.continuation.carried[-1]
        return self.entries[-1] if self.entries else None


class TurnStatus(StrEnum):
    """What became of a turn."""

    COMMITTED = "committed"
    FENCED = "fenced"
    """Another owner, token or next_seq: drop the run from memory."""
    DUPLICATE = "duplicate"
    """`created` hit an existing run id."""
    DEFERRED = "deferred"
    """A trigger or constraint of the database refuses it, through no fault of the payload. Nothing
    was written: resend it unchanged after a back-off; its neighbours are not held up."""
