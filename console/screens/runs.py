"""The list of runs: the answer to one expression, live."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content

from console import actions, pages, verbs
from console.dialogs.query_form import QueryFormDialog
from console.messages import OpenRun, ScopeChanged, ShowMode
from console.present import notices
from console.present.plain import short_id
from console.present.runs import RunRows
from console.refresh import LiveLoop, Trouble
from console.screens.peeking import PeekingScreen
from console.session import Session
from console.source import MAX_ROWS, PAGE, Counts, RunsPage, RunsQuery
from console.trail import Trail
from console.widgets.bars import StateTabs, palette_of
from console.widgets.peek_pane import PeekPane
from console.widgets.query_bar import QueryBar
from console.widgets.row_list import RowList
from console.widgets.run_table import RunTable
from console.widgets.view_tabs import ViewTabs
from continuum.errors import QueryError
from continuum.model import Run

COUNTS_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A page together with the question it answers, and whether it is the next one of it."""

    query: RunsQuery
    page: RunsPage
    further: bool


class RunsScreen(PeekingScreen[Answer]):
    """State tabs, query bar and table over one query.

    Args:
        session: shared by all screens.
        query: what to begin with.
        behind: what the runs are in a few words, and the mode that asked for them; None for the
            list at the top.
    """

    action_screen = actions.RUNS
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.RUNS)
    AUTO_FOCUS = "RowList"

    def __init__(
        self,
        session: Session,
        query: RunsQuery | None = None,
        *,
        behind: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(session)
        self._behind = behind
        self.top = behind is None
        self.runs_query = query or RunsQuery(namespace=session.namespace)
        self.page: RunsPage | None = None
        self.trail = Trail(self.runs_query)
        self._first = self.runs_query
        self._good = (self.runs_query, self.page)
        self._further = False
        self._whole = False
        everywhere = self.runs_query.namespace is None
        self._presenter = RunRows(datetime.now(UTC), all_namespaces=everywhere)
        self._presenter.order = self.runs_query.order
        self.counting: LiveLoop[Counts] = LiveLoop(
            self._load_counts, self._show_counts, self._no_counts, interval=COUNTS_EVERY
        )

    @property
    def scope(self) -> str | None:
        """That of the query."""
        return self.runs_query.namespace

    @property
    def crumb(self) -> str:
        """What the runs are, when another screen asked for them."""
        return "" if self._behind is None else self._behind[0]

    def body(self) -> ComposeResult:
        """States and query above the table."""
        yield ViewTabs()
        yield StateTabs()
        yield QueryBar(self.session)
        with Container(id="list"):
            yield RunTable(self._presenter, id="runs")
            yield PeekPane(self.session)

    def on_mount(self) -> None:
        """Read the counts beside the runs."""
        self.list.palette = palette_of(self)
        self.run_worker(self.counting.run(), group="counts", exclusive=True, exit_on_error=False)
        self._redraw()

    # reading

    async def load(self) -> Answer:
        """The first runs that match, as deep as they are in view, or the next page."""
        query, page = self.runs_query, self.page
        source = self.session.source
        await self.know_server()
        if self._further and page is not None and page.cursor is not None:
            self._further = False
            return Answer(query, await source.runs(query, cursor=page.cursor), further=True)
        bottom = MAX_ROWS if self._whole else self.list.bottom
        limit = pages.depth(bottom, page, query.order.operand)
        self._whole = False
        return Answer(query, await source.runs(query, limit), further=False)

    def show(self, loaded: Answer) -> None:
        """Swap the rows, unless the question has changed meanwhile."""
        if loaded.query != self.runs_query:
            return
        held, fresh, before = self.page, loaded.page, self.list.rows
        aimed = self.list.cursor_row
        if loaded.further and held is not None:
            self.page = pages.extended(held, fresh)
        else:
            self.page = pages.refreshed(held, fresh)
        self._good = (loaded.query, self.page)
        self._presenter.now = fresh.at
        self.session.saw_time(fresh.at)
        self.list.set_rows(self.page.runs)
        self.note_slip(aimed)
        self.left(before)
        self.recovered()
        self._redraw()

    def fail(self, trouble: Trouble) -> None:
        """An expression the database side refuses goes back to the query bar."""
        good, page = self._good
        if isinstance(trouble.error, QueryError) and self.runs_query != good:
            refused = self.runs_query.expression
            self.ask(good)
            self.page = page
            self.list.set_rows(() if page is None else page.runs)
            self.live.trouble = None
            self.live.suspend()
            bar = self.query_one(QueryBar)
            bar.open(good, refused)
            bar.complain(trouble.error)
            return
        super().fail(trouble)
        self._redraw()

    async def _load_counts(self) -> Counts:
        return await self.session.source.states(self.runs_query)

    def _show_counts(self, counts: Counts) -> None:
        self.query_one(StateTabs).counts = counts
        self._redraw()

    def _no_counts(self, trouble: Trouble) -> None:
        """The banner of the list says it already; stale counts would mislead."""
        del trouble
        self.query_one(StateTabs).counts = None

    def on_screen_suspend(self) -> None:
        """Nothing moves below a dialog (the base class suspends its own loop)."""
        self.counting.suspend()

    def on_screen_resume(self) -> None:
        """Read at once."""
        self.counting.resume()

    def dim(self, stale: bool) -> None:
        """Old rows stay, dimmed."""
        self.list.stale = stale

    def palette_changed(self) -> None:
        """Another theme."""
        self.list.palette = palette_of(self)
        self._redraw()

    @property
    def counted(self) -> bool:
        """Whether all numbers above the list are read."""
        return self.counting.idle and self.counting_views.idle

    # drawing

    def _redraw(self) -> None:
        rows = self.list
        rows.border_title = Content(
            notices.table_title(self.runs_query, self.page, self.query_one(StateTabs).counts)
        )
        rows.border_subtitle = Content(
            notices.table_mode(self.marked_words, following=rows.following)
        )
        if not rows.rows:
            rows.show_blank(self._blank())
        self.query_one(StateTabs).chosen = self.runs_query.state
        self.views_changed()
        self.query_one(QueryBar).show_query(self.runs_query)
        self.follow_cursor()

    def _blank(self) -> Text:
        """Why there are no rows."""
        palette = palette_of(self)
        if self.live.trouble is not None and self.page is None:
            return Text("nothing could be read yet", palette.muted, justify="center")
        return notices.empty(self.runs_query, self.page, palette)

    def ask(self, query: RunsQuery) -> None:
        """Another question: drop the old rows and cursor, read at once."""
        if query == self.runs_query:
            return
        self.query_one(StateTabs).counts = None
        self.counting.restart()
        scope_changed = query.namespace != self.runs_query.namespace
        self.runs_query = query
        self.trail.ask(query)
        if scope_changed:
            self.post_message(ScopeChanged())
            self.recount_views()
        if self._behind is None:
            self.session.namespace = query.namespace
        self._presenter.all_namespaces = query.namespace is None
        self._presenter.order = query.order
        self._further = False
        self.page = None
        self.forget_slip()
        self.list.await_rows()
        self.list.relayout()
        self.live.restart()
        self._redraw()
        self.update_bars()

    def on_row_list_near_end(self) -> None:
        """Read one page more, up to the cap."""
        page = self.page
        if page is not None and page.complete:
            self.go_on()

    def go_on(self) -> None:
        """Read the next page, if there is one."""
        page = self.page
        if page is not None and page.more and len(page.runs) < MAX_ROWS:
            self._further = True
            self.live.refresh()

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Say so when the run under the cursor left the view."""
        if event.lost is not None:
            self.toast(f"{short_id(event.lost)} left this view")  # pyright: ignore[reportArgumentType]
        self._redraw()
        self.update_bars()

    def on_row_list_chosen(self) -> None:
        """A click on the highlighted row opens it."""
        self.do_open()

    def on_query_bar_asked(self, event: QueryBar.Asked) -> None:
        """Another expression."""
        self._leave_bar()
        self.ask(self.runs_query.changed(expression=event.expression))

    def on_query_bar_closed(self) -> None:
        """As before."""
        self._leave_bar()

    def _leave_bar(self) -> None:
        self.live.resume()
        self.focus_body()

    def choices(self) -> dict[str, Callable[[], Sequence[str]]]:
        """The runs in the list can be opened by name."""
        names = [view.name for view in self.session.shelf.views]
        return {
            verbs.RUN: lambda: [str(run.id) for run in self.list.rows],
            verbs.VIEW: lambda: names,
        }

    def found(self, text: str) -> list[Run]:
        """The runs in the list whose id begins or ends so, as ids are shown or typed."""
        start, _, end = text.lower().partition("…")
        pairs = [(start, end)] if "…" in text else [(start, ""), ("", start)]
        return [
            run
            for run in self.list.rows
            if any(str(run.id).startswith(a) and str(run.id).endswith(b) for a, b in pairs)
        ]

    def focus_body(self) -> None:
        """The table, also when it is empty."""
        self.set_focus(self.list)

    # actions

    def do_open(self) -> None:
        """The run under the cursor."""
        if run := self.target():
            self.post_message(OpenRun(run.id))

    def do_query(self) -> None:
        """Open the query bar; nothing is read while it is being typed."""
        self.live.suspend()
        self.query_one(QueryBar).open(self.runs_query)

    def do_form(self) -> None:
        """The query as rows, or what is being typed."""
        typed = self.query_one(QueryBar).typed
        dialog = QueryFormDialog(self.session, self.runs_query, typed)
        self.app.push_screen(dialog, self._formed)

    def _formed(self, expression: str | None) -> None:
        bar = self.query_one(QueryBar)
        if expression is not None:
            bar.close()
            self._leave_bar()
            self.ask(self.runs_query.changed(expression=expression))
        elif bar.typed is not None:
            self.call_later(self.live.suspend)  # the line is still being typed in

    def expected(self) -> int | None:
        """As the tabs of the states count them."""
        counts = self.query_one(StateTabs).counts
        if counts is None or not counts.exact:
            return None
        state = self.runs_query.state
        return counts.total if state is None else counts[state]

    def do_refresh(self) -> None:
        """Read now, all that is on screen."""
        self._whole = self.page is not None and len(self.page.runs) > PAGE
        self.counting_views.refresh()
        super().do_refresh()

    def do_more(self) -> None:
        """Search on behind the last run."""
        self.go_on()

    def do_follow(self) -> None:
        """Switch between following the newest and holding the cursor."""
        if self.list.following:
            self.list.hold()
        else:
            self.list.follow_newest()
        self._redraw()

    def do_clear(self) -> None:
        """Marks first; every run again; back to where another screen asked, then to that screen."""
        if self.marks:
            self.do_unmark()
        elif self._behind is None:
            super().do_clear()
        elif self.runs_query == self._first:
            self.do_leave()
        else:
            self.ask(self._first)

    def do_leave(self) -> None:
        """Back, also to another mode."""
        super().do_leave()
        if self._behind is not None:
            self.post_message(ShowMode(self._behind[1]))
