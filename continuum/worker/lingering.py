"""Attempts that have ended for their run, but whose code goes on in this worker.

A thread cannot be stopped, and a coroutine may swallow its cancellation. Such code goes on using
what slots stand for (a thread, memory, connections), so it keeps its slot until it returns: a
worker never runs more than its `concurrency`. Threads beyond the limit would only move the day on
which the process ends without memory; what may hang for ever belongs into a process of its own.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from continuum.system import monotonic
from continuum.worker.attempt import Attempt

_logger = logging.getLogger("continuum.worker")


class Lingering:
    """Says once for each such attempt that it goes on, and that it has returned at last.

    Args:
        slots: of the worker.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._attempts: set[Attempt] = set()

    @property
    def count(self) -> int:
        """Slots that are held so."""
        return len(self._attempts)

    def add(self, attempt: Attempt) -> None:
        """Its run does not wait for it any more."""
        self._attempts.add(attempt)
        _logger.warning(
            "activity %s (attempt %d of run %s, begun %s ago) goes on although it is %s; it keeps "
            "its slot until it returns: %d of %d slots are held so",
            attempt.call.activity.name, attempt.call.attempt, attempt.call.run_id, _age(attempt),
            attempt.why, self.count, self._slots,
        )  # fmt: skip

    def remove(self, attempt: Attempt) -> None:
        """Its code has returned."""
        if attempt in self._attempts:
            self._attempts.remove(attempt)
            _logger.info(
                "activity %s (attempt %d of run %s) returned after %s; its slot is free again",
                attempt.call.activity.name, attempt.call.attempt, attempt.call.run_id,
                _age(attempt),
            )  # fmt: skip


def _age(attempt: Attempt) -> timedelta:
    return timedelta(seconds=round(monotonic() - attempt.begun_at))
