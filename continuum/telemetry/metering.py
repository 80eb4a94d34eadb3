"""Metrics of OpenTelemetry: what a worker committed and executed."""

from __future__ import annotations

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider

from continuum.journal.events import Failure
from continuum.journal.turn import Turn
from continuum.system import monotonic
from continuum.telemetry.figures import ACTIVITY_SECONDS, ATTEMPTS, EVENTS, RUN_SECONDS, RUNS, TURNS
from continuum.worker.attempt import Attempt
from continuum.worker.observing import Observer
from continuum.worker.owned import OwnedRun


def metering() -> list[Observer]:
    """The observer for a worker, if a provider of the SDK has been set."""
    provider = metrics.get_meter_provider()
    if not isinstance(provider, MeterProvider):
        return []
    return [Metering(provider.get_meter("continuum"))]


class Metering(Observer):
    """Counts what a worker did.

    Args:
        meter: makes the instruments; the same name is the same instrument for all workers.
    """

    def __init__(self, meter: metrics.Meter) -> None:
        def counter(figure: tuple[str, str]) -> metrics.Counter:
            return meter.create_counter(f"continuum.{figure[0]}", description=figure[1])

        def histogram(figure: tuple[str, str]) -> metrics.Histogram:
            return meter.create_histogram(f"continuum.{figure[0]}", "s", figure[1])

        self._turns, self._events = counter(TURNS), counter(EVENTS)
        self._runs, self._attempts = counter(RUNS), counter(ATTEMPTS)
        self._run_seconds = histogram(RUN_SECONDS)
        self._attempt_seconds = histogram(ACTIVITY_SECONDS)

    def committed(self, run: OwnedRun, turn: Turn) -> None:
        """See `Observer`."""
        self._turns.add(1)
        self._events.add(turn.appended)
        if turn.end is not None and run.execution is not None:
            identity = run.execution.identity
            labels = {
                "namespace": identity.namespace,
                "workflow": identity.workflow.name,
                "state": turn.end.state.value,
            }
            self._runs.add(1, labels)
            lasted = turn.entries[-1].at - identity.started_at
            self._run_seconds.record(lasted.total_seconds(), labels)

    def attempt_ended(self, attempt: Attempt, outcome: str, failure: Failure | None = None) -> None:
        """See `Observer`."""
        if attempt.begun and outcome != "held":
            labels = {"activity": attempt.call.activity.name, "outcome": outcome}
            self._attempts.add(1, labels)
            self._attempt_seconds.record(monotonic() - attempt.begun_at, labels)
