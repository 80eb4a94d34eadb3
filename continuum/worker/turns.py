"""From what a run did to the turn that makes it durable."""

from __future__ import annotations

from datetime import datetime

from continuum.engine.execution import Execution
from continuum.engine.outcome import Collected
from continuum.journal.events import Entry, EventKind, Failure, RunFailed
from continuum.journal.turn import RunEnd, RunState, Turn
from continuum.worker.owned import OwnedRun


def turn_of(run: OwnedRun, execution: Execution, collected: Collected) -> Turn:
    """What this run has to write now."""
    state = execution.state
    consumed = run.consumed
    if consumed:
        run.consumed = []
    return Turn(  # in the order of its fields: this is the hottest constructor
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
        execution.end,
        run.created,
        run.started_at,
        execution.cancelling,
        collected.tasks,
        collected.stop_tasks,
    )


def failing_turn(run: OwnedRun, refused: Turn, failure: Failure, at: datetime) -> Turn:
    """The turn that fails a run in place of one that the store cannot hold."""
    return Turn(
        run_id=run.run_id,
        token=run.token,
        next_seq=run.next_seq,
        incarnation=refused.incarnation,
        entries=[Entry(EventKind.RUN_FAILED, None, RunFailed(error=failure), at)],
        consumed=refused.consumed,
        pin=refused.pin,
        state=RunState.FAILED,
        end=RunEnd(RunState.FAILED, error=failure),
    )
