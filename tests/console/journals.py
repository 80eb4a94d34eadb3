"""Journals for tests of what is made of them."""

from __future__ import annotations

from datetime import timedelta

from console.sample import NOW
from console.sample_journals import stored
from continuum.model import HistoryEvent


class Journal:
    """Events one after the other."""

    def __init__(self) -> None:
        self.events: list[HistoryEvent] = []

    def add(
        self, kind: str, command: int | None = None, at: float = 0.0, **data: object
    ) -> HistoryEvent:
        """One more event, `at` seconds after the beginning."""
        event = HistoryEvent(
            len(self.events) + 1, 1, kind, command, stored(data), NOW + timedelta(seconds=at)
        )
        self.events.append(event)
        return event


ERROR = {"type": "shop.GatewayTimeout", "message": "no answer"}


def charged(*, fails: bool = False, amount: int = 5, slow: float = 0.0) -> Journal:
    """An order whose charge needs two attempts, or fails at last."""
    journal = Journal()
    add = journal.add
    add("run_started", None, 0, version=1, version_hash="ab" * 8, runtime="1")
    add("activity_scheduled", 1, 0, name="shop:reserve", args=["o-1"])
    add("activity_scheduled", 2, 0, name="shop:charge", args=["o-1", amount])
    add("activity_completed", 1, 1 + slow, attempt=1, value="shelf 4")
    add("activity_attempt_failed", 2, 2, attempt=1, error=ERROR,
        next_at=(NOW + timedelta(seconds=4)).isoformat())  # fmt: skip
    add("activity_started", 2, 4, attempt=2)
    if fails:
        add("activity_failed", 2, 5 + slow, attempt=2, error=ERROR, reason="raised")
        add("run_failed", None, 5 + slow, error=ERROR)
        return journal
    add("activity_completed", 2, 5 + slow, attempt=2, value="pay_1")
    add("timer_started", 3, 5 + slow, due_at=(NOW + timedelta(hours=2)).isoformat())
    add("timer_fired", 3, 7200 + slow)
    add("signal_awaited", 4, 7200 + slow, name="review")
    add("signal_received", None, 7203 + slow, name="review", value="yes", message=1)
    add("run_completed", None, 7203 + slow)
    return journal
