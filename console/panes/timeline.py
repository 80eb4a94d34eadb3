"""The timeline of a run: the steps that are held of its journal, to scale."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import ClassVar
from uuid import UUID

from rich.text import Text
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from console.journal_feed import JournalFeed
from console.journal_window import Want
from console.panes.history import HistoryPane, child_of
from console.panes.pane import Pane
from console.present import ages
from console.present.step_rows import shape
from console.present.steps import EVENT
from console.session import Session
from console.themes import Palette
from console.widgets.bars import palette_of
from console.widgets.timeline_view import TimelineView
from continuum.model import Run

MOST_STEPS = 2_000
"""Steps that are drawn; of a longer journal the newest."""


class TimelinePane(Pane):
    """It shows what the history holds; `z` and `Z` change how much time is in view."""

    tab: ClassVar[str] = "timeline"

    def __init__(
        self, session: Session, run_id: UUID, feed: JournalFeed, history: HistoryPane
    ) -> None:
        super().__init__(session, run_id)
        self.feed = feed
        self._history = history
        self._now: datetime | None = None

    def compose(self) -> ComposeResult:
        """The view, and below it what is under the cursor."""
        yield TimelineView(id="timeline")
        yield Static(id="timeline-event")

    @property
    def view(self) -> TimelineView:
        """The bars."""
        return self.query_one(TimelineView)

    async def read(self, run: Run) -> Callable[[], None]:
        """What is new, or all of a short journal."""
        del run
        return partial(self._show, await self.feed.read())

    def _show(self, took: Callable[[], bool]) -> None:
        if took():
            self._history.fill()
        window = self.feed.window
        self.view.set_steps(self.feed.steps[-MOST_STEPS:], self._now)
        if not window.at_start and len(self.feed.steps) < MOST_STEPS // 4:
            self.feed.want = Want.OLDER
            self.post_message(self.Hungry())
        self._title()

    def _title(self) -> None:
        window = self.feed.window
        parts = ["timeline"]
        if self.feed.filtered:
            parts.append("only what the history was filtered for")
        if not (window.at_start and window.attached):
            parts.append(f"events {window.first:,}-{window.last:,} of {window.newest:,}")
        shown = self.view.window
        if shown is not None:
            seconds = (shown.end - shown.start).total_seconds()
            parts.append(f"{ages.duration(seconds)}{', Z shows more' if self.view.zoomed else ''}")
        self.view.border_title = Content(" · ".join(parts))

    def present(self, run: Run, at: datetime) -> None:
        """What has not ended goes on to now."""
        super().present(run, at)
        self._now = None if run.state.terminal else at

    def paint(self, palette: Palette) -> None:
        """All anew."""
        self.view.palette = palette
        self.view.refresh()
        self._describe()

    def dim(self, stale: bool) -> None:
        """Old rows stay, dimmed."""
        self.view.stale = stale

    def on_timeline_view_moved(self) -> None:
        """Say what is under the cursor."""
        self._describe()
        self._title()

    def _describe(self) -> None:
        event, step = self.view.event, self.view.step
        if event is None or step is None:
            return
        palette = palette_of(self)
        started = self.run.started_at if self.run is not None else event.at
        line = Text(f"{ages.clock(event.at)} ", palette.muted, no_wrap=True, overflow="ellipsis")
        line.append(f"+{ages.duration((event.at - started).total_seconds())} ", palette.faint)
        glyph, words, tone = shape(step)
        stands = "" if step.kind == EVENT else f"{step.outcome} "  # an event says it itself
        line.append(f"{glyph} {words} {stands}", getattr(palette, tone))
        if (lasted := step.lasted) is not None:
            line.append(f"{ages.duration(lasted.total_seconds())} ", palette.text)
        second = Text(f"{self.feed.names.title(event)} ", palette.text, no_wrap=True)
        second.append_text(self.feed.names.detail(event, palette))
        second.overflow = "ellipsis"
        self.query_one("#timeline-event", Static).update(Text("\n").join([line, second]))

    def on_timeline_view_chosen(self) -> None:
        """A second click on the same place."""
        self.enter()

    def enter(self) -> None:
        """The payload of the event under the cursor."""
        if (event := self.view.event) is not None:
            self._history.show_payload(event)

    def zoom(self, factor: float) -> None:
        """More or less time."""
        self.view.zoom(factor)
        self._title()

    def clear(self) -> bool:
        """All the time there is."""
        if not self.view.zoomed:
            return False
        self.view.show_all()
        return True

    def run_under_cursor(self) -> UUID | None:
        """The child of the step."""
        return None if self.view.step is None else child_of(self.view.step.head)
