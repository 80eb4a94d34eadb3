"""One run: its facts and its journal, live."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, cast
from uuid import UUID

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console import actions
from console.dialogs.value import ValueDialog
from console.present import facts
from console.present.children import Children
from console.present.history import HistoryRows, body
from console.present.plain import short_id, short_name
from console.present.values import pretty
from console.screens.acting import ActingScreen
from console.session import Session
from console.widgets.bars import palette_of
from console.widgets.row_list import RowList
from continuum.model import HistoryEvent, Run

PAGE = 500
MAX_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run and the events that are new since the last look."""

    run: Run
    events: tuple[HistoryEvent, ...]
    at: datetime
    more: bool


class RunScreen(ActingScreen[Loaded]):
    """Facts at the left (on top when narrow), history at the right."""

    action_screen = actions.RUN
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.RUN)
    AUTO_FOCUS = "RowList"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  (typed by Textual)
        (0, "-narrow"),
        (130, "-wide"),
        (180, "-xwide"),
    ]

    def __init__(self, session: Session, run_id: UUID) -> None:
        super().__init__(session)
        self.run_id = run_id
        self.run_shown: Run | None = None
        self.events: tuple[HistoryEvent, ...] = ()
        self._at: datetime | None = None
        self._presenter = HistoryRows()
        self._children = Children()

    @property
    def crumb(self) -> str:
        """The run, in short."""
        return short_id(self.run_id)

    def body(self) -> ComposeResult:
        """Facts beside or above the history."""
        yield Static(id="brief")
        with Horizontal(id="body"):
            with VerticalScroll(id="facts") as pane:
                pane.border_title = Content(f"runs / {short_id(self.run_id)}")
                yield Static(id="facts-text")
            yield RowList[HistoryEvent](self._presenter, newest="bottom", id="history")

    def on_mount(self) -> None:
        """Stand at the start of the history until told to follow, unless the run is live."""
        self.history.palette = palette_of(self)
        self._title()

    @property
    def history(self) -> RowList[HistoryEvent]:
        """The journal."""
        return cast("RowList[HistoryEvent]", self.query_one("#history"))

    # reading

    async def load(self) -> Loaded:
        """The run, and the next events after those on screen."""
        source = self.session.source
        await self.know_server()
        after = self.events[-1].seq if self.events else None
        limit = min(PAGE, MAX_EVENTS - len(self.events))
        found = tuple(await source.history(self.run_id, after, limit)) if limit > 0 else ()
        run = await source.run(self.run_id)
        return Loaded(run, found, self._read_at(run), limit > 0 and len(found) == limit)

    def _read_at(self, run: Run) -> datetime:
        """A live run's duration ends when it was read; an ended one's says nothing about now."""
        if not run.state.terminal:
            self.session.saw_time(run.started_at + run.duration)
        return self.session.database_time() or run.updated_at

    def show(self, loaded: Loaded) -> None:
        """Append what is new; read on at once when there is more."""
        self.run_shown, self._at = loaded.run, loaded.at
        if loaded.events:
            for event in loaded.events:
                self._presenter.learn(event)
                self._children.learn(event)
            self.events += loaded.events
            self.history.set_rows(self.events)
        self.recovered()
        self._redraw()
        if loaded.more:
            self.live.refresh()

    def dim(self, stale: bool) -> None:
        """Old events stay, dimmed."""
        self.history.stale = stale

    def run_in_view(self) -> Run | None:
        """This run."""
        return self.run_shown

    def palette_changed(self) -> None:
        """Another theme."""
        self.history.palette = palette_of(self)
        self._presenter.forget_styles()
        self.history.refresh()
        self._redraw()

    # drawing

    def _redraw(self) -> None:
        self._title()
        if self.run_shown is None or self._at is None:
            return
        palette = palette_of(self)
        brief = facts.brief(self.run_shown, self._at, palette, self._children)
        width = max(10, self.size.width - 4)
        for line in brief:
            line.truncate(width, overflow="ellipsis")
        self.query_one("#brief", Static).update(Text("\n").join(brief))
        pane = self.query_one("#facts").scrollable_content_region.width
        shown = facts.facts(self.run_shown, self._at, palette, pane or 100, self._children)
        self.query_one("#facts-text", Static).update(Text("\n").join(shown))

    def _title(self) -> None:
        count = len(self.events)
        name = f"runs / {short_id(self.run_id)} / " if self.has_class("-narrow") else ""
        capped = ", the first" if count >= MAX_EVENTS else ""
        mode = "follows" if self.history.following else "f follows"
        self.history.border_title = Content(f"{name}history{capped} {count:,} · {mode}")

    def on_resize(self) -> None:
        """The brief lines are cut to the width."""
        self.call_after_refresh(self._redraw)

    def on_row_list_moved(self) -> None:
        """Following may have ended."""
        self._title()

    def on_row_list_chosen(self) -> None:
        """A click on the highlighted event opens it."""
        self.do_expand()

    # actions

    def do_expand(self) -> None:
        """The event under the cursor with its whole payload."""
        event = self.history.cursor_row
        if event is not None:
            title = f"{self._presenter.title(event)} · {event.at.isoformat()}"
            self.app.push_screen(ValueDialog(title, pretty(body(event), palette_of(self))))

    def do_details(self) -> None:
        """All facts."""
        if self.run_shown is not None and self._at is not None:
            shown = facts.facts(self.run_shown, self._at, palette_of(self), children=self._children)
            name = short_name(self.run_shown.workflow)
            self.app.push_screen(ValueDialog(f"{name} {self.run_id}", shown))

    def do_follow(self) -> None:
        """Switch between the end of the journal and the event under the cursor."""
        if self.history.following:
            self.history.hold()
        else:
            self.history.follow_newest()
        self._title()

    def do_back(self) -> None:
        """To the list, which stands as it was left."""
        self.app.pop_screen()
