"""From what a run did to the turn that makes it durable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from continuum.codec.failures import capture_failure
from continuum.declare.registry import AnyWorkflow
from continuum.engine.execution import Execution
from continuum.engine.outcome import Collected, RunIdentity
from continuum.errors import PayloadError
from continuum.journal.events import (
    NULL,
    ChildEnded,
    Entry,
    Event,
    EventKind,
    Failure,
    RunFailed,
)
from continuum.journal.turn import Continuation, Post, RunEnd, RunState, Turn, VersionPin
from continuum.worker.owned import OwnedRun


def turn_of(run: OwnedRun, execution: Execution, collected: Collected) -> Turn:
    """What this run has to write now."""
    state = execution.state
    consumed = run.consumed
    if consumed:
        run.consumed = []
    end = execution.end
    if collected.taken is not None:  # the decision and the version it leads to are one commit
        run.pin = execution.identity.workflow.pin_of(collected.taken)
    turn = Turn(  # in the order of its fields: this is the hottest constructor
        run.run_id,
        run.token,
        run.next_seq,
        run.incarnation,
        collected.entries,
        consumed,
        run.pin,
        None if state is run.state else state,
        execution.wake_at,
        execution.waiting_on,
        state is RunState.SUSPENDED,
        end,
        run.created,
        run.started_at,
        execution.cancelling,
        collected.tasks,
        collected.stop_tasks,
        collected.attributes,
        collected.children,
        collected.posts,
        execution.continuation,
        collected.published,
        collected.answers,
    )
    if end is not None and run.parent_id is not None:
        turn.posts = [*turn.posts, end_post(run.run_id, run.parent_id, end)]
    if execution.continuation is not None:
        pin = execution.identity.workflow.pin
        turn.pin = VersionPin(pin.workflow, pin.version)
    return turn


def failing_turn(run: OwnedRun, refused: Turn, failure: Failure, at: datetime) -> Turn:
    """The turn that fails a run in place of one that the store cannot hold."""
    end = RunEnd(RunState.FAILED, error=failure)
    return Turn(
        run_id=run.run_id,
        token=run.token,
        next_seq=run.next_seq,
        incarnation=refused.incarnation,
        entries=[Entry(EventKind.RUN_FAILED, None, RunFailed(error=failure), at)],
        consumed=refused.consumed,
        pin=None if refused.continuation is not None else refused.pin,
        state=RunState.FAILED,
        end=end,
        posts=[] if run.parent_id is None else [end_post(run.run_id, run.parent_id, end)],
    )


def refused(turn: Turn, error: PayloadError) -> Failure:
    """Why the run of a turn fails that the store cannot hold."""
    failure = capture_failure(error)
    if turn.end is not None and turn.end.error == failure:
        return Failure(type=failure.type, message="the database refused what the run wrote")
    return failure


def end_post(run_id: UUID, parent_id: UUID, end: RunEnd) -> Post:
    """What a parent is told about the end of its child."""
    body = ChildEnded(run_id, end.state.value, Raw(end.result or NULL), end.error)
    return Post(parent_id, "child_result", "", msgspec.json.encode(body))


def next_incarnation(
    run: OwnedRun, continuation: Continuation, workflow: AnyWorkflow
) -> tuple[RunIdentity, Sequence[Event]]:
    """Leave the incarnation whose last turn is committed; answers the next and its first events.

    The events are as a claim would load them. The newest version of the workflow begins it.
    """
    former = run.execution
    assert former is not None
    former.drop()
    run.execution = None
    run.incarnation += 1
    identity = replace(
        former.identity,
        workflow=workflow,
        incarnation=run.incarnation,
        input=continuation.input,
        taken=frozenset(),
    )
    run.pin = workflow.pin
    seq = run.next_seq - len(continuation.carried)
    return identity, [
        Event(run.run_id, seq + n, run.incarnation, e.kind, e.command, e.payload(), e.at)
        for n, e in enumerate(continuation.carried)
    ]
