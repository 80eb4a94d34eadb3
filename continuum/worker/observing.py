"""What a worker tells whoever watches it: traces, metrics. It never waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import Context
from uuid import UUID

from continuum.journal.events import Failure
from continuum.journal.turn import Turn
from continuum.worker.attempt import Attempt
from continuum.worker.owned import OwnedRun


class Observer:
    """Hears what this worker has done, once it is durable; this one does not care.

    Replays are never heard of, and a turn is committed by one worker only, so nothing is told
    twice. A worker that dies between a commit and this takes its news with it.
    """

    def trace_of(self, run_id: UUID) -> str | None:
        """The trace context of a run that was started outside any trace, if it is to have one."""
        return None

    def committed(self, run: OwnedRun, turn: Turn) -> None:
        """A turn is durable; `run` is as it was before."""

    def attempt_begins(self, attempt: Attempt) -> Context | None:
        """User code is about to be entered; what it runs in, if not the worker's own context."""
        return None

    def attempt_ended(self, attempt: Attempt, outcome: str, failure: Failure | None = None) -> None:
        """An attempt that may have begun is over.

        Args:
            attempt: each is told once, or twice when it was dropped after all.
            outcome: "completed", "raised", "timeout", "cancelled", "crashed", "held" (by its
                idempotency key: it has not begun), or "dropped" (the run is not ours any more).
            failure: as it is journaled.
        """


class Observers(Observer):
    """Several at once."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def trace_of(self, run_id: UUID) -> str | None:
        """See `Observer`: the first that answers."""
        return next((t for each in self._observers if (t := each.trace_of(run_id))), None)

    def committed(self, run: OwnedRun, turn: Turn) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.committed(run, turn)

    def attempt_begins(self, attempt: Attempt) -> Context | None:
        """See `Observer`: the first that answers."""
        found = [each.attempt_begins(attempt) for each in self._observers]
        return next((context for context in found if context is not None), None)

    def attempt_ended(self, attempt: Attempt, outcome: str, failure: Failure | None = None) -> None:
        """See `Observer`."""
        for each in self._observers:
            each.attempt_ended(attempt, outcome, failure)
