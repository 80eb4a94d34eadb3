"""The line in which words to look for are typed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static


class FindLine(Widget):
    """Hidden until opened; `Enter` looks for the words, `Esc` leaves things as they were."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", show=False)]

    class Closed(Message):
        """The line is closed; `words` is None when nothing changes."""

        def __init__(self, words: str | None) -> None:
            self.words = words
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self.display = False

    def compose(self) -> ComposeResult:
        """Prompt and words."""
        with Horizontal():
            yield Static("/", classes="prompt")
            yield Input(placeholder="words, as in the data", select_on_focus=True, compact=True)

    def open(self, words: str) -> None:
        """Show the line with the words in force, all selected."""
        self.display = True
        line = self.query_one(Input)
        line.value = words
        self.screen.set_focus(line)  # at once: the next key may be on its way already

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Look for them."""
        event.stop()
        self.display = False
        self.post_message(self.Closed(event.value.strip()))

    def action_close(self) -> None:
        """Leave things as they were."""
        self.display = False
        self.post_message(self.Closed(None))
