"""What a demo did, counted in the database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from continuum.demo import shop

if TYPE_CHECKING:
    from continuum.client import Continuum

Condition = tuple[Any, ...]

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
        started: runs that its customers started.
        children: runs that these, or workflows of an earlier demo, started.
        counts: (namespace, state) -> how many of both are there now.
        start_p50, start_p95: from asking for a run to its commit.
        durations: of the newest completed runs, per workflow.
    """

    seconds: float
    started: int
    children: int
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
    """Count the shop's runs that were started since `began` (the database's time)."""
    where: list[Condition] = [
        ("gte", "started_at", began),
        ("in", "workflow", [flow.name for flow in shop.WORKFLOWS]),
    ]
    started = await _by_state(client, [*where, ("missing", "parent_id")])
    children = await _by_state(client, [*where, ("exists", "parent_id")])
    return Summary(
        seconds=seconds,
        started=started.total(),
        children=children.total(),
        counts=dict(started + children),
        start_p50=percentile(start_seconds, 0.50),
        start_p95=percentile(start_seconds, 0.95),
        durations=await _durations(client, where),
    )


async def _by_state(client: Continuum, where: list[Condition]) -> Counter[tuple[str, str]]:
    groups = await client.count(namespace=None, where=where, group_by=("namespace", "state"))
    return Counter({(str(group.key[0]), str(group.key[1])): group.count for group in groups})


async def _durations(client: Continuum, where: list[Condition]) -> tuple[Durations, ...]:
    by_workflow: defaultdict[str, list[float]] = defaultdict(list)
    where = [*where, ("eq", "state", "completed")]
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
