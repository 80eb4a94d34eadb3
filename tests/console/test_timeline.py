"""The timeline: rows of bars to scale."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from console.present import timeline
from console.present.steps import fold
from console.sample import NOW
from console.themes import DARK, Palette
from continuum.model import HistoryEvent
from tests.console.journals import ERROR, Journal, charged

PALETTE = Palette.from_variables(DARK.to_color_system().generate())

KINDS = (
    "activity_scheduled", "activity_started", "activity_attempt_failed", "activity_released",
    "activity_attempt_crashed", "activity_completed", "activity_failed", "activity_cancelled",
    "timer_started", "timer_fired", "child_started", "child_completed", "signal_awaited",
    "signal_received", "side_effect", "run_failed",
)  # fmt: skip


@st.composite
def journals(draw: st.DrawFn) -> list[HistoryEvent]:
    """Any events of a few commands, at times that never go back."""
    journal, at = Journal(), 0.0
    for _ in range(draw(st.integers(1, 25))):
        at += draw(st.sampled_from([0.0, 0.001, 0.5, 3.0, 900.0, 86_400.0]))
        later = (NOW + timedelta(seconds=at + 2)).isoformat()
        command = draw(st.integers(1, 4))
        journal.add(
            draw(st.sampled_from(KINDS)), command, at, name="a:b", target=command, attempt=1,
            error=ERROR, next_at=later,
        )  # fmt: skip
    return journal.events


@settings(deadline=None)
@given(journals(), st.integers(10, 200), st.booleans(), st.floats(0.05, 1))
def test_rows_are_as_wide_as_the_axis_and_pieces_follow_each_other(
    events: list[HistoryEvent], width: int, live: bool, zoom: float
) -> None:
    """Nothing overlaps, nothing goes back, no row is too long, whatever the journal says."""
    steps = fold(events)
    now = events[-1].at + timedelta(seconds=30) if live else None
    everything = timeline.whole(steps, now)
    assert everything is not None
    window = everything.around(events[0].at, zoom, everything)
    shown = [step for step in steps if window.holds(step, now or everything.end)]
    on = timeline.axis(shown, window, now, width)
    assert timeline.ruler(on, PALETTE).cell_len == on.width == width
    for step in steps:
        pieces = timeline.bars(step, now or everything.end)
        assert pieces
        assert all(piece.start <= piece.end for piece in pieces)
        assert all(one.end <= other.start for one, other in pairwise(pieces))
        row = timeline.cells(step, on, window, now or everything.end, PALETTE)
        assert row.cell_len == width


def drawn(journal: Journal, width: int = 60) -> dict[int, str]:
    """The rows of a journal by command."""
    steps = fold(journal.events)
    window = timeline.whole(steps, None)
    assert window is not None
    on = timeline.axis(steps, window, None, width)
    rows = {
        step.command: timeline.cells(step, on, window, window.end, PALETTE).plain for step in steps
    }
    return rows | {-1: timeline.ruler(on, PALETTE).plain}


def test_attempts_back_off_waits_and_gaps() -> None:
    """A failed attempt, the wait for the next, the good one; the timer's two hours are a mark."""
    rows = drawn(charged())
    assert "╎1h╎" in rows[-1]
    charge = rows[2].replace("╎", " ")
    assert charge.lstrip().startswith("█")
    assert "✗~" in charge
    assert charge.index("✗") < charge.index("~") < charge.rindex("█")
    assert rows[1].index("█") == rows[2].index("█")
    assert "─" in rows[3]
    assert rows[4].rstrip().endswith("─")


def test_a_long_name_does_not_touch_its_bar() -> None:
    """It is cut, and a blank follows, whatever the width."""
    journal = Journal()
    journal.add("activity_scheduled", 1, 0, name="shop.orders:reserve_all_of_the_stock", args=[])
    [step] = fold(journal.events)
    for width in range(10, 30):
        name = timeline.name_cell(step, PALETTE, width)
        assert name.cell_len == width
        assert name.plain.endswith("… ")


def test_back_off_ends_when_the_next_attempt_was_due() -> None:
    """Also where the journal does not tell when that began."""
    journal = Journal()
    journal.add("activity_scheduled", 1, 0, name="a:b", args=[])
    due = (NOW + timedelta(seconds=6)).isoformat()
    journal.add("activity_attempt_failed", 1, 2, attempt=1, error=ERROR, next_at=due)
    journal.add("activity_completed", 1, 10, attempt=2, value=1)
    [step] = fold(journal.events)
    spans = [
        (bar.kind, (bar.start - NOW).total_seconds(), (bar.end - NOW).total_seconds())
        for bar in timeline.bars(step, NOW)
    ]
    assert spans == [("busy", 0, 2), ("back-off", 2, 6), ("busy", 6, 10)]


def test_what_has_not_ended_goes_on_to_now() -> None:
    """An attempt under way, a back-off, a wait and a child."""
    journal = Journal()
    journal.add("activity_scheduled", 1, 0, name="a:b", args=[])
    journal.add("child_started", 2, 0, name="a:c", args=[])
    journal.add("signal_awaited", 3, 0, name="go")
    now = NOW + timedelta(seconds=9)
    assert [timeline.bars(step, now)[-1].end for step in fold(journal.events)] == [now] * 3


def test_zooming_keeps_the_moment_and_the_limits() -> None:
    """Half the time around the cursor; twice as much never goes beyond all there is."""
    limits = timeline.Window(NOW, NOW + timedelta(seconds=100))
    at = NOW + timedelta(seconds=40)
    closer = limits.around(at, 0.5, limits)
    assert closer == timeline.Window(NOW + timedelta(seconds=20), NOW + timedelta(seconds=70))
    assert closer.around(at, 4, limits) == limits


def test_the_nearest_event_of_a_step() -> None:
    """What the cursor on the axis shows."""
    step = fold(charged().events)[2]
    assert timeline.nearest(step, NOW + timedelta(seconds=2.4)).type == "activity_attempt_failed"
    assert timeline.nearest(step, NOW + timedelta(days=9)).type == "activity_completed"
