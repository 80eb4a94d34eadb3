"""The row of saved views above a list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from console.present.views import Chosen, ViewPlace, view_tabs
from console.source import Counts
from console.views import View
from console.widgets.bars import palette_of


class ViewTabs(Widget):
    """A click opens a view."""

    views: reactive[Sequence[View]] = reactive[Sequence[View]](())
    chosen: reactive[Chosen | None] = reactive(None)
    counts: reactive[Mapping[str, Counts]] = reactive[Mapping[str, Counts]]({})

    class Opened(Message):
        """The operator chose a view."""

        def __init__(self, name: str) -> None:
            self.name = name
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self._places: list[ViewPlace] = []

    def render(self) -> Text:
        """The tabs for the width there is."""
        line, self._places = view_tabs(
            self.views, self.chosen, self.counts, self.size.width, palette_of(self)
        )
        return line

    def on_click(self, event: events.Click) -> None:
        """Open the view under the pointer."""
        for place in self._places:
            if place.start <= event.x < place.end:
                self.post_message(self.Opened(place.name))
