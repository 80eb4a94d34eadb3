"""The history of a run: folded steps, read from either end, filtered, unfolded one by one."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime
from functools import partial
from typing import ClassVar, cast
from uuid import UUID

from textual.app import ComposeResult
from textual.content import Content

from console.dialogs.value import ValueDialog
from console.journal_feed import JournalFeed
from console.journal_window import Want
from console.panes.pane import Pane
from console.present.history import body
from console.present.plain import one_line
from console.present.shapes import is_object
from console.present.step_rows import HistoryRow, StepRows, rows_of
from console.present.values import pretty
from console.session import Session
from console.themes import Palette
from console.widgets.bars import palette_of
from console.widgets.row_list import RowList
from continuum.model import HistoryEvent, Run


class HistoryList(RowList[HistoryRow]):
    """The rows; `g` and `G` mean the ends of the journal, not of what is held of it."""

    class Edge(RowList.Moved):
        """Go to the start (0) or the end (1) of the journal."""

        def __init__(self, end: int) -> None:
            self.end = end
            super().__init__()

    def action_edge(self, end: int) -> None:
        """Tell the pane, which may have to read first."""
        super().action_edge(end)
        self.post_message(self.Edge(end))

    def to_edge(self, end: int) -> None:
        """The first or the last row that is held."""
        super().action_edge(end)


class HistoryPane(Pane):
    """One journal, shared with the timeline."""

    tab: ClassVar[str] = "history"
    finds: ClassVar[bool] = True

    def __init__(self, session: Session, run_id: UUID, feed: JournalFeed) -> None:
        super().__init__(session, run_id)
        self.feed = feed
        self._rows = StepRows(feed.names)
        self._unfolded: set[Hashable] = set()
        self._to_edge: int | None = None

    def compose(self) -> ComposeResult:
        """Only the list."""
        yield HistoryList(self._rows, newest="bottom", id="history")

    @property
    def list(self) -> HistoryList:
        """The rows."""
        return cast("HistoryList", self.query_one("#history"))

    # reading

    async def read(self, run: Run) -> Callable[[], None]:
        """The next page, wherever it is wanted."""
        del run
        took = await self.feed.read()
        return partial(self._show, took)

    def _show(self, took: Callable[[], bool]) -> None:
        if took():
            self.fill()
        if self._to_edge is not None:
            self.list.to_edge(self._to_edge)
            self._to_edge = None
        self.title()
        self._read_on()

    def fill(self) -> None:
        """Put the steps that are held on screen."""
        self.list.set_rows(rows_of(self.feed.steps, self._unfolded))

    def _read_on(self) -> None:
        """Read more while less than a screen is held before the cursor, or what follows is cut."""
        window, rows = self.feed.window, self.list
        room = 2 * max(1, rows.size.height)
        if rows.following and not window.attached:
            self._want(Want.END)
        elif not window.at_start and (len(rows.rows) < room or rows.scroll_offset.y < room // 2):
            self._want(Want.OLDER)
        elif not window.attached and rows.scroll_offset.y + room >= len(rows.rows):
            self._want(Want.NEWER)

    def _want(self, want: Want) -> None:
        if self.feed.window.next_span(want) is not None:
            self.feed.want = want
            self.post_message(self.Hungry())

    def on_row_list_near_end(self) -> None:
        """The last rows that are held come into view."""
        if not self.feed.window.attached:
            self._want(Want.NEWER)

    def on_row_list_near_start(self) -> None:
        """The first ones do."""
        if not self.feed.window.at_start:
            self._want(Want.OLDER)

    def on_history_list_edge(self, event: HistoryList.Edge) -> None:
        """Read the end of the journal that was asked for, unless it is held."""
        want = Want.END if event.end else Want.START
        held = self.feed.window.attached if event.end else self.feed.window.at_start
        if not held:
            self._to_edge = event.end
            self._want(want)

    # what is shown

    def present(self, run: Run, at: datetime) -> None:
        """Times count from the start of the run."""
        super().present(run, at)
        self.feed.names.started = run.started_at
        self._rows.now = None if run.state.terminal else at
        self.list.refresh()

    def paint(self, palette: Palette) -> None:
        """All details anew."""
        self.list.palette = palette
        self.feed.names.forget_styles()
        self.list.refresh()

    def dim(self, stale: bool) -> None:
        """Old rows stay, dimmed."""
        self.list.stale = stale

    def title(self) -> None:
        """How much is held of how much, and what is left out."""
        window, feed = self.feed.window, self.feed
        held = f"{window.first:,}-{window.last:,} of {max(window.newest, window.last):,}"
        if window.at_start and window.attached:
            held = f"{window.last:,}"
        parts = [f"history {held}"]
        if feed.filtered:
            what = [f'"{one_line(feed.words, 40)}"'] if feed.words else []
            what += ["failures"] if feed.failures else []
            parts.append(f"{' and '.join(what)}: {len(feed.steps):,} found, Esc clears")
        parts.append("follows" if self.list.following else "f follows")
        self.list.border_title = Content(" · ".join(parts))

    def on_row_list_moved(self) -> None:
        """Following may have ended."""
        self.title()

    def on_row_list_chosen(self) -> None:
        """A click on the highlighted row."""
        self.enter()

    # acting

    def enter(self) -> None:
        """Unfold a step, fold it, or show the payload of an event."""
        row = self.list.cursor_row
        if row is None:
            return
        if row.event is None and len(row.step.events) > 1:
            self._unfolded ^= {row.step.key}
            self.list.hold()
            self.fill()
            self.title()
        else:
            self.show_payload(row.event or row.step.head)

    def show_payload(self, event: HistoryEvent) -> None:
        """The whole event; what was left in the store is fetched first."""
        self.run_worker(self._payload(event), group="payload", exclusive=True, exit_on_error=False)

    async def _payload(self, event: HistoryEvent) -> None:
        try:
            whole = await self.feed.whole(event)
        except Exception as error:
            self.post_message(self.Said(f"cannot read the payload: {error}"))
            return
        title = f"{self.feed.names.title(event)} · {event.at.isoformat()}"
        self.app.push_screen(ValueDialog(title, pretty(body(whole), palette_of(self))))

    def follow(self) -> None:
        """Switch between the end of the journal and the row under the cursor."""
        if self.list.following:
            self.list.hold()
        else:
            self.list.follow_newest()
            self._read_on()
        self.title()

    def find(self, words: str) -> None:
        """Only steps with these words."""
        self._search(words, failures=self.feed.failures)

    def toggle_failures(self) -> None:
        """Only what failed, or everything again."""
        self._search(self.feed.words, failures=not self.feed.failures)

    def _search(self, words: str, *, failures: bool) -> None:
        self.feed.search(words, failures=failures)
        self.list.following = True
        self.fill()
        self.title()
        self.post_message(self.Hungry())

    @property
    def words(self) -> str:
        """What was looked for."""
        return self.feed.words

    def clear(self) -> bool:
        """All steps again."""
        if not self.feed.filtered:
            return False
        self._search("", failures=False)
        return True

    def show_event(self, seq: int) -> None:
        """Put the cursor on the step that an event belongs to."""
        for index, row in enumerate(self.list.rows):
            if any(event.seq == seq for event in row.step.events):
                self.list.to_row(index)
                return

    def run_under_cursor(self) -> UUID | None:
        """The child of the step."""
        row = self.list.cursor_row
        return None if row is None else child_of(row.step.head)


def child_of(event: HistoryEvent) -> UUID | None:
    """The run that an event of a child names."""
    found = body(event)
    if not event.type.startswith("child_") or not is_object(found):
        return None
    try:
        return UUID(str(found.get("run_id")))
    except ValueError:
        return None
