"""One run, live: its facts, and a tab for each way to look at it."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from console import actions
from console.dialogs.partner import PartnerDialog
from console.dialogs.value import ValueDialog
from console.journal_feed import JournalFeed
from console.messages import OpenRun
from console.panes.diff import DiffPane
from console.panes.family import FamilyPane
from console.panes.history import HistoryList, HistoryPane
from console.panes.pane import Pane
from console.panes.timeline import TimelinePane
from console.panes.values import ValuesPane
from console.panes.waits import WaitsPane
from console.present import facts
from console.present.plain import short_id, short_name
from console.screens.acting import ActingScreen
from console.session import Session
from console.widgets.bars import palette_of
from console.widgets.find_line import FindLine
from console.widgets.tab_line import TabLine
from continuum.model import HistoryEvent, Run, WaitNode


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run, what it waits for, its children, and what the tab in view read.

    Attributes:
        show: puts the part of the tab on screen.
    """

    run: Run
    at: datetime
    chain: WaitNode | None
    children: Mapping[str, int]
    pane: Pane
    show: Callable[[], None]


class RunScreen(ActingScreen[Loaded]):
    """Facts at the left (on top when narrow), tabs at the right."""

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
        self._at: datetime | None = None
        self._chain: WaitNode | None = None
        self._children: Mapping[str, int] = {}
        self._feed = JournalFeed(lambda: session.source.run_reads, run_id)
        self.history_pane = HistoryPane(session, run_id, self._feed)
        self.family_pane = FamilyPane(session, run_id)
        self.waits_pane = WaitsPane(session, run_id)
        self.values_pane = ValuesPane(session, run_id)
        self.diff_pane = DiffPane(session, run_id)
        self.timeline_pane = TimelinePane(session, run_id, self._feed, self.history_pane)
        self.panes: tuple[Pane, ...] = (
            self.history_pane,
            self.timeline_pane,
            self.values_pane,
            self.family_pane,
            self.waits_pane,
            self.diff_pane,
        )
        self.pane: Pane = self.history_pane

    @property
    def crumb(self) -> str:
        """The run, in short."""
        return short_id(self.run_id)

    def body(self) -> ComposeResult:
        """Facts beside or above the tabs."""
        yield Static(id="brief")
        with Horizontal(id="body"):
            with VerticalScroll(id="facts") as pane:
                pane.border_title = Content(f"run {short_id(self.run_id)}")
                yield Static(id="facts-text")
            with Vertical(id="tabs"):
                yield TabLine([pane.tab for pane in self.panes])
                with ContentSwitcher(initial=self.pane.id):
                    yield from self.panes
                yield FindLine()

    def on_mount(self) -> None:
        """Every pane gets its colours."""
        for pane in self.panes:
            pane.paint(palette_of(self))

    @property
    def history(self) -> HistoryList:
        """The rows of the history."""
        return self.history_pane.list

    @property
    def events(self) -> tuple[HistoryEvent, ...]:
        """What is held of the journal."""
        return self._feed.window.events

    # reading

    async def load(self) -> Loaded:
        """The run, and what the tab in view needs."""
        source = self.session.source
        await self.know_server()
        pane = self.pane
        run = await source.run(self.run_id)
        shown = await pane.read(run)
        children = await source.run_reads.child_counts(self.run_id)
        chain = None if run.state.terminal else await source.run_reads.wait_chain(self.run_id)
        return Loaded(run, self._read_at(run), chain, children, pane, shown)

    def _read_at(self, run: Run) -> datetime:
        """A live run's duration ends when it was read; an ended one's says nothing about now."""
        if not run.state.terminal:
            self.session.saw_time(run.started_at + run.duration)
        return self.session.database_time() or run.updated_at

    def show(self, loaded: Loaded) -> None:
        """Facts and the tab."""
        self.run_shown, self._at = loaded.run, loaded.at
        self._chain, self._children = loaded.chain, loaded.children
        loaded.pane.present(loaded.run, loaded.at)
        loaded.show()
        self.recovered()
        self._redraw()

    def on_pane_hungry(self) -> None:
        """The tab in view has more to read."""
        self.live.refresh()

    def on_pane_said(self, message: Pane.Said) -> None:
        """Something went wrong in a tab, or is worth knowing."""
        self.toast(message.text, "warning")

    def dim(self, stale: bool) -> None:
        """Old data stays, dimmed."""
        for pane in self.panes:
            pane.dim(stale)

    def run_in_view(self) -> Run | None:
        """This run."""
        return self.run_shown

    def palette_changed(self) -> None:
        """Another theme."""
        for pane in self.panes:
            pane.paint(palette_of(self))
        self.query_one(TabLine).refresh()
        self._redraw()

    # drawing

    def _redraw(self) -> None:
        if self.run_shown is None or self._at is None:
            return
        palette = palette_of(self)
        seen = facts.Seen(self.run_shown, self._at, self._chain, self._children)
        brief = facts.brief(seen, palette)
        width = max(10, self.size.width - 4)
        for line in brief:
            line.truncate(width, overflow="ellipsis")
        self.query_one("#brief", Static).update(Text("\n").join(brief))
        pane = self.query_one("#facts").scrollable_content_region.width
        shown = facts.facts(seen, palette, pane or 100)
        self.query_one("#facts-text", Static).update(Text("\n").join(shown))

    def on_resize(self) -> None:
        """The brief lines are cut to the width."""
        self.call_after_refresh(self._redraw)

    # tabs

    def go_to(self, pane: Pane) -> None:
        """Show another tab, and read for it."""
        self.pane = pane
        self.query_one(ContentSwitcher).current = pane.id
        self.query_one(TabLine).choose(self.panes.index(pane))
        if self.run_shown is not None and self._at is not None:
            pane.present(self.run_shown, self._at)
        self.focus_body()
        self.update_bars()
        self.live.refresh()

    def focus_body(self) -> None:
        """The keys go to the tab in view."""
        self.set_focus(next(iter(self.pane.query("*:can-focus").results()), None))

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        """A tab was clicked."""
        self.go_to(self.panes[event.index])

    def do_next_tab(self) -> None:
        """To the right, and around."""
        self.go_to(self.panes[(self.panes.index(self.pane) + 1) % len(self.panes)])

    def do_previous_tab(self) -> None:
        """To the left, and around."""
        self.go_to(self.panes[self.panes.index(self.pane) - 1])

    # actions

    def unavailable(self, name: str) -> str | None:
        """Some keys have a meaning in some tabs only."""
        if refused := super().unavailable(name):
            return refused
        if name == "find" and not self.pane.finds:
            return f"nothing to look through in {self.pane.tab}"
        if name == "find_next" and self.pane is not self.values_pane:
            return "only in the values"
        if name == "failures" and self.pane not in (self.history_pane, self.family_pane):
            return f"failures are told apart in history and family, not in {self.pane.tab}"
        if name in ("closer", "wider") and self.pane is not self.timeline_pane:
            return "only in the timeline"
        if name == "follow" and self.pane is not self.history_pane:
            return "only in the history"
        if name == "open_run" and self.pane.run_under_cursor() is None:
            return "no other run under the cursor"
        if name == "parent" and (self.run_shown is None or self.run_shown.parent_id is None):
            return "no run started this one"
        return self.pane.refusal(name)

    def do_expand(self) -> None:
        """What is under the cursor."""
        self.pane.enter()

    def do_find(self) -> None:
        """Type the words; nothing is read meanwhile."""
        self.live.suspend()
        self.query_one(FindLine).open(self.pane.words)

    def on_find_line_closed(self, event: FindLine.Closed) -> None:
        """Look for them."""
        self.live.resume()
        self.focus_body()
        if event.words is not None:
            self.pane.find(event.words)

    def do_failures(self) -> None:
        """Only what failed."""
        if self.pane is self.family_pane:
            self.family_pane.toggle_failures()
        else:
            self.history_pane.toggle_failures()

    def do_closer(self) -> None:
        """Half as much time."""
        self.timeline_pane.zoom(0.5)

    def do_wider(self) -> None:
        """Twice as much time."""
        self.timeline_pane.zoom(2.0)

    def do_find_next(self) -> None:
        """On to the next place."""
        self.values_pane.find_next()

    def do_compare(self) -> None:
        """Name the other run."""
        self.app.push_screen(PartnerDialog(), self._compare_with)

    def _compare_with(self, run_id: UUID | None) -> None:
        if run_id is not None:
            self.diff_pane.choose(run_id)
            self.go_to(self.diff_pane)

    def do_waits(self) -> None:
        """The tab with the wait chain."""
        self.go_to(self.waits_pane)

    def do_open_run(self) -> None:
        """On top of this one."""
        if (run_id := self.pane.run_under_cursor()) is not None:
            self.post_message(OpenRun(run_id))

    def do_parent(self) -> None:
        """On top of this one."""
        if self.run_shown is not None and self.run_shown.parent_id is not None:
            self.post_message(OpenRun(self.run_shown.parent_id))

    def do_details(self) -> None:
        """All facts."""
        if self.run_shown is not None and self._at is not None:
            seen = facts.Seen(self.run_shown, self._at, self._chain, self._children)
            name = short_name(self.run_shown.workflow)
            shown = facts.facts(seen, palette_of(self))
            self.app.push_screen(ValueDialog(f"{name} {self.run_id}", shown))

    def do_follow(self) -> None:
        """Switch between the end of the journal and the event under the cursor."""
        self.history_pane.follow()

    def do_back(self) -> None:
        """Undo the filter; else to where we came from, which stands as it was left."""
        if not self.pane.clear():
            self.app.pop_screen()
