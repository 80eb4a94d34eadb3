"""Metrics for Prometheus: what a worker did since it started, and how it stands now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

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
from continuum.worker.node import Worker

_RUN_BUCKETS: Final = (0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21600, 86400, 604800)
_ATTEMPT_BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""Seconds. Runs may take weeks, attempts rarely hours."""


class PrometheusObserver(Figures):
    """Counts what one worker does, into a registry of its own.

    Args:
        worker: its standing is looked at whenever the registry is read, from any thread.
    """

    def __init__(self, worker: Worker) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._turns = Counter(*_named(TURNS), registry=registry)
        self._events = Counter(*_named(EVENTS), registry=registry)
        self._runs = Counter(*_named(RUNS), RunLabels._fields, registry=registry)
        self._attempts = Counter(*_named(ATTEMPTS), AttemptLabels._fields, registry=registry)
        self._run_seconds = Histogram(
            *_named(RUN_SECONDS), RunLabels._fields, buckets=_RUN_BUCKETS, registry=registry
        )
        self._attempt_seconds = Histogram(
            *_named(ACTIVITY_SECONDS),
            AttemptLabels._fields,
            buckets=_ATTEMPT_BUCKETS,
            registry=registry,
        )
        runner, activities = worker.runner, worker.activities
        standing: dict[str, tuple[str, Callable[[], float]]] = {
            "runs_owned": ("Runs that this worker owns", lambda: len(runner.runs)),
            "runs_parked": ("Those that wait for something outside", lambda: len(runner.parked)),
            "attempts_running": ("Attempts whose code runs now", lambda: activities.running),
            "attempt_slots_free": ("Attempts that could begin now", lambda: activities.free),
            "worker_ready": ("1 while it takes new work", lambda: worker.accepting),
        }
        for name, (text, look) in standing.items():
            Gauge(f"continuum_{name}", text, registry=registry).set_function(look)

    def count_turn(self, events: int) -> None:
        """See `Figures`."""
        self._turns.inc()
        self._events.inc(events)

    def count_run(self, labels: RunLabels, seconds: float) -> None:
        """See `Figures`."""
        self._runs.labels(*labels).inc()
        self._run_seconds.labels(*labels).observe(seconds)

    def count_attempt(self, labels: AttemptLabels, seconds: float) -> None:
        """See `Figures`."""
        self._attempts.labels(*labels).inc()
        self._attempt_seconds.labels(*labels).observe(seconds)


def _named(figure: Figure) -> tuple[str, str]:
    name, text = figure
    return f"continuum_{name.replace('.', '_')}", text
