"""What is counted, for OpenTelemetry and Prometheus alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, NamedTuple

from continuum.journal.events import Failure
from continuum.journal.turn import Turn
from continuum.system import monotonic
from continuum.worker.attempt import Attempt
from continuum.worker.observing import Observer
from continuum.worker.owned import OwnedRun

Figure = tuple[str, str]
"""Name, below `continuum`, and what it says."""

RUNS: Final[Figure] = ("runs.ended", "Runs that this worker brought to their end")
RUN_SECONDS: Final[Figure] = ("run.seconds", "From the start of a run to its end")
ATTEMPTS: Final[Figure] = ("activity.attempts", "Attempts of activities that ended here")
ACTIVITY_SECONDS: Final[Figure] = ("activity.seconds", "Time that an attempt took")
TURNS: Final[Figure] = ("turns.committed", "Turns of runs that were made durable")
EVENTS: Final[Figure] = ("events.committed", "Journal events that were made durable")


class RunLabels(NamedTuple):
    """What tells ended runs apart."""

    namespace: str
    workflow: str
    state: str


class AttemptLabels(NamedTuple):
    """What tells attempts apart; `outcome` is that of `Observer.attempt_ended`."""

    activity: str
    outcome: str


class Figures(Observer, ABC):
    """Counts what a worker did, whatever keeps the numbers."""

    @abstractmethod
    def count_turn(self, events: int) -> None:
        """A turn with so many events."""

    @abstractmethod
    def count_run(self, labels: RunLabels, seconds: float) -> None:
        """A run that ended, so long after its start."""

    @abstractmethod
    def count_attempt(self, labels: AttemptLabels, seconds: float) -> None:
        """An attempt that took so long."""

    def committed(self, run: OwnedRun, turn: Turn) -> None:
        """See `Observer`."""
        self.count_turn(turn.appended)
        if turn.end is not None and run.execution is not None:
            identity = run.execution.identity
            labels = RunLabels(identity.namespace, identity.workflow.name, turn.end.state.value)
            lasted = turn.entries[-1].at - identity.started_at
            self.count_run(labels, lasted.total_seconds())

    def attempt_ended(self, attempt: Attempt, outcome: str, failure: Failure | None = None) -> None:
        """See `Observer`."""
        if attempt.begun and outcome != "held":
            labels = AttemptLabels(attempt.call.activity.name, outcome)
            self.count_attempt(labels, monotonic() - attempt.begun_at)
