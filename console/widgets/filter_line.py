"""The filter of the journal: shown in one line, edited in the same place."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static

from console import acts_query
from console.acts_query import ActsQuery, FilterError
from console.present.plain import one_line
from console.widgets.bars import palette_of
from console.widgets.problem_line import ProblemLine

Known = Callable[[], dict[str, list[str]]]


class _Completions(Suggester):
    """Completes words of the filter, and values that the list shows."""

    def __init__(self, known: Known) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        """The text completed."""
        return acts_query.complete(value, self._known())


class FilterLine(Widget):
    """`Enter` asks, `Esc` leaves things as they were; a click opens it.

    Args:
        known: values of each word.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("tab", "accept", show=False, priority=True),
    ]

    class Asked(Message):
        """Another filter."""

        def __init__(self, query: ActsQuery) -> None:
            self.query = query
            super().__init__()

    class Closed(Message):
        """As before."""

    class Wanted(Message):
        """The filter is to be edited."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self._known = known

    def compose(self) -> ComposeResult:
        """Prompt, and text or what is in force; the problem below."""
        with Horizontal():
            yield Static("/", classes="prompt")
            yield Static(id="in-force")
            yield Input(suggester=_Completions(self._known), select_on_focus=True, compact=True)
        yield ProblemLine()

    def on_mount(self) -> None:
        """Closed."""
        self.query_one(Input).display = False

    @property
    def open_now(self) -> bool:
        """Whether it is being edited."""
        return self.query_one(Input).display

    def show_query(self, query: ActsQuery) -> None:
        """What is in force."""
        palette = palette_of(self)
        shown = Text(one_line(query.text, 400), palette.accent)
        if not query.text:
            shown = Text("every entry, newest first", palette.muted)
            shown.append("   by NAME act ACT run ID plan ID ns NAME since -2h", palette.faint)
        self.query_one("#in-force", Static).update(shown)

    def open(self, text: str) -> None:
        """Edit this text, all of it selected."""
        self.query_one("#in-force").display = False
        line = self.query_one(Input)
        line.display = True
        line.value = text
        self.screen.set_focus(line)  # at once: the next key may be on its way already

    def on_input_changed(self) -> None:
        """A problem is about text that is no longer there."""
        self.query_one(ProblemLine).clear()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Ask what can be understood."""
        event.stop()
        try:
            query = acts_query.parse(event.value)
        except FilterError as error:
            at = error.position - int(self.query_one(Input).scroll_offset.x)
            self.query_one(ProblemLine).say(error.message, at)
            return
        self._close()
        self.post_message(self.Asked(query))

    def action_accept(self) -> None:
        """Take the suggestion."""
        self.query_one(Input).action_cursor_right()

    def action_close(self) -> None:
        """Leave things as they were."""
        self._close()
        self.post_message(self.Closed())

    def _close(self) -> None:
        self.query_one(Input).display = False
        self.query_one("#in-force").display = True
        self.query_one(ProblemLine).clear()

    def on_click(self, event: events.Click) -> None:
        """Edit it."""
        event.stop()
        if not self.open_now:
            self.post_message(self.Wanted())
