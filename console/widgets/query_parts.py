"""The expression in force, part by part; a click on a part takes it out."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from console.present import asking
from console.widgets.bars import palette_of


class QueryParts(Widget):
    """One line; cut with `…` where the terminal ends."""

    expression: reactive[str] = reactive("")

    class Removed(Message):
        """A part is to be taken out."""

        def __init__(self, index: int) -> None:
            self.index = index
            super().__init__()

    class Edit(Message):
        """The expression is to be edited."""

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, int]] = []

    def render(self) -> Text:
        """The parts that fit."""
        line, self._places = asking.parts_line(self.expression, self.size.width, palette_of(self))
        return line

    def on_click(self, event: events.Click) -> None:
        """On a part: take it out; elsewhere: edit."""
        for start, end, index in self._places:
            if start <= event.x < end:
                self.post_message(self.Removed(index))
                return
        self.post_message(self.Edit())
