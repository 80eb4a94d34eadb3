"""Gestures on the list of runs; each of them rewrites the one expression on screen."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeVar, cast

from console import cells, expressions
from console.dialogs.choose import ChooseDialog
from console.dialogs.namespace import NamespaceDialog
from console.scope import Scope
from console.screens.acting import ActingScreen
from console.source import RunsQuery
from console.trail import Trail
from console.widgets.bars import StateTabs
from console.widgets.query_parts import QueryParts
from console.widgets.run_table import RunTable
from console.yank import Copyable, copyables
from continuum.query.tree import Condition, Order

T = TypeVar("T")

_ON_A_CELL = frozenset({"only", "without"})
_STEPS = {"older_query": -1, "newer_query": 1}


class AskingScreen(ActingScreen[T]):
    """A screen that answers one query, which gestures change."""

    runs_query: RunsQuery
    trail: Trail

    @abstractmethod
    def ask(self, query: RunsQuery) -> None:
        """Another question."""

    @property
    def list(self) -> RunTable:
        """The table."""
        return cast("RunTable", self.query_one("#runs"))

    def unavailable(self, name: str) -> str | None:
        """Some gestures need a cell that means something, or a query to go to."""
        if name in _ON_A_CELL and not self._meanings():
            return "this cell is no condition"
        if name in ("order", "only", "without") and self.list.cursor_column is None:
            return "no column under the cursor"
        if name in _STEPS and not self.trail.can(_STEPS[name]):
            return "no query before this one" if _STEPS[name] < 0 else "no query after this one"
        return super().unavailable(name)

    def copyables(self) -> list[Copyable]:
        """Of the run under the cursor, and of the query."""
        return copyables(self.target(), self.runs_query, len(self.list.rows))

    # states and parts

    def on_state_tabs_chosen(self, event: StateTabs.Chosen) -> None:
        """A click on a tab."""
        self._ask_state(event.state)

    def _ask_state(self, state: str | None) -> None:
        query = self.runs_query
        self.ask(query.asking(expressions.with_state(query.condition, state)))

    def on_query_parts_removed(self, event: QueryParts.Removed) -> None:
        """A click on a part."""
        query = self.runs_query
        self.ask(query.asking(expressions.without(query.condition, event.index)))

    def on_query_parts_edit(self) -> None:
        """A click beside the parts."""
        self.call_later(self.action_perform, "query")

    def do_next_state(self) -> None:
        """The next tab."""
        self._ask_state(self.query_one(StateTabs).step(1))

    def do_previous_state(self) -> None:
        """The tab before."""
        self._ask_state(self.query_one(StateTabs).step(-1))

    def do_drop_part(self) -> None:
        """Take the last part out of the expression."""
        query = self.runs_query
        last = len(expressions.parts(query.condition)) - 1
        self.ask(query.asking(expressions.without(query.condition, last)))

    # cells and columns

    def _meanings(self) -> list[Condition]:
        run, column = self.list.cursor_row, self.list.cursor_column
        return [] if run is None or column is None else cells.meaning(run, column.name)

    def do_only(self) -> None:
        """Only runs like the cell under the cursor."""
        self._by_cell("Only runs with", expressions.narrowed)

    def do_without(self) -> None:
        """Without runs like the cell under the cursor."""
        self._by_cell("Without runs with", expressions.excluded)

    def _by_cell(self, title: str, rewrite: Callable[[Condition, Condition], Condition]) -> None:
        if self.target() is None:
            return
        query, found = self.runs_query, self._meanings()

        def take(index: int | None) -> None:
            if index is not None:
                self.ask(query.asking(rewrite(query.condition, found[index])))

        if len(found) == 1:
            take(0)
        else:
            self.app.push_screen(ChooseDialog(title, [expressions.text(f) for f in found]), take)

    def do_order(self) -> None:
        """By the column under the cursor; the errors of failed runs by their cause."""
        column, query = self.list.cursor_column, self.runs_query
        by = None if column is None else cells.operand(column.name, self.list.cursor_row)
        if by is None:
            self.toast("runs cannot be ordered by this column", "warning")
            return
        operand, descending = by
        self.ask(
            query.asking(order=expressions.ordered(query.order, operand, descending=descending))
        )

    def do_reverse(self) -> None:
        """The other way round."""
        order = self.runs_query.order
        self.ask(self.runs_query.asking(order=Order(order.operand, not order.descending)))

    # queries asked before

    def do_older_query(self) -> None:
        """The query before this one."""
        self._step(-1)

    def do_newer_query(self) -> None:
        """The query after this one."""
        self._step(1)

    def _step(self, by: int) -> None:
        if query := self.trail.step(by):
            self.ask(query)

    # namespaces

    def do_namespace(self) -> None:
        """Pick one."""
        self.app.push_screen(NamespaceDialog(self.session), self._picked)

    def _picked(self, chosen: Scope | None) -> None:
        if chosen is not None:
            self.ask(self.runs_query.changed(namespace=chosen.name))

    def do_all_namespaces(self) -> None:
        """Every namespace side by side."""
        self.ask(self.runs_query.changed(namespace=None))

    def do_clear(self) -> None:
        """Every run again, newest first."""
        self.ask(self.runs_query.changed(expression=""))
