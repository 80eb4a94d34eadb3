"""The operator journal: who did what to which run, when, why, and what came of it."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from console import actions
from console.acts_query import ActsQuery
from console.acts_source import MOST_ACTS, ActsPage, extended, known, refreshed
from console.dialogs.value import ValueDialog
from console.messages import OpenRun
from console.present import acts
from console.present.notices import explain
from console.present.plain import one_line
from console.refresh import Trouble
from console.screens.copying import CopyingScreen
from console.session import Session
from console.widgets.bars import palette_of
from console.widgets.cell_list import CellList
from console.widgets.filter_line import FilterLine
from console.widgets.problem_line import ProblemLine
from console.yank import Copyable, act_json
from continuum.errors import ContinuumError, DatabaseUnavailable
from continuum.operators.acts import OperatorAct


@dataclass(frozen=True, slots=True)
class Entries:
    """A page together with the filter it answers, and whether it is the next one of it."""

    query: ActsQuery
    page: ActsPage
    further: bool


class JournalScreen(CopyingScreen[Entries]):
    """Entries newest first; `Enter` opens the run that was acted upon."""

    action_screen = actions.JOURNAL
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.JOURNAL)
    AUTO_FOCUS = "CellList"
    interval = 5.0

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.acts_query = ActsQuery()
        self.page: ActsPage | None = None
        self._good = (self.acts_query, self.page)
        self._further = False
        self._rows = acts.ActRows(datetime.now(UTC))

    @property
    def scope(self) -> str | None:
        """That of the filter."""
        return self.acts_query.namespace

    def body(self) -> ComposeResult:
        """The filter above the entries."""
        yield FilterLine(lambda: known(self.list.rows))
        yield CellList[OperatorAct](self._rows, id="acts")

    def on_mount(self) -> None:
        """Its colours."""
        self.list.palette = palette_of(self)
        self._redraw()

    @property
    def list(self) -> CellList[OperatorAct]:
        """The entries."""
        return cast("CellList[OperatorAct]", self.query_one("#acts"))

    # reading

    async def load(self) -> Entries:
        """The newest entries again, or the next page."""
        await self.know_server()
        query, held, source = self.acts_query, self.page, self.session.source.acts
        if self._further and held is not None and held.cursor is not None:
            self._further = False
            return Entries(query, await source.page(query, held.cursor), further=True)
        return Entries(query, await source.page(query), further=False)

    def show(self, loaded: Entries) -> None:
        """Swap the rows, unless the filter has changed meanwhile."""
        if loaded.query != self.acts_query:
            return
        held = self.page
        if loaded.further and held is not None:
            self.page = extended(held, loaded.page)
        else:
            self.page = refreshed(loaded.query, held, loaded.page)
        self._good = (loaded.query, self.page)
        self._rows.now = loaded.page.at
        self.session.saw_time(loaded.page.at)
        self.list.set_rows(self.page.entries)
        self.recovered()
        self._redraw()

    def fail(self, trouble: Trouble) -> None:
        """A filter that the library refuses goes back to its line."""
        good, page = self._good
        refused = isinstance(trouble.error, ContinuumError) and not isinstance(
            trouble.error, DatabaseUnavailable
        )
        if refused and self.acts_query != good:
            text = self.acts_query.text
            self.ask(good)
            self.page = page
            self.list.set_rows(() if page is None else page.entries)
            self._redraw()
            self.live.trouble = None
            self.live.suspend()
            line = self.query_one(FilterLine)
            line.open(text)
            # The new text is told to the line a moment later, which would clear the problem.
            problem = line.query_one(ProblemLine)
            self.call_after_refresh(problem.say, explain(trouble.error), None)
            return
        super().fail(trouble)
        self._redraw()

    def dim(self, stale: bool) -> None:
        """Old entries stay, dimmed."""
        self.list.stale = stale

    def palette_changed(self) -> None:
        """Another theme."""
        self.list.palette = palette_of(self)
        self._redraw()

    def _redraw(self) -> None:
        rows, page = self.list, self.page
        held = None if page is None else len(page.entries)
        more = page is not None and page.cursor is not None
        title = acts.heading(self.acts_query, held, more=more)
        if held is not None and more and held >= MOST_ACTS:
            title += " · narrow the filter"
        rows.border_title = Content(title)
        follow = actions.key("follow", actions.JOURNAL)
        told = (
            f"following the newest · {follow} holds"
            if rows.following
            else f"{follow} follows the newest"
        )
        rows.border_subtitle = Content(told)
        rows.show_blank(None if held else self._blank())
        self.query_one(FilterLine).show_query(self.acts_query)

    def _blank(self) -> Text:
        """Why there are no entries."""
        palette = palette_of(self)
        if self.page is not None:
            return acts.empty(self.acts_query, palette)
        failed = self.live.trouble is not None
        words = "nothing could be read yet" if failed else "reading the journal…"
        return Text(words, palette.muted, justify="center")

    # asking

    def ask(self, query: ActsQuery) -> None:
        """Another filter: drop the old entries, read at once."""
        if query == self.acts_query:
            return
        self.acts_query = query
        self.page = None
        self._further = False
        self.list.await_rows()
        self.live.restart()
        self._redraw()
        self.update_bars()

    def on_row_list_near_end(self) -> None:
        """Read one page more, up to the cap."""
        page = self.page
        if page is not None and page.cursor is not None and len(page.entries) < MOST_ACTS:
            self._further = True
            self.live.refresh()

    def on_row_list_moved(self) -> None:
        """Other keys may do something now."""
        self._redraw()
        self.update_bars()

    async def on_row_list_chosen(self) -> None:
        """A click on the highlighted row."""
        await self.action_perform("open")

    def on_filter_line_wanted(self) -> None:
        """A click on it."""
        self.call_later(self.action_perform, "filter")

    def on_filter_line_asked(self, event: FilterLine.Asked) -> None:
        """Another filter."""
        self._leave_line()
        self.ask(event.query)

    def on_filter_line_closed(self) -> None:
        """As before."""
        self._leave_line()

    def _leave_line(self) -> None:
        self.live.resume()
        self.focus_body()

    def focus_body(self) -> None:
        """The list, also when it has no entries."""
        self.list.focus()

    # actions

    def unavailable(self, name: str) -> str | None:
        """Most of it needs an entry under the cursor."""
        entry, column = self.list.cursor_row, self.list.cursor_column
        if name in ("open", "entry", "only") and entry is None:
            return "no entry under the cursor"
        if name == "open" and entry is not None and entry.run_id is None:
            shows = actions.key("entry", actions.JOURNAL)
            return f"it was not done to one run: {shows} shows all of it"
        if name == "only" and entry is not None:
            told = None if column is None else acts.meaning(entry, column.name)
            return None if told is not None else "this cell is no filter: → goes to another"
        if name == "drop_part" and not self.acts_query.text:
            return "there is no filter"
        return super().unavailable(name)

    def do_open(self) -> None:
        """The run that was acted upon."""
        entry = self.list.cursor_row
        if entry is not None and entry.run_id is not None:
            self.list.hold()
            self.post_message(OpenRun(entry.run_id))

    def do_entry(self) -> None:
        """All that is recorded."""
        entry = self.list.cursor_row
        if entry is not None:
            self.list.hold()
            title = f"{one_line(entry.act, 40)} by {one_line(entry.operator, 40)}"
            shown = acts.in_full(entry, self._rows.now, palette_of(self))
            self.app.push_screen(ValueDialog(title, shown))

    def do_filter(self) -> None:
        """Edit it; nothing is read meanwhile."""
        self.live.suspend()
        self.query_one(FilterLine).open(self.acts_query.text)

    def do_only(self) -> None:
        """Only entries like the cell under the cursor."""
        entry, column = self.list.cursor_row, self.list.cursor_column
        told = None if entry is None or column is None else acts.meaning(entry, column.name)
        if told is not None:
            self.ask(self.acts_query.with_part(*told))

    def do_drop_part(self) -> None:
        """Take the last part out of the filter."""
        self.ask(self.acts_query.without_last())

    def do_clear(self) -> None:
        """Every entry."""
        self.ask(ActsQuery())

    def do_follow(self) -> None:
        """Switch between following the newest and holding the cursor."""
        if self.list.following:
            self.list.hold()
        else:
            self.list.follow_newest()
        self._redraw()

    def copyables(self) -> list[Copyable]:
        """Of the entry under the cursor, and of the filter."""
        entry = self.list.cursor_row
        run = None if entry is None or entry.run_id is None else str(entry.run_id)
        return [
            Copyable("i", "run id", run),
            Copyable("j", "JSON", None if entry is None else act_json(entry), ".json"),
            Copyable("q", "filter", self.acts_query.text or None),
            Copyable("u", "command", self.acts_query.command),
        ]
