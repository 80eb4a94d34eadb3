"""How a claimed run, or the next incarnation of an owned one, comes into memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from continuum.declare.registry import AnyWorkflow
from continuum.engine.execution import Execution
from continuum.engine.outcome import RunIdentity
from continuum.journal.events import Event, EventKind
from continuum.journal.tasks import RESULT
from continuum.journal.trace import CONTEXT, decode_context
from continuum.journal.turn import NewRun
from continuum.store.opening import UNREADABLE
from continuum.store.protocol import ClaimedRun, InboxMessage
from continuum.worker.observing import Observer
from continuum.worker.owned import OwnedRun, cancel_reason
from continuum.worker.paranoia import Paranoia

log = logging.getLogger("continuum.worker.loading")


def adopted(
    claimed: ClaimedRun, workflow: AnyWorkflow, taken: frozenset[str], observer: Observer
) -> tuple[OwnedRun, RunIdentity | str]:
    """A run that was just claimed. Its `load` reads the results in its inbox.

    Answers why instead of its identity when it cannot be read: then it is to be parked.

    Args:
        claimed: the run.
        workflow: the loaded code of its version.
        taken: the patches that this version has taken.
        observer: names the trace of a run that was started outside any.
    """
    run = OwnedRun(
        claimed.run_id, workflow.name, claimed.token, claimed.next_seq, claimed.incarnation,
        claimed.state, claimed.parent_id,
    )  # fmt: skip
    if not claimed.pin.version_hash:
        run.pin = workflow.pin
    run.blocked_before = claimed.blocked_build is not None
    run.unreadable = claimed.unreadable or _unreadable_mail(claimed)
    if run.unreadable is not None:
        log.error("run %s (%s): cannot open %s", run.run_id, run.workflow_name, run.unreadable)
        return run, f"cannot open {run.unreadable}"
    run.unread = {message.id for message in _results(claimed)} or None
    identity = RunIdentity(
        claimed.run_id, claimed.namespace, workflow, claimed.incarnation, claimed.input,
        claimed.started_at, claimed.parent_id, claimed.depth, taken, *_traced(claimed, observer),
    )  # fmt: skip
    return run, identity


def _unreadable_mail(claimed: ClaimedRun) -> str | None:
    return next((message.name for message in claimed.inbox if message.kind == UNREADABLE), None)


def created(
    new_run: NewRun, workflow: AnyWorkflow, at: datetime, observer: Observer
) -> RunIdentity:
    """A run that begins here and now."""
    trace = new_run.trace or observer.trace_of(new_run.run_id)
    return RunIdentity(
        new_run.run_id, new_run.namespace, workflow, 1, new_run.input, at, new_run.parent_id,
        trace=trace,
    )  # fmt: skip


def _traced(claimed: ClaimedRun, observer: Observer) -> tuple[str | None, int]:
    """Its trace context, and how often it was retried.

    The context is in its first event, or in its inbox when it has yet to begin.
    """
    retries = sum(event.kind is EventKind.RUN_RETRIED for event in claimed.events)
    for event in claimed.events:
        if event.kind is EventKind.RUN_STARTED:
            return event.body().trace, retries
    for message in claimed.inbox:
        if message.kind == CONTEXT:
            return decode_context(message.value), retries
    return observer.trace_of(claimed.run_id), retries


def load(
    run: OwnedRun,
    identity: RunIdentity,
    events: Sequence[Event],
    claimed: ClaimedRun | None,
    paranoia: Paranoia | None,
    at: datetime,
) -> None:
    """Replay what is journaled of an incarnation, or begin it."""
    if paranoia is not None:
        paranoia.loaded(run, events)
    run.execution = execution = Execution(identity)
    if events:
        execution.replay(events)
    if execution.drift is not None:
        return
    if execution.changed is not None:
        log.warning("run %s (%s): %s", run.run_id, run.workflow_name, execution.changed.message)
    begun = execution.started
    if claimed is not None and not begun and claimed.cancel_requested and (
        at < identity.started_at
    ):  # fmt: skip
        reasons = [cancel_reason(m) for m in claimed.inbox if m.kind == "cancel"]
        execution.never_start(next(iter(reasons), None), at)
        return
    if not begun:
        execution.start(at)
    if claimed is None:
        return
    for message in _results(claimed):  # an attempt that answered did not crash
        run.deliver(message, at)
    if begun:
        execution.recover(at, claimed.heartbeats)


def _results(claimed: ClaimedRun) -> list[InboxMessage]:
    return [message for message in claimed.inbox if message.kind == RESULT]
