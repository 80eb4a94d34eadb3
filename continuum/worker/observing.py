"""What a worker tells whoever watches it: traces, metrics. It never waits for them."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import Context
from uuid import UUID

from continuum.journal.events import Failure
from continuum.journal.turn import Turn
from continuum.worker.attempt import Attempt
from continuum.worker.owned import OwnedRun

log = logging.getLogger("continuum.worker.observing")


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
    """Several at once. What one of them raises is logged and goes no further."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def trace_of(self, run_id: UUID) -> str | None:
        """See `Observer`: the first that answers."""
        for each in self._observers:
            with _guest(each, "trace_of"):
                found = each.trace_of(run_id)
                if found:
                    return found
        return None

    def committed(self, run: OwnedRun, turn: Turn) -> None:
        """See `Observer`."""
        for each in self._observers:
            with _guest(each, "committed"):
                each.committed(run, turn)

    def attempt_begins(self, attempt: Attempt) -> Context | None:
        """See `Observer`: the first that answers; all of them hear of it."""
        context: Context | None = None
        for each in self._observers:
            with _guest(each, "attempt_begins"):
                found = each.attempt_begins(attempt)
                context = found if context is None else context
        return context

    def attempt_ended(self, attempt: Attempt, outcome: str, failure: Failure | None = None) -> None:
        """See `Observer`."""
        for each in self._observers:
            with _guest(each, "attempt_ended"):
                each.attempt_ended(attempt, outcome, failure)


@contextmanager
def _guest(observer: Observer, call: str) -> Generator[None]:
    """Exporters and processors of spans are the user's code, and must not stop a run."""
    try:
        yield
    except Exception:
        name = type(observer).__name__
        log.exception("the observer %s failed in %s, which changes nothing else", name, call)
