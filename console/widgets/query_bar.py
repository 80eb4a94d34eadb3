"""The query bar: the expression that the list answers, and the line in which it is edited."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from console import completion, expressions
from console.present import asking
from console.run_facts import RunFacts
from console.session import Session
from console.source import RunsQuery
from console.widgets.choice_list import ChoiceList
from console.widgets.problem_line import ProblemLine
from console.widgets.query_parts import QueryParts
from continuum.errors import QueryError


class QueryBar(Widget):
    """One line, always there: the parts of the expression, or an input for all of it.

    `Enter` runs what is typed, `Esc` leaves things as they were; `Tab`, and `→` at the end, take
    the marked choice of the list below.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("tab", "accept", show=False, priority=True),
        Binding("right", "right", show=False, priority=True),
        Binding("up", "choose(-1)", show=False, priority=True),
        Binding("down", "choose(1)", show=False, priority=True),
    ]

    class Asked(Message):
        """An expression that can be read was entered."""

        def __init__(self, expression: str) -> None:
            self.expression = expression
            super().__init__()

    class Closed(Message):
        """The line is closed without a change."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._facts = RunFacts(session, self._complete)
        self._place: completion.Expected | None = None
        self._open = False

    def compose(self) -> ComposeResult:
        """Parts, or prompt and text; choices and problem below."""
        yield QueryParts()
        with Horizontal():
            yield Static("/", classes="prompt")
            yield Input(select_on_focus=True, compact=True)
        yield ProblemLine()
        yield ChoiceList()

    def on_mount(self) -> None:
        """Closed to begin with."""
        self._show(False)

    def show_query(self, query: RunsQuery) -> None:
        """Show the parts of what the list answers."""
        self.query_one(QueryParts).expression = query.expression

    def open(self, query: RunsQuery, expression: str | None = None) -> None:
        """Edit an expression, that of the query unless another is given, all of it selected."""
        self._facts.look_at(query.namespace)
        line = self.query_one(Input)
        with line.prevent(Input.Changed):
            line.value = query.expression if expression is None else expression
        self._show(True)
        self.complain(None)
        self.screen.set_focus(line)  # at once: the next key may be on its way already
        line.cursor_position = len(line.value)
        self._complete()

    def _show(self, opened: bool) -> None:
        self._open = opened
        self.query_one(QueryParts).display = not opened
        self.query_one(Horizontal).display = opened
        if not opened:
            self._facts.stop()
            self.complain(None)
            self.query_one(ChoiceList).offers = ()

    def complain(self, error: QueryError | None) -> None:
        """Show or clear a problem, with a mark under the place it is at."""
        shown = self.query_one(ProblemLine)
        if error is None:
            shown.clear()
            return
        line = self.query_one(Input)
        at = None if error.position is None else error.position - int(line.scroll_offset.x)
        shown.say(asking.problem(error), at)
        self.query_one(ChoiceList).offers = ()
        if error.position is not None:
            line.cursor_position = error.position

    # completion

    def on_input_changed(self) -> None:
        """A problem is about text that is no longer there; offer what can follow."""
        self.complain(None)
        self._complete()

    def _complete(self) -> None:
        """Offer what is known by now, and have more read if that would help."""
        if not self._open or self.query_one(ProblemLine).display:
            return
        line = self.query_one(Input)
        self._place = completion.expected(line.value[: line.cursor_position])
        choices = self.query_one(ChoiceList)
        if self._place is None:
            choices.offers = ()
            return
        self._facts.want(completion.worth_counting(self._place, self._facts.known))
        begin = self._place.start - int(line.scroll_offset.x) + 3
        choices.show(completion.offers(self._place, self._facts.known), begin, self._facts.note)

    def action_choose(self, step: int) -> None:
        """Another choice."""
        self.query_one(ChoiceList).move(step)

    def action_right(self) -> None:
        """Take the choice at the end of the text, else go on in it."""
        line = self.query_one(Input)
        if line.cursor_position < len(line.value) or not line.selection.is_empty:
            line.action_cursor_right()
        else:
            self.action_accept()

    def action_accept(self) -> None:
        """Put the marked choice into the text."""
        offer, line = self.query_one(ChoiceList).chosen, self.query_one(Input)
        if offer is None or self._place is None:
            return
        line.value, line.cursor_position = completion.accept(
            line.value, line.cursor_position, self._place, offer
        )
        self._complete()

    # leaving

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run what can be read; the rest stays, with what is wrong."""
        event.stop()
        try:
            expressions.parse(event.value.strip())
        except QueryError as error:
            self.complain(error)
            return
        self._show(False)
        self.post_message(self.Asked(event.value.strip()))

    def action_close(self) -> None:
        """Leave things as they were."""
        self._show(False)
        self.post_message(self.Closed())
