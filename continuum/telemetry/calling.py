"""Spans around what clients call. Without an OpenTelemetry SDK in the process they cost a look."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from continuum.worker.observing import Observer

TRACES = "opentelemetry.sdk.trace"
METRICS = "opentelemetry.sdk.metrics"


@contextmanager
def calling(what: str, name: str, **attributes: str) -> Generator[str | None]:
    """A span around a call that gives work to a run.

    Args:
        what: "start", "signal" or "ask".
        name: of the workflow, signal or question; with `what` the name of the span.
        attributes: of the span; `continuum.` goes before each.

    Yields:
        The W3C trace context to hand on; None when nobody in this process collects traces.
    """
    if TRACES not in sys.modules:
        yield None
        return
    from continuum.telemetry.tracing import producing

    with producing(f"{what} {name}", attributes) as context:
        yield context


def observers() -> list[Observer]:
    """What watches a new worker of this process: nothing, unless an SDK is loaded and set up.

    Whoever collects traces or metrics has imported the SDK and set its provider by now.
    """
    found: list[Observer] = []
    if TRACES in sys.modules:
        from continuum.telemetry.tracing import tracing

        found += tracing()
    if METRICS in sys.modules:
        from continuum.telemetry.metering import metering

        found += metering()
    return found
