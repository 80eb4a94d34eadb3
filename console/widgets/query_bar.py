"""The query bar: the expression that the list answers, and the line in which it is edited."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from console import expressions
from console.run_facts import RunFacts
from console.session import Session
from console.source import RunsQuery
from console.widgets.expression_line import ExpressionLine
from console.widgets.query_parts import QueryParts
from continuum.errors import QueryError


class QueryBar(Widget):
    """One line, always there: the parts of the expression, or an input for all of it.

    `Enter` runs what is typed, `Esc` leaves things as they were.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", show=False)]

    class Asked(Message):
        """An expression that can be read was entered."""

        def __init__(self, expression: str) -> None:
            self.expression = expression
            super().__init__()

    class Closed(Message):
        """The line is closed without a change."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._facts = RunFacts(session, self._learned)
        self._open = False

    def compose(self) -> ComposeResult:
        """Parts, or a line for the text."""
        yield QueryParts()
        yield ExpressionLine(self._facts)

    def on_mount(self) -> None:
        """Closed to begin with."""
        self._show(False)

    @property
    def typed(self) -> str | None:
        """What is being typed; None while the line is closed."""
        return self.query_one(ExpressionLine).input.value if self._open else None

    def show_query(self, query: RunsQuery) -> None:
        """Show the parts of what the list answers."""
        self.query_one(QueryParts).expression = query.expression

    def open(self, query: RunsQuery, expression: str | None = None) -> None:
        """Edit an expression, that of the query unless another is given, all of it selected."""
        self._facts.look_at(query.namespace)
        self._show(True)
        self.query_one(ExpressionLine).edit(query.expression if expression is None else expression)

    def close(self) -> None:
        """Show what the list answers again."""
        self._show(False)

    def _show(self, opened: bool) -> None:
        self._open = opened
        line = self.query_one(ExpressionLine)
        self.query_one(QueryParts).display = not opened
        line.display = opened
        if not opened:
            self._facts.stop()
            line.complain(None)
            line.leave()

    def complain(self, error: QueryError | None) -> None:
        """Show or clear a problem, with a mark under the place it is at."""
        self.query_one(ExpressionLine).complain(error)

    def _learned(self) -> None:
        self.query_one(ExpressionLine).complete()

    # leaving

    def on_expression_line_entered(self, event: ExpressionLine.Entered) -> None:
        """Run what can be read; the rest stays, with what is wrong."""
        event.stop()
        try:
            expressions.parse(event.text.strip())
        except QueryError as error:
            self.complain(error)
            return
        self._show(False)
        self.post_message(self.Asked(event.text.strip()))

    def action_close(self) -> None:
        """Leave things as they were."""
        self._show(False)
        self.post_message(self.Closed())
