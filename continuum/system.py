"""Where time, randomness and ids come from; the only module that asks the operating system."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """An estimate of the database server's clock."""

    def now(self) -> datetime:
        """The current time of the database, in UTC."""
        ...


class ObservedClock(Clock, Protocol):
    """A clock that is told every reading of the database's clock."""

    def observe(self, now: datetime) -> None:
        """Take a fresh reading of `clock_timestamp()`; called on any thread."""
        ...


def host_time() -> datetime:
    """This host's clock, which nothing may be compared with; only its own error is of interest."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds on this host's monotonic clock."""
    return time.monotonic()


class DatabaseClock:
    """Follows the database clock between two readings of it.

    Every commit and heartbeat returns the server's `clock_timestamp()`; between them the
    monotonic clock of this host carries it on. Never goes backwards.
    """

    def __init__(self, now: datetime) -> None:
        self._base = now
        self._read_at = time.monotonic()
        self._last = now

    def observe(self, now: datetime) -> None:
        """Take a fresh reading of `clock_timestamp()`."""
        self._base = now
        self._read_at = time.monotonic()

    def now(self) -> datetime:
        """Estimated database time, never earlier than the last answer."""
        estimate = self._base + timedelta(seconds=time.monotonic() - self._read_at)
        if estimate > self._last:
            self._last = estimate
        return self._last


def new_run_id() -> UUID:
    """A UUID version 7 (RFC 9562): sorts by creation time to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    value = int.from_bytes(os.urandom(10), "big")
    value |= milliseconds << 80
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)
