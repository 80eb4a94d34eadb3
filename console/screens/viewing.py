"""Saved views on the list of runs: a tab for each, with how many runs it has."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

from console.actions import RUNS, key
from console.dialogs.export import ExportDialog
from console.dialogs.save_view import SaveViewDialog
from console.dialogs.views import ViewsDialog
from console.present.plain import one_line
from console.present.views import Chosen
from console.refresh import LiveLoop, Trouble
from console.screens.asking import AskingScreen
from console.session import Session
from console.source import Counts
from console.views import EVERYTHING, View
from console.widgets.view_tabs import ViewTabs
from continuum.errors import QueryError

T = TypeVar("T")

COUNTED_EVERY: Final = 60.0
"""Seconds between two counts of all views: each costs the database a question."""
_STEPS: Final = {"next_view": 1, "previous_view": -1}


class ViewingScreen(AskingScreen[T]):
    """A screen whose query can be that of a saved view."""

    top: bool
    """Whether this is the list that the views are tabs of."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._view = EVERYTHING
        self.counting_views: LiveLoop[Mapping[str, Counts]] = LiveLoop(
            self._count_views, self._show_view_counts, self._no_view_counts, interval=COUNTED_EVERY
        )

    def on_mount(self) -> None:
        """Show the tabs, and say what is wrong with the user's file."""
        self.query_one(ViewTabs).display = self.top
        if not self.top:
            return
        self.views_changed()
        if fault := self.session.shelf.fault:
            self.app.notify(one_line(fault), severity="warning", timeout=15, markup=False)
        self.run_worker(
            self.counting_views.run(), group="views", exclusive=True, exit_on_error=False
        )

    def on_screen_suspend(self) -> None:
        """Nothing moves below a dialog."""
        self.counting_views.suspend()

    def on_screen_resume(self) -> None:
        """Count again, but only what is older than a minute."""
        self.counting_views.resume(at_once=False)

    async def _count_views(self) -> Mapping[str, Counts]:
        found = dict[str, Counts]()
        for view in self.session.shelf.views:
            if view.name == EVERYTHING:  # the states below it are all of its runs
                continue
            try:
                found[view.name] = await self.session.source.total(view.query(self.scope))
            except QueryError:  # of a file written elsewhere; opening it says what is wrong
                continue
        return found

    def _show_view_counts(self, counts: Mapping[str, Counts]) -> None:
        self.query_one(ViewTabs).counts = counts

    def _no_view_counts(self, trouble: Trouble) -> None:
        """The banner of the list says it already; old numbers would mislead."""
        del trouble
        self.query_one(ViewTabs).counts = {}

    def views_changed(self) -> None:
        """Another query, or other views."""
        shelf = self.session.shelf
        shown = shelf.of(self.runs_query, self._view)
        tabs = self.query_one(ViewTabs)
        tabs.views = shelf.views
        if shown is not None:
            self._view = shown.name
            tabs.chosen = Chosen(shown.name)
        else:
            left = self._view_left()
            tabs.chosen = None if left is None else Chosen(left.name, changed=True)

    def _view_left(self) -> View | None:
        """The view that was opened last and changed since; everything is never that."""
        names = {view.name: view for view in self.session.shelf.views}
        return None if self._view == EVERYTHING else names.get(self._view)

    def recount_views(self) -> None:
        """The numbers are of other questions now."""
        self.query_one(ViewTabs).counts = {}
        self.counting_views.restart()

    def unavailable(self, name: str) -> str | None:
        """The tabs are those of the list at the top."""
        if name in _STEPS and not self.top:
            there = key("show_runs", RUNS)
            return f"views are tabs of the list at the top: {there} goes there"
        return super().unavailable(name)

    # actions

    def open_view(self, view: View) -> None:
        """Ask what it asks."""
        self._view = view.name
        self.ask(view.query(self.runs_query.namespace))
        self.views_changed()

    def on_view_tabs_opened(self, event: ViewTabs.Opened) -> None:
        """A click on a tab."""
        if (view := self.session.shelf.named(event.name)) is not None:
            self.open_view(view)

    def do_export(self) -> None:
        """All runs of the query, as it is now, to a file."""
        query = self.runs_query
        place = "all" if query.namespace is None else re.sub(r"[^\w.-]+", "-", query.namespace)
        at = self.session.database_time() or datetime.now(UTC)
        name = f"runs-{place[:40]}-{at.astimezone():%Y%m%d-%H%M%S}.jsonl"
        dialog = ExportDialog(self.session, query, name, self.expected())
        self.app.push_screen(dialog, self._exported)

    def expected(self) -> int | None:
        """How many runs the query has, where that is known exactly."""
        return None

    def _exported(self, told: str | None) -> None:
        if told is not None:
            self.toast(told)

    def do_next_view(self) -> None:
        """The tab to the right, and around."""
        self._step_view(1)

    def do_previous_view(self) -> None:
        """The tab to the left, and around."""
        self._step_view(-1)

    def _step_view(self, by: int) -> None:
        views = self.session.shelf.views
        names = [view.name for view in views]
        at = names.index(self._view) if self._view in names else 0
        self.open_view(views[(at + by) % len(views)])

    def do_save_view(self) -> None:
        """Give the query on screen a name."""
        chosen = self.query_one(ViewTabs).chosen
        own = {view.name for view in self.session.shelf.views if view.own}
        name = chosen.name if chosen is not None and chosen.name in own else ""
        dialog = SaveViewDialog(self.session.shelf, self.runs_query, name)
        self.app.push_screen(dialog, self._saved)

    def _saved(self, view: View | None) -> None:
        if view is not None:
            self._view = view.name
            self.views_changed()
            self.recount_views()
            number = [each.name for each in self.session.shelf.views].index(view.name) + 1
            self.toast(f"saved as {view.name}: {key('views', RUNS)} {number} opens it")

    def do_views(self) -> None:
        """All of them, to open, rename and delete."""
        chosen = self.query_one(ViewTabs).chosen
        dialog = ViewsDialog(self.session.shelf, "" if chosen is None else chosen.name)
        self.app.push_screen(dialog, self._picked_view)

    def _picked_view(self, view: View | None) -> None:
        known = [each.name for each in self.query_one(ViewTabs).views]
        if known != [each.name for each in self.session.shelf.views]:
            self.recount_views()
        self.views_changed()
        if view is not None:
            self.open_view(view)
