"""A clock that stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class MemoryClock:
    """The store's clock and, at the same time, every worker's estimate of it.

    It moves by one microsecond with every start, so that the next one is later, and otherwise only
    when it is told to. It never goes backwards.
    """

    def __init__(self, start: datetime = NOON) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The current time, in UTC."""
        return self._now

    def observe(self, now: datetime) -> None:
        """A reading of the store's clock, which is this one."""

    def tick(self) -> datetime:
        """Move on a little; answers the new time."""
        self._now += _TICK
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Let it be `moment`, unless that is past."""
        self._now = max(self._now, moment)

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`."""
        self.move_to(self._now + timedelta(seconds=seconds))
