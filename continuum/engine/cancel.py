"""Cooperative cancellation: activities stop first, then the workflow learns of it, once.

The first `cancel_requested` asks all activities in flight to stop. Their outcomes are journaled
as they come and held back, so that no code continues between an activity's end and the
cancellation. When the last has ended the main task is cancelled: `CancelledError` at its await.
What was held back goes to those whom that did not reach: a task group that hears of a failed child
and of its own cancellation at once would raise the failure, and `except*` swallow both.
Later requests are journaled and do nothing, so clean-up is never interrupted. Compensations of a
saga that already run when the first request comes are left alone too.
"""

from __future__ import annotations

from collections.abc import Callable

from continuum.engine.attempts import ActivityState, Attempts


class Cancellation:
    """Where the cancellation of one incarnation stands.

    Attributes:
        requested: a first request was journaled.
        reason: what it said.
        timeout: the run is out of time after so many seconds; None when somebody wants it to end.
        delivered: the main task was cancelled.
    """

    __slots__ = (
        "_attempts",
        "_awaited",
        "_held",
        "_unstarted",
        "delivered",
        "reason",
        "requested",
        "timeout",
    )

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._awaited: list[ActivityState] = []
        self._held: list[Callable[[], None]] = []
        self._unstarted: list[ActivityState] = []
        self.requested = False
        self.delivered = False
        self.reason: str | None = None
        self.timeout: float | None = None

    @property
    def stopping(self) -> bool:
        """Requested, but activities have not all ended yet."""
        return self.requested and not self.delivered

    def request(self, reason: str | None, timeout: float | None = None) -> None:
        """Take the first request and ask every activity in flight to stop."""
        self.requested = True
        self.reason = reason
        self.timeout = timeout
        open_ = self._attempts.open.values()
        self._awaited = [s for s in open_ if not s.abandoned and not s.protected]
        self._unstarted = [s for s in self._awaited if self._attempts.ask_to_stop(s)]

    def take_unstarted(self) -> list[ActivityState]:
        """Activities without an attempt whose end could be awaited; the caller ends them now."""
        unstarted, self._unstarted = self._unstarted, []
        return unstarted

    def hold(self, state: ActivityState, outcome: Callable[[], None]) -> bool:
        """Keep back the outcome of an activity that is awaited; False to deliver it now."""
        if not self.stopping or state not in self._awaited:
            return False
        self._awaited.remove(state)
        self._held.append(outcome)
        return True

    @property
    def due(self) -> bool:
        """Whether the main task is to be cancelled now."""
        return self.stopping and all(state.abandoned for state in self._awaited)

    def release(self) -> None:
        """Deliver the outcomes that were held back, where somebody still waits for them."""
        held, self._held, self._awaited = self._held, [], []
        for outcome in held:
            outcome()
