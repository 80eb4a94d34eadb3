"""How many runs started, ended and failed a minute, from counts that are read now and then."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

BARS: Final = "▁▂▃▄▅▆▇█"
KEPT: Final = 60
ENDS: Final = ("completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Rates:
    """Runs a minute between two reads."""

    started: float
    ended: float
    failed: float


class Throughput:
    """Differences of the counters of all runs, since the first read."""

    def __init__(self) -> None:
        self.rates: deque[Rates] = deque(maxlen=KEPT)
        self.since: datetime | None = None
        self._before: tuple[datetime, Mapping[str, int]] | None = None

    def learn(self, at: datetime, runs: Mapping[str, int]) -> None:
        """The counts by state at a moment; what went down was cleaned up, and counts as none."""
        before, self._before = self._before, (at, dict(runs))
        self.since = self.since or at
        if before is None:
            return
        minutes = (at - before[0]).total_seconds() / 60
        if minutes <= 0:
            return

        def rate(states: Sequence[str]) -> float:
            gained = sum(runs.get(state, 0) - before[1].get(state, 0) for state in states)
            return max(0, gained) / minutes

        self.rates.append(Rates(rate(tuple(runs)), rate(ENDS), rate(("failed",))))


def strip(values: Sequence[float], width: int) -> str:
    """The last values as bars, the highest of them as high as can be; nothing is the lowest."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    if top <= 0:
        return BARS[0] * len(shown)
    return "".join(BARS[round(value / top * (len(BARS) - 1))] for value in shown)
