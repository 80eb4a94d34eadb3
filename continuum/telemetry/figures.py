"""What is counted, by name, for OpenTelemetry and Prometheus alike."""

from __future__ import annotations

from typing import Final

Figure = tuple[str, str]
"""Name, below `continuum`, and what it says."""

RUNS: Final[Figure] = ("runs.ended", "Runs that this worker brought to their end")
RUN_SECONDS: Final[Figure] = ("run.seconds", "From the start of a run to its end")
ATTEMPTS: Final[Figure] = ("activity.attempts", "Attempts of activities that ended here")
ACTIVITY_SECONDS: Final[Figure] = ("activity.seconds", "Time that an attempt took")
TURNS: Final[Figure] = ("turns.committed", "Turns of runs that were made durable")
EVENTS: Final[Figure] = ("events.committed", "Journal events that were made durable")
