"""What is held of a journal: walks over it never lose, repeat or reorder an event."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from console.journal_window import MOST_EVENTS, PAGE, JournalWindow, Want
from console.run_source import Span
from console.sample import NOW
from console.sample_journals import stored
from continuum.model import HistoryEvent

wants = st.lists(st.sampled_from(list(Want)), max_size=60)
EVENTS = [HistoryEvent(seq, 1, "side_effect", seq, stored({}), NOW) for seq in range(1, 12_001)]


def page(length: int, span: Span) -> list[HistoryEvent]:
    """What a store answers for a journal of that length."""
    end = length if span.before is None else min(length, span.before - 1)
    held = EVENTS[span.after : end]
    return held[-span.limit :] if span.newest else held[: span.limit]


def advanced(window: JournalWindow, want: Want, length: int) -> JournalWindow:
    """The window after one read."""
    span = window.next_span(want)
    return window if span is None else window.with_page(span, page(length, span))


@settings(deadline=None)
@given(st.integers(0, 12_000), wants, st.data())
def test_a_window_is_always_a_true_stretch(
    length: int, asked: list[Want], data: st.DataObject
) -> None:
    """Contiguous, bounded, and right about whether it reaches the ends, while the journal grows."""
    window = JournalWindow()
    for want in asked:
        length = min(12_000, length + data.draw(st.sampled_from([0, 0, 1, PAGE + 3])))
        window = advanced(window, want, length)
        seqs = [event.seq for event in window.events]
        assert len(seqs) <= MOST_EVENTS
        if seqs:
            assert seqs == list(range(window.first, window.last + 1))
            assert window.last <= window.newest <= length
            assert window.at_start == (seqs[0] == 1)
        if window.attached:
            assert window.last == length or want in (Want.OLDER, Want.START)


def test_either_end_is_one_read_away() -> None:
    """Of 12,000 events, wherever the window is."""
    window = advanced(JournalWindow(), Want.FRESH, 12_000)
    assert (window.first, window.last, window.attached) == (12_001 - PAGE, 12_000, True)
    window = advanced(window, Want.START, 12_000)
    assert (window.first, window.last, window.newest) == (1, PAGE, 12_000)
    assert not window.attached
    window = advanced(window, Want.END, 12_000)
    assert (window.first, window.last, window.attached) == (12_001 - PAGE, 12_000, True)


def test_scrolling_far_lets_go_of_the_other_end() -> None:
    """So that a long look back does not hold the whole journal."""
    window = advanced(JournalWindow(), Want.FRESH, 12_000)
    for _ in range(40):
        window = advanced(window, Want.OLDER, 12_000)
    assert len(window.events) == MOST_EVENTS
    assert window.first == 12_001 - 41 * PAGE
    assert not window.attached
    assert window.next_span(Want.FRESH) is None


def test_what_is_dropped_does_not_move_the_stretch() -> None:
    """A filter keeps some events of what was read, and reading goes on beyond it."""
    window = advanced(JournalWindow(), Want.FRESH, 1_000).keeping(lambda event: event.seq == 900)
    window = advanced(window, Want.OLDER, 1_000)
    assert (window.first, window.last) == (1_001 - 2 * PAGE, 1_000)
    assert [event.seq for event in window.events][-1] == 900
