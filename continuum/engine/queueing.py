"""The task that an attempt for a named queue becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Raw

from continuum.journal.events import as_details
from continuum.journal.tasks import TaskPayload, encode_task
from continuum.journal.turn import NewTask

if TYPE_CHECKING:
    from continuum.engine.attempts import ActivityState


def task_of(state: ActivityState, queue: str, trace: str | None) -> NewTask:
    """The current attempt of a command, with the options of this call, under that span."""
    activity = state.activity
    key = activity.idempotency_key
    payload = TaskPayload(
        args=Raw(state.args),
        timeout=activity.timeout,
        heartbeat_timeout=activity.heartbeat_timeout,
        non_retryable=tuple(map(_name, activity.retry.non_retryable)),
        key=key if isinstance(key, str) else None,
        details=as_details(state.details),
        trace=trace,
    )
    return NewTask(
        state.command, state.attempt, queue, activity.priority, activity.name, encode_task(payload)
    )


def _name(error: type[BaseException] | str) -> str:
    if isinstance(error, str):
        return error
    return f"{error.__module__}.{error.__qualname__}"
