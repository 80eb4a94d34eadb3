"""The filter line: opened with `/`, says what it does not understand right below."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from console import filters
from console.source import Condition


class FilterBar(Widget):
    """Hidden until opened; `Enter` applies, `Esc` leaves things as they were."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", show=False)]

    class Applied(Message):
        """The operator entered conditions that can be read."""

        def __init__(self, conditions: tuple[Condition, ...]) -> None:
            self.conditions = conditions
            super().__init__()

    class Closed(Message):
        """The line is closed without a change."""

    def __init__(self) -> None:
        super().__init__()
        self.display = False

    def compose(self) -> ComposeResult:
        """Prompt, text, problem."""
        with Horizontal():
            yield Static("/", classes="prompt")
            yield Input(
                placeholder="plan = 'pro' and tier >= 4     workflow = shop:order_flow",
                select_on_focus=True,
                compact=True,
            )
        yield Static("", classes="problem")

    def open(self, conditions: tuple[Condition, ...]) -> None:
        """Show the line with the conditions in force, all selected."""
        self.display = True
        line = self.query_one(Input)
        if conditions:
            line.value = filters.describe(conditions)
        self.complain(None)
        self.screen.set_focus(line)  # at once: the next key may be on its way already

    def complain(self, problem: str | None, position: int | None = None) -> None:
        """Show or clear a problem, with a mark under the place it is at."""
        shown = self.query_one(".problem", Static)
        shown.display = problem is not None
        if problem is None:
            return
        caret = "" if position is None else " " * position + "^ "
        shown.update(Content(f"{caret}{problem}"))

    def on_input_changed(self) -> None:
        """A problem is about text that is no longer there."""
        self.complain(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Apply what can be read."""
        event.stop()
        try:
            conditions = filters.parse(event.value)
        except filters.FilterError as error:
            self.complain(error.message, error.position)
            return
        self.display = False
        self.post_message(self.Applied(conditions))

    def action_close(self) -> None:
        """Leave things as they were."""
        self.display = False
        self.post_message(self.Closed())
