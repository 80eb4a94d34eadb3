"""A run's journal as the Run screen holds it: read in pages, folded, filtered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from console.journal_window import PAGE, JournalWindow, Want
from console.present.history import HistoryRows
from console.present.step_rows import matches
from console.present.steps import Step, fold
from console.run_source import LARGEST_PAYLOAD, RunReads, Span
from continuum.model import HistoryEvent


class JournalFeed:
    """One journal.

    Attributes:
        window: what is held.
        want: where to read next.
        words: what must be in a step, casefolded; empty for all.
        failures: whether only steps that failed, or an attempt of which did, are shown.
        names: how single events look.
    """

    def __init__(self, reads: Callable[[], RunReads], run_id: UUID) -> None:
        self.window = JournalWindow()
        self.want = Want.FRESH
        self.words = ""
        self.failures = False
        self.names = HistoryRows()
        self._reads = reads
        self._run_id = run_id
        self._span: Span | None = None
        self._steps: list[Step] | None = None
        self._acts: dict[tuple[int, datetime, str], HistoryEvent] = {}

    @property
    def filtered(self) -> bool:
        """Whether steps are left out."""
        return bool(self.words) or self.failures

    @property
    def steps(self) -> list[Step]:
        """The steps of what is held, without those that are filtered out."""
        if self._steps is None:
            found = fold(self._entries())
            self._steps = [step for step in found if self._shows(step)]
        return self._steps

    def _entries(self) -> list[HistoryEvent]:
        """The events that are held, and what operators did among them, each where it stands."""
        window = self.window
        first = 0 if window.at_start else window.first
        acts = [act for act in self._acts.values() if first <= act.seq <= window.last]
        if not acts:
            return list(window.events)
        return sorted([*window.events, *acts], key=_place)

    def _shows(self, step: Step) -> bool:
        if self.failures and not step.failing:
            return False
        return not self.words or matches(step, self.words)

    async def read(self) -> Callable[[], bool]:
        """Read where `want` says.

        Returns:
            What takes the page in; it answers whether anything changed.
        """
        span = self._span or self.window.next_span(self.want)
        if span is None:
            return partial(self._take, None, (), ())
        asked = span
        if span.after:  # what operators did behind the last event comes with that event
            asked = replace(span, after=span.after - 1, limit=span.limit + 1)
        found = await self._reads().events(self._run_id, asked)
        acts = [event for event in found if event.operator is not None]
        page = [event for event in found if event.operator is None and event.seq > span.after]
        return partial(self._take, span, page, acts)

    def _take(
        self, span: Span | None, page: Sequence[HistoryEvent], acts: Sequence[HistoryEvent]
    ) -> bool:
        self.want, self._span = Want.FRESH, None
        if span is None:
            return False
        known = len(self._acts)
        self._acts.update({(act.seq, act.at, act.type): act for act in acts})
        before, self.window = self.window, self.window.with_page(span, page)
        for event in page:
            self.names.learn(event)
        if self.window.events == before.events and before.first and known == len(self._acts):
            return self.window != before
        self._steps = None
        if self.filtered:
            self._drop()
        return True

    def _drop(self) -> None:
        """Let go of what the filter leaves out, so that a whole journal can be searched.

        A step that is not known from its beginning to its end may still match.
        """
        found = fold(self._entries())
        self._steps = [step for step in found if self._shows(step)]
        shown = {id(step) for step in self._steps}
        kept = {
            event.seq
            for step in found
            if id(step) in shown or not (step.begun and step.over)
            for event in step.events
            if event.operator is None
        }
        self.window = self.window.keeping(lambda event: event.seq in kept)

    def search(self, words: str, *, failures: bool) -> None:
        """Show only some steps, or all again; what was dropped is read anew, from the end."""
        loosened = self.filtered
        self.words, self.failures = words.casefold(), failures
        self._steps = None
        if loosened:
            self.window, self.want = JournalWindow(newest=self.window.newest), Want.END
        elif self.filtered and self.window.first:
            self._drop()

    def around(self, seq: int) -> None:
        """Read the page in whose middle an event stands."""
        self.window = JournalWindow(newest=self.window.newest)
        self._steps = None
        self._span = Span(max(0, seq - PAGE // 2 - 1), limit=PAGE)

    async def whole(self, event: HistoryEvent) -> HistoryEvent:
        """The event with its payload, unless that is larger than `LARGEST_PAYLOAD`."""
        if event.stored_data.data is not None or event.operator is not None:
            return event
        span = Span(event.seq - 1, limit=1, max_payload=LARGEST_PAYLOAD)
        found = await self._reads().events(self._run_id, span)
        return found[0] if found else event


def _place(event: HistoryEvent) -> tuple[int, bool, datetime]:
    """By seq; what an operator did stands behind the event that has the same."""
    return (event.seq, event.operator is not None, event.at)
