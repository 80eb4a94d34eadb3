"""The time axis: to scale but for marked gaps, in order, never too wide."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.present.ages import rough
from console.present.scale import Scale, scale
from console.sample import NOW

seconds = st.one_of(
    st.floats(0, 5), st.floats(0, 100_000), st.sampled_from([0.0, 0.001, 60, 3600, 86_400, 2e6])
)
moments = st.lists(seconds, min_size=1, max_size=40)
widths = st.integers(10, 220)


def axis(offsets: list[float], width: int) -> Scale:
    """The axis of moments that many seconds after noon."""
    return scale([NOW + timedelta(seconds=offset) for offset in offsets], width)


@given(moments, widths)
def test_the_stretches_fill_the_width_without_holes(offsets: list[float], width: int) -> None:
    """From cell 0 to the width, and from the first moment to the last, each after the other."""
    found = axis(offsets, width).stretches
    assert (found[0].x, found[-1].end_x) == (0, width)
    assert found[0].start == NOW + timedelta(seconds=min(offsets))
    for one, other in pairwise(found):
        assert (one.end_x, one.end) == (other.x, other.start)
    assert all(stretch.width >= 1 for stretch in found)


@given(moments, widths)
def test_order_is_kept(offsets: list[float], width: int) -> None:
    """A later moment is never left of an earlier one, and none is outside."""
    on = axis(offsets, width)
    places = [on.x(NOW + timedelta(seconds=offset)) for offset in sorted(offsets)]
    assert places == sorted(places)
    assert all(0 <= x < width for x in places)


@given(moments, widths)
def test_every_gap_says_how_long_it_is(offsets: list[float], width: int) -> None:
    """Its mark has its length, fills it exactly, and nothing happens inside it."""
    on = axis(offsets, width)
    for stretch in on.stretches:
        if stretch.gap:
            assert stretch.gap == f"╎{rough((stretch.end - stretch.start).total_seconds())}╎"
            assert stretch.width == len(stretch.gap)
            times = [NOW + timedelta(seconds=offset) for offset in offsets]
            assert not any(stretch.start < at < stretch.end for at in times)
    assert sum(stretch.width for stretch in on.stretches if stretch.gap) <= width // 2


@example([0.0, 3e-06], 12, 2)
@given(moments, widths, st.integers(0, 219))
def test_a_cell_leads_back_to_itself(offsets: list[float], width: int, x: int) -> None:
    """The moment of a cell is drawn there, or beside it where rounding says so.

    A time is whole microseconds; where cells are shorter, so many cells are beside it.
    """
    on = axis(offsets, width)
    x = min(x, width - 1)
    stretch = next(each for each in on.stretches if x < each.end_x)
    microseconds = (stretch.end - stretch.start) / timedelta(microseconds=1)
    assert abs(on.x(on.at(x)) - x) <= 1 + stretch.width / microseconds


@pytest.mark.parametrize(
    ("offsets", "gaps"),
    [
        ([0, 1, 2, 7202, 7203], ["╎2h╎"]),
        ([0, 1, 86_401, 86_402, 172_802, 172_803], ["╎1d╎", "╎1d╎"]),
        ([0, 10, 20, 30], []),
        ([0, 100], []),
        ([0, 0.001, 0.002, 0.5], []),
    ],
)
def test_what_stands_out_is_a_gap(offsets: list[float], gaps: list[str]) -> None:
    """A wait among short steps is compressed; even steps, and a single one, are not."""
    found = [stretch.gap for stretch in axis(offsets, 100).stretches if stretch.gap]
    assert found == gaps
