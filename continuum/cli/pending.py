"""Which activities of a run are under way, read from its journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from continuum.model import HistoryEvent

_ENDED: Final = frozenset({"activity_completed", "activity_failed", "activity_cancelled"})


@dataclass(slots=True)
class PendingActivity:
    """An activity that was scheduled and has not ended.

    Attributes:
        command: its number in this incarnation.
        attempt: the attempt that is running, or the next one when `retry_at` is set.
        last_error: why the attempt before failed.
    """

    command: int
    activity: str
    scheduled_at: Any
    attempt: int = 1
    retry_at: Any = None
    last_error: str | None = None

    def record(self) -> dict[str, Any]:
        """As a row of a table."""
        return {name: getattr(self, name) for name in PENDING_FIELDS}


PENDING_FIELDS: Final = (
    "command", "activity", "attempt", "scheduled_at", "retry_at", "last_error",
)  # fmt: skip


def pending_activities(events: Iterable[HistoryEvent]) -> list[PendingActivity]:
    """The activities that the newest incarnation waits for, in the order of their commands."""
    pending: dict[int, PendingActivity] = {}
    incarnation = 0
    for event in events:
        if event.incarnation != incarnation:
            incarnation = event.incarnation
            pending.clear()
        if event.type == "activity_scheduled" and event.command is not None:
            pending[event.command] = PendingActivity(event.command, event.data["name"], event.at)
        else:
            _progress(pending, event)
    return list(pending.values())


def _progress(pending: dict[int, PendingActivity], event: HistoryEvent) -> None:
    command = event.data["target"] if event.type == "activity_cancelled" else event.command
    activity = pending.get(command or 0)
    if activity is None:
        return
    if event.type in _ENDED:
        del pending[activity.command]
    elif event.type == "activity_started":
        activity.attempt, activity.retry_at = event.data["attempt"], None
    elif event.type == "activity_attempt_failed":
        error = event.data["error"]
        activity.attempt = event.data["attempt"] + 1
        activity.retry_at = event.data["next_at"]
        activity.last_error = f"{error['type']}: {error['message']}"
    elif event.type == "activity_attempt_crashed":
        activity.attempt = event.data["attempt"] + 1
        activity.last_error = "its process ended"
