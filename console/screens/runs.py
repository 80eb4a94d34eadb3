"""The list of runs: newest first, filtered, live."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from console import actions, verbs
from console.dialogs.namespace import NamespaceDialog
from console.messages import OpenRun, ScopeChanged, ShowMode
from console.present import notices
from console.present.plain import short_id
from console.present.runs import RunRows
from console.refresh import LiveLoop, Trouble
from console.screens.acting import ActingScreen
from console.session import Scope, Session
from console.source import MAX_ROWS, PAGE, RunsPage, RunsQuery
from console.widgets.bars import StateTabs, palette_of
from console.widgets.filter_bar import FilterBar
from console.widgets.row_list import RowList
from continuum.errors import QueryError
from continuum.model import Run

COUNTS_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A page together with the question it answers."""

    query: RunsQuery
    page: RunsPage


class RunsScreen(ActingScreen[Answer]):
    """State tabs, filter line and table over one query.

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
        self.runs_query = query or RunsQuery(namespace=session.namespace)
        self.page: RunsPage | None = None
        self._good_query = self.runs_query
        self._depth = PAGE
        everywhere = self.runs_query.namespace is None
        self._presenter = RunRows(datetime.now(UTC), all_namespaces=everywhere)
        self.counting: LiveLoop[Mapping[str, int]] = LiveLoop(
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
        """States and filter above the table."""
        yield StateTabs()
        yield FilterBar()
        yield RowList[Run](self._presenter, id="runs")
        yield Static(classes="empty")

    def on_mount(self) -> None:
        """Read the counts beside the runs."""
        self.list.palette = palette_of(self)
        self.run_worker(self.counting.run(), group="counts", exclusive=True, exit_on_error=False)
        self._redraw()

    @property
    def list(self) -> RowList[Run]:
        """The table."""
        return cast("RowList[Run]", self.query_one("#runs"))

    # reading

    async def load(self) -> Answer:
        """The newest runs that match, as deep as the operator has scrolled."""
        query, depth = self.runs_query, self._depth
        source = self.session.source
        await self.know_server()
        return Answer(query, await source.runs(query, depth))

    def show(self, loaded: Answer) -> None:
        """Swap the rows, unless the question has changed meanwhile."""
        if loaded.query != self.runs_query:
            return
        self._good_query = loaded.query
        self.page = loaded.page
        self._presenter.now = loaded.page.at
        self.session.saw_time(loaded.page.at)
        self.list.set_rows(loaded.page.runs)
        self.recovered()
        self._redraw()

    def fail(self, trouble: Trouble) -> None:
        """A condition the database side refuses goes back to the filter line."""
        if isinstance(trouble.error, QueryError) and self.runs_query != self._good_query:
            refused = self.runs_query.conditions
            self.runs_query = self._good_query
            self.live.trouble = None
            bar = self.query_one(FilterBar)
            bar.open(refused)
            bar.complain(notices.explain(trouble.error), trouble.error.position)
            return
        super().fail(trouble)
        self._redraw()

    async def _load_counts(self) -> Mapping[str, int]:
        return await self.session.source.counts(self.runs_query)

    def _show_counts(self, counts: Mapping[str, int]) -> None:
        self.query_one(StateTabs).counts = counts

    def _no_counts(self, trouble: Trouble) -> None:
        """The banner of the list says it already; stale counts would mislead."""
        del trouble
        self.query_one(StateTabs).counts = {}

    def on_screen_suspend(self) -> None:
        """Nothing moves below a dialog (the base class suspends its own loop)."""
        self.counting.suspend()

    def on_screen_resume(self) -> None:
        """Read at once."""
        self.counting.resume()

    def dim(self, stale: bool) -> None:
        """Old rows stay, dimmed."""
        self.list.stale = stale

    def run_in_view(self) -> Run | None:
        """The run under the cursor."""
        return self.list.cursor_row

    def target(self) -> Run | None:
        """The run under the cursor; acting on it holds the cursor."""
        self.list.hold()
        return self.list.cursor_row

    def palette_changed(self) -> None:
        """Another theme."""
        self.list.palette = palette_of(self)
        self._redraw()

    # drawing

    def _redraw(self) -> None:
        rows, blank = self.list, self.query_one(".empty", Static)
        empty = self.page is None or not self.page.runs
        rows.display, blank.display = not empty, empty
        title = Content(
            notices.table_title(self.runs_query, self.page, self.query_one(StateTabs).counts)
        )
        rows.border_subtitle = notices.table_mode(following=rows.following)
        rows.border_title = blank.border_title = title
        if empty:
            palette = palette_of(self)
            if self.live.trouble is not None and self.page is None:
                blank.update(Content("nothing could be read yet"))
            else:
                blank.update(notices.empty(self.runs_query, self.page, palette))
        elif self.focused is None:
            rows.focus()
        self.query_one(StateTabs).chosen = self.runs_query.state

    def ask(self, query: RunsQuery) -> None:
        """Another question: drop the old rows' depth and cursor, read at once."""
        if query == self.runs_query:
            return
        if query.namespace != self.runs_query.namespace or (
            (query.conditions, query.expression)
            != (self.runs_query.conditions, self.runs_query.expression)
        ):
            self.query_one(StateTabs).counts = {}
            self.counting.restart()
        scope_changed = query.namespace != self.runs_query.namespace
        self.runs_query = query
        if scope_changed:
            self.post_message(ScopeChanged())
        if self._behind is None:
            self.session.namespace = query.namespace
        self._presenter.all_namespaces = query.namespace is None
        self._depth = PAGE
        self.page = None
        self.list.following = True
        self.list.set_rows(())
        self.list.relayout()
        self.live.restart()
        self._redraw()
        self.update_bars()

    def on_row_list_near_end(self) -> None:
        """Read one page more, up to the cap."""
        page = self.page
        if page is not None and page.more and self._depth <= len(page.runs) < MAX_ROWS:
            self._depth = min(MAX_ROWS, len(page.runs) + PAGE)
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

    def on_state_tabs_chosen(self, event: StateTabs.Chosen) -> None:
        """A click on a tab."""
        self.ask(self.runs_query.changed(state=event.state))

    def on_filter_bar_applied(self, event: FilterBar.Applied) -> None:
        """New conditions."""
        self._leave_filter()
        self.ask(self.runs_query.changed(conditions=event.conditions))

    def on_filter_bar_closed(self) -> None:
        """As before."""
        self._leave_filter()

    def _leave_filter(self) -> None:
        self.live.resume()
        self.focus_body()

    def choices(self) -> dict[str, Callable[[], Sequence[str]]]:
        """The runs in the list can be opened by name."""
        return {verbs.RUN: lambda: [str(run.id) for run in self.list.rows]}

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
        """The table, also when it is hidden because it is empty."""
        self.list.focus()

    # actions

    def do_open(self) -> None:
        """The run under the cursor."""
        if run := self.target():
            self.post_message(OpenRun(run.id))

    def do_filter(self) -> None:
        """Open the filter line; nothing is read while it is being typed."""
        self.live.suspend()
        self.query_one(FilterBar).open(self.runs_query.conditions)

    def do_next_state(self) -> None:
        """The next tab."""
        self.ask(self.runs_query.changed(state=self.query_one(StateTabs).step(1)))

    def do_previous_state(self) -> None:
        """The tab before."""
        self.ask(self.runs_query.changed(state=self.query_one(StateTabs).step(-1)))

    def do_namespace(self) -> None:
        """Pick one."""
        self.app.push_screen(NamespaceDialog(self.session), self._picked)

    def _picked(self, chosen: Scope | None) -> None:
        if chosen is not None:
            self.ask(self.runs_query.changed(namespace=chosen.name))

    def do_all_namespaces(self) -> None:
        """Every namespace side by side."""
        self.ask(self.runs_query.changed(namespace=None))

    def do_follow(self) -> None:
        """Switch between following the newest and holding the cursor."""
        if self.list.following:
            self.list.hold()
        else:
            self.list.follow_newest()
        self._redraw()

    def do_clear(self) -> None:
        """Clear the filter, then the state; then go back to where these runs were asked for."""
        query = self.runs_query
        if query.conditions:
            self.ask(query.changed(conditions=()))
        elif query.state:
            self.ask(query.changed(state=None))
        elif self._behind is not None:
            self.do_leave()
        elif query.expression is not None:
            self.ask(query.changed(expression=None))

    def do_leave(self) -> None:
        """Back, also to another mode."""
        super().do_leave()
        if self._behind is not None:
            self.post_message(ShowMode(self._behind[1]))
