"""Medians, and a probe that says how slow the machine is just now."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def percentile(values: Sequence[float], q: float) -> float:
    """Nearest-rank percentile; q in 0..100."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(q / 100 * len(ordered)) - 1))]


def cpu_probe() -> float:
    """Milliseconds of a fixed loop: compare between rounds to see a noisy neighbour."""
    begin = time.perf_counter()
    total = 0
    for i in range(300_000):
        total += i * i
    return 1000 * (time.perf_counter() - begin)
