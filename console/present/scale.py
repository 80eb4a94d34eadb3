"""A time axis in cells: to scale, but for long gaps in which nothing happens.

A gap becomes a mark with its length, `╎2h╎`, so that what happens around it keeps its room.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from console.present.ages import rough

JUMP: Final = 8.0
"""A gap this many times as long as the next shorter one stands out."""
LEAST_SHARE: Final = 0.2
"""Of the time shown; a shorter gap is not worth a mark."""
MOST_GAPS_SHARE: Final = 0.5
"""Of the width that gaps may take."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the axis from `x` to `end_x` (exclusive); `gap` is its mark when it is a gap."""

    start: datetime
    end: datetime
    x: int
    end_x: int
    gap: str = ""

    @property
    def width(self) -> int:
        """In cells."""
        return self.end_x - self.x


@dataclass(frozen=True, slots=True)
class Scale:
    """Times as cells from 0 to `width`, exclusive; no holes between the stretches."""

    stretches: tuple[Stretch, ...]
    width: int

    def x(self, at: datetime) -> int:
        """The cell of a moment; one outside is at the nearer edge."""
        index = bisect_right([stretch.start for stretch in self.stretches], at) - 1
        stretch = self.stretches[max(0, index)]
        whole = (stretch.end - stretch.start).total_seconds()
        share = (at - stretch.start).total_seconds() / whole if whole > 0 else 0.0
        place = stretch.x + int(max(0.0, min(1.0, share)) * stretch.width)
        return max(0, min(place, stretch.end_x - 1, self.width - 1))

    def at(self, x: int) -> datetime:
        """The moment at the left edge of a cell."""
        for stretch in self.stretches:
            if x < stretch.end_x:
                share = max(0, x - stretch.x) / max(1, stretch.width)
                return stretch.start + (stretch.end - stretch.start) * share
        return self.stretches[-1].end


def scale(moments: Iterable[datetime], width: int) -> Scale:
    """The axis from the first to the last moment, `width` cells wide.

    Args:
        moments: when something happens, in any order; at least one.
        width: cells, at least 1.
    """
    times = sorted(set(moments))
    if len(times) == 1:
        times.append(times[0] + timedelta(milliseconds=1))
    gaps = _gaps(times, width)
    pieces = _pieces(times, gaps)
    room = width - sum(len(_mark(start, end)) for start, end in gaps)
    return Scale(_placed(pieces, room), width)


def _mark(start: datetime, end: datetime) -> str:
    return f"╎{rough((end - start).total_seconds())}╎"


def _gaps(times: Sequence[datetime], width: int) -> list[tuple[datetime, datetime]]:
    """The gaps that are worth a mark, in order; there is always something else left."""
    lengths = sorted(
        ((end - start, start, end) for start, end in pairwise(times)),
        reverse=True,
    )
    marked: list[tuple[datetime, datetime]] = []
    rest = sum((length for length, _, _ in lengths), timedelta())
    room = int(width * MOST_GAPS_SHARE)
    while len(lengths) > 1:
        above = _standing_out([length for length, _, _ in lengths], rest)
        if not above:
            break
        for length, start, end in lengths[:above]:
            room -= len(_mark(start, end))
            if room < 0:
                return sorted(marked)
            marked.append((start, end))
            rest -= length
        lengths = lengths[above:]
    return sorted(marked)


def _standing_out(lengths: Sequence[timedelta], total: timedelta) -> int:
    """How many of the lengths, the longest first, stand out from the others."""
    for count, (longer, shorter) in enumerate(pairwise(lengths), 1):
        if longer < total * LEAST_SHARE / count or longer < timedelta(seconds=1):
            return 0
        if longer >= shorter * JUMP:
            return count
    return 0


def _pieces(
    times: Sequence[datetime], gaps: Sequence[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime, str]]:
    """Gaps, and what is between them, from the first moment to the last."""
    pieces: list[tuple[datetime, datetime, str]] = []
    at = times[0]
    for start, end in gaps:
        if start > at:
            pieces.append((at, start, ""))
        pieces.append((start, end, _mark(start, end)))
        at = end
    if times[-1] > at:
        pieces.append((at, times[-1], ""))
    return pieces


def _placed(pieces: Sequence[tuple[datetime, datetime, str]], room: int) -> tuple[Stretch, ...]:
    """The pieces side by side; what is no gap shares the room by its length, at least a cell."""
    open_pieces = [(end - start).total_seconds() for start, end, gap in pieces if not gap]
    widths = iter(_shares(open_pieces, room))
    placed: list[Stretch] = []
    x = 0
    for start, end, gap in pieces:
        width = len(gap) if gap else next(widths)
        placed.append(Stretch(start, end, x, x + width, gap))
        x += width
    return tuple(placed)


def _shares(lengths: Sequence[float], room: int) -> list[int]:
    """Whole cells that add up to `room`, at least one each as far as there are so many."""
    if not lengths:
        return []
    least = 1 if room >= len(lengths) else 0
    spare = room - least * len(lengths)
    total = sum(lengths) or 1.0
    exact = [spare * length / total for length in lengths]
    widths = [least + int(share) for share in exact]
    order = sorted(range(len(lengths)), key=lambda i: exact[i] - int(exact[i]), reverse=True)
    for index in order[: room - sum(widths)]:
        widths[index] += 1
    return widths
