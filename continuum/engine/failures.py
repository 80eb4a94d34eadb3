"""How a failed activity looks to the workflow that awaits it."""

from __future__ import annotations

from continuum.engine.attempts import ActivityState
from continuum.errors import ActivityCrashed, ActivityFailed, ActivityTimeout
from continuum.journal.events import ActivityEnded, Failure


def activity_error(state: ActivityState, ended: ActivityEnded) -> ActivityFailed:
    """The exception raised at the await, from what the journal holds."""
    error = ended.error
    kind = {"timeout": ActivityTimeout, "crashed": ActivityCrashed}.get(
        ended.reason, ActivityFailed
    )
    return kind(
        state.activity.name,
        error.type,
        error.message,
        details=error.details,
        attempts=ended.attempt,
    )


def crashed(state: ActivityState) -> Failure:
    """The failure of an activity whose process died too often."""
    activity = state.activity
    if activity.on_crash == "fail":
        text = f'attempt {state.attempt} died with its process, and on_crash is "fail"'
    else:
        text = f"{state.crashes} attempts died with their process"
    return Failure("continuum.errors.ActivityCrashed", text)


def stopped(state: ActivityState) -> Failure:
    """The failure of an activity that was stopped while no attempt was running."""
    if state.error is not None:
        return state.error
    return Failure("CancelledError", f"stopped before attempt {state.attempt} began")
