"""What a demo did, counted in the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from continuum.client import Continuum

_MEASURED_RUNS: Final = 2000


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the completed runs of one workflow took, in seconds."""

    workflow: str
    completed: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a demo did; times in seconds.

    Attributes:
        started: runs that it started.
        counts: (namespace, state) -> how many of them are there now.
        start_p50, start_p95: from asking for a run to its commit.
        durations: of the newest completed runs, per workflow.
    """

    seconds: float
    started: int
    counts: dict[tuple[str, str], int]
    start_p50: float
    start_p95: float
    durations: tuple[Durations, ...]

    @property
    def completed(self) -> int:
        """Runs that have completed."""
        return sum(runs for (_, state), runs in self.counts.items() if state == "completed")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie; 0 for none.

    Example:
        >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
        2.0
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered)) - 1))]


async def summarise(
    client: Continuum, began: datetime, *, seconds: float, start_seconds: Sequence[float]
) -> Summary:
    """Count the runs that were started since `began` (the database's time)."""
    since = ("gte", "started_at", began)
    groups = await client.count(namespace=None, where=[since], group_by=("namespace", "state"))
    return Summary(
        seconds=seconds,
        started=len(start_seconds),
        counts={(str(group.key[0]), str(group.key[1])): group.count for group in groups},
        start_p50=percentile(start_seconds, 0.50),
        start_p95=percentile(start_seconds, 0.95),
        durations=await _durations(client, since),
    )


async def _durations(client: Continuum, since: tuple[str, str, Any]) -> tuple[Durations, ...]:
    by_workflow: defaultdict[str, list[float]] = defaultdict(list)
    where = [since, ("eq", "state", "completed")]
    cursor: str | None = None
    measured = 0
    while measured < _MEASURED_RUNS:
        page = await client.query(namespace=None, where=where, limit=500, cursor=cursor)
        for run in page.entries:
            by_workflow[run.workflow].append(run.duration.total_seconds())
        measured += len(page.entries)
        cursor = page.next_cursor
        if cursor is None:
            break
    return tuple(
        Durations(workflow, len(values), percentile(values, 0.5), percentile(values, 0.95))
        for workflow, values in sorted(by_workflow.items())
    )
