"""Which activities `show` lists as pending."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from continuum.cli.pending import pending_activities
from continuum.model import HistoryEvent, StoredValue

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def event(
    seq: int, kind: str, command: int | None, data: Any, incarnation: int = 1
) -> HistoryEvent:
    """One event of a journal."""
    stored = json.dumps(data).encode()
    return HistoryEvent(seq, incarnation, kind, command, StoredValue(stored, len(stored)), AT)


def test_only_what_has_not_ended_is_pending() -> None:
    """Completed, failed and given-up activities are gone; the others stay in order."""
    journal = [
        event(1, "run_started", None, {}),
        *(event(seq, "activity_scheduled", seq, {"name": f"a{seq}"}) for seq in (2, 3, 4, 5)),
        event(6, "activity_completed", 3, {"attempt": 1, "value": 1}),
        event(7, "activity_failed", 4, {"attempt": 1, "error": {}}),
        event(8, "activity_cancelled", 6, {"target": 5}),
    ]
    assert [each.activity for each in pending_activities(journal)] == ["a2"]


def test_an_attempt_that_failed_shows_the_next_one() -> None:
    """Between attempts the next one's number and time and the last error are shown."""
    error = {"type": "TimeoutError", "message": "too slow"}
    failed = {"attempt": 1, "error": error, "next_at": "2026-11-23T12:00:05Z"}
    journal = [
        event(1, "activity_scheduled", 1, {"name": "charge"}),
        event(2, "activity_attempt_failed", 1, failed),
    ]
    (waiting,) = pending_activities(journal)
    assert (waiting.attempt, waiting.retry_at) == (2, "2026-11-23T12:00:05Z")
    assert waiting.last_error == "TimeoutError: too slow"
    (running,) = pending_activities([*journal, event(3, "activity_started", 1, {"attempt": 2})])
    assert (running.attempt, running.retry_at) == (2, None)


def test_a_new_incarnation_starts_afresh() -> None:
    """What an older incarnation left behind is not pending."""
    journal = [
        event(1, "activity_scheduled", 1, {"name": "old"}),
        event(2, "activity_scheduled", 1, {"name": "new"}, incarnation=2),
    ]
    assert [each.activity for each in pending_activities(journal)] == ["new"]
