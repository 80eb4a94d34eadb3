"""The tabs of a screen on one line; a click goes to one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from console.widgets.bars import palette_of


class TabLine(Widget):
    """Names side by side; those that do not fit are cut from the right, never the chosen one."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, index: int) -> None:
            self.index = index
            super().__init__()

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.chosen = 0

    def choose(self, index: int) -> None:
        """Show another one as chosen."""
        self.chosen = index
        self.refresh()

    def _places(self) -> list[tuple[int, int]]:
        places, at = list[tuple[int, int]](), 1
        for name in self.names:
            places.append((at, at + len(name) + 2))
            at += len(name) + 3
        return places

    def render(self) -> Text:
        """The names; the chosen one stands out by more than its colour."""
        palette = palette_of(self)
        line = Text(" ", no_wrap=True)
        for index, name in enumerate(self.names):
            on = index == self.chosen
            line.append(f" {name} ", palette.key + palette.strong if on else palette.muted)
            if on:
                line.stylize("reverse", len(line) - len(name) - 2)
            line.append(" ")
        return line

    def on_click(self, event: events.Click) -> None:
        """Go to the tab below the mouse."""
        for index, (start, end) in enumerate(self._places()):
            if start <= event.x < end:
                self.post_message(self.Chosen(index))
