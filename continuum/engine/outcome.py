"""What the engine hands to the worker and how a run ends, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from continuum.declare.activity import Activity
from continuum.declare.workflow import Workflow
from continuum.journal.events import Entry
from continuum.journal.trace import context_of_run
from continuum.journal.turn import Answer, NewRun, NewTask, Post


class RunIdentity(msgspec.Struct, frozen=True, gc=False):
    """What never changes about one incarnation of a run."""

    run_id: UUID
    namespace: str
    workflow: Workflow[Any, Any]
    incarnation: int
    input: bytes
    started_at: datetime
    parent_id: UUID | None = None
    depth: int = 0
    taken: frozenset[str] = frozenset()
    """Patches that the version of its committed turns has taken, recorded or not."""
    trace: str | None = None
    """The trace context that the run came with."""
    retries: int = 0
    """How often it was tried again after it had failed."""

    @property
    def context(self) -> str | None:
        """The trace context of all that the run starts."""
        return context_of_run(self.trace, self.run_id, self.retries)


class ActivityCall(msgspec.Struct, frozen=True, gc=False):
    """One attempt of an activity that the worker must run, once the turn is committed."""

    run_id: UUID
    namespace: str
    incarnation: int
    command: int
    attempt: int
    activity: Activity[Any, Any]
    args: bytes
    details: bytes | None = None
    """Of the last heartbeat of an earlier attempt."""
    trace: str | None = None
    """Context of the run's span."""


class Collected(msgspec.Struct, gc=False):
    """What happened since the last `collect`.

    Args:
        entries: events to commit, in order.
        start: attempts to run after that commit.
        stop: commands whose running attempt is to be cancelled.
        tasks: attempts to be queued by that commit.
        stop_tasks: commands whose queued attempt is to end, by that commit.
        attributes: to be merged into the run's.
        published: values that the run shows with that commit, as JSON, by name.
        answers: to questions, given with that commit.
        children: runs to be inserted with the commit.
        posts: messages to other runs, sent with the commit.
        taken: every patch taken so far, when there is one more: the version changes.
    """

    entries: list[Entry] = msgspec.field(default_factory=list[Entry])
    start: list[ActivityCall] = msgspec.field(default_factory=list[ActivityCall])
    stop: list[int] = msgspec.field(default_factory=list[int])
    tasks: Sequence[NewTask] = ()
    stop_tasks: Sequence[int] = ()
    attributes: dict[str, Any] | None = None
    published: dict[str, bytes] | None = None
    answers: Sequence[Answer] = ()
    children: Sequence[NewRun] = ()
    posts: Sequence[Post] = ()
    taken: frozenset[str] | None = None
