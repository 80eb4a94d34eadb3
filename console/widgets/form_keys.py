"""Every key of the query form, in as many lines as they need; a click on one presses it."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from console.present.query_form import Key, wrapped
from console.widgets.bars import palette_of


class FormKeys(Widget):
    """The keys that work where the focus is."""

    keys: reactive[Sequence[Key]] = reactive[Sequence[Key]]((), layout=True)

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, int, str]] = []

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as it takes."""
        del container, viewport
        return len(wrapped(self.keys, width))

    def render(self) -> Text:
        """Each with what it does."""
        palette, lines = palette_of(self), list[Text]()
        self._places = []
        for number, line in enumerate(wrapped(self.keys, self.size.width)):
            shown = Text()
            for key in line:
                begin = shown.cell_len
                shown.append(key.shown, palette.key).append(f" {key.title}", palette.muted)
                self._places.append((number, begin, shown.cell_len, key.action))
                shown.append("  ")
            lines.append(shown)
        return Text("\n").join(lines)

    async def on_click(self, event: events.Click) -> None:
        """What the key under the pointer does."""
        event.stop()
        for line, start, end, action in self._places:
            if line == event.y and start <= event.x < end and action:
                await self.screen.run_action(action)
