"""Metrics of OpenTelemetry: what a worker committed and executed."""

from __future__ import annotations

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider

from continuum.telemetry.figures import (
    ACTIVITY_SECONDS,
    ATTEMPTS,
    EVENTS,
    RUN_SECONDS,
    RUNS,
    TURNS,
    AttemptLabels,
    Figure,
    Figures,
    RunLabels,
)
from continuum.worker.observing import Observer


def metering() -> list[Observer]:
    """The observer for a worker, if a provider of the SDK has been set."""
    provider = metrics.get_meter_provider()
    if not isinstance(provider, MeterProvider):
        return []
    return [Metering(provider.get_meter("continuum"))]


class Metering(Figures):
    """Counts what a worker did.

    Args:
        meter: makes the instruments; the same name is the same instrument for all workers.
    """

    def __init__(self, meter: metrics.Meter) -> None:
        def counter(figure: Figure) -> metrics.Counter:
            return meter.create_counter(f"continuum.{figure[0]}", description=figure[1])

        def histogram(figure: Figure) -> metrics.Histogram:
            return meter.create_histogram(f"continuum.{figure[0]}", "s", figure[1])

        self._turns, self._events = counter(TURNS), counter(EVENTS)
        self._runs, self._attempts = counter(RUNS), counter(ATTEMPTS)
        self._run_seconds = histogram(RUN_SECONDS)
        self._attempt_seconds = histogram(ACTIVITY_SECONDS)

    def count_turn(self, events: int) -> None:
        """See `Figures`."""
        self._turns.add(1)
        self._events.add(events)

    def count_run(self, labels: RunLabels, seconds: float) -> None:
        """See `Figures`."""
        attributes = labels._asdict()
        self._runs.add(1, attributes)
        self._run_seconds.record(seconds, attributes)

    def count_attempt(self, labels: AttemptLabels, seconds: float) -> None:
        """See `Figures`."""
        attributes = labels._asdict()
        self._attempts.add(1, attributes)
        self._attempt_seconds.record(seconds, attributes)
