"""The part of a journal that is held: a stretch that grows at either end and is bounded.

Events of a run are numbered 1, 2, 3. A window holds those that are worth showing of a contiguous
stretch; what it should read next, and what a page makes of it, is plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from console.run_source import Span
from continuum.model import HistoryEvent

PAGE: Final = 250
MOST_EVENTS: Final = 5_000
MOST_BYTES: Final = 32 * 1024 * 1024


class Want(Enum):
    """Where to read next."""

    FRESH = auto()
    """What is new at the end, when the window reaches there."""
    OLDER = auto()
    NEWER = auto()
    START = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class JournalWindow:
    """What is held of a journal.

    Attributes:
        events: oldest first; all of the stretch, unless some were dropped by `keeping`.
        first: seq with which the stretch begins; 0 before anything was read.
        last: seq with which it ends.
        attached: whether nothing followed it when the end was last read.
        newest: the largest seq ever seen, so the length of the journal once the end was seen.
    """

    events: tuple[HistoryEvent, ...] = ()
    first: int = 0
    last: int = 0
    attached: bool = False
    newest: int = 0

    @property
    def at_start(self) -> bool:
        """Whether nothing precedes the stretch."""
        return self.first == 1

    def next_span(self, want: Want) -> Span | None:
        """What to read; None when there is nothing there, or it is held already."""
        if self.first == 0:
            return Span(limit=PAGE, newest=want is not Want.START)
        match want:
            case Want.FRESH:
                return Span(self.last, limit=PAGE) if self.attached else None
            case Want.OLDER:
                if self.at_start:
                    return None
                return Span(before=self.first, limit=PAGE, newest=True)
            case Want.NEWER:
                return Span(self.last, limit=PAGE)
            case Want.START:
                return None if self.at_start else Span(limit=PAGE)
            case Want.END:
                if self.attached:
                    return Span(self.last, limit=PAGE)
                return Span(limit=PAGE, newest=True)

    def with_page(self, span: Span, page: Sequence[HistoryEvent]) -> JournalWindow:
        """The window after `span` was read and `page` was the answer."""
        short = len(page) < span.limit
        if self.last and span.after == self.last:
            if not page:
                return replace(self, attached=True)
            last = page[-1].seq
            grown = (*self.events, *page)
            found = replace(
                self, events=grown, last=last, attached=short, newest=max(self.newest, last)
            )
            return found.bounded(keep_end=True)
        if self.first and span.before == self.first:
            first = 1 if short else page[0].seq
            found = replace(self, events=(*page, *self.events), first=first)
            return found.bounded(keep_end=False)
        if not page:
            return JournalWindow(attached=True)
        attached = span.newest and span.before is None
        last = page[-1].seq
        newest = max(self.newest, last)
        return JournalWindow(tuple(page), page[0].seq, last, attached or short, newest)

    def keeping(self, wanted: Callable[[HistoryEvent], bool]) -> JournalWindow:
        """The same stretch with only some of its events."""
        return replace(self, events=tuple(event for event in self.events if wanted(event)))

    def bounded(self, *, keep_end: bool) -> JournalWindow:
        """Without the events at the far end that are too many."""
        kept = _within_bounds(self.events, from_end=keep_end)
        if kept == len(self.events):
            return self
        if keep_end:
            events = self.events[-kept:]
            return replace(self, events=events, first=events[0].seq)
        events = self.events[:kept]
        return replace(self, events=events, last=events[-1].seq, attached=False)


def _within_bounds(events: Sequence[HistoryEvent], *, from_end: bool) -> int:
    """How many events from one end may be held; at least one."""
    held = 0
    for count, event in enumerate(reversed(events) if from_end else events):
        held += len(event.stored_data.data or b"")
        if count and (held > MOST_BYTES or count >= MOST_EVENTS):
            return count
    return len(events)
