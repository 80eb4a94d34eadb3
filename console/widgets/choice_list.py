"""The choices below a line that is being typed: at most eight rows, over what is below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from console.completion import Offer
from console.present import asking
from console.widgets.bars import palette_of

ROWS: Final = 8


class ChoiceList(Widget):
    """Shows choices with what is known about each; hidden while there are none."""

    offers: reactive[Sequence[Offer]] = reactive[Sequence[Offer]](())
    marked: reactive[int] = reactive(0)

    class Picked(Message):
        """A choice was clicked, and is marked."""

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._note = ""

    def show(self, offers: Sequence[Offer], column: int, note: str = "") -> None:
        """These choices, below the column where the word begins."""
        self._note = note
        self.marked = 0
        self.offers = tuple(offers)
        width, height = asking.choices_size(self.offers, note, ROWS)
        room = self.screen.size.width
        self.styles.width, self.styles.height = min(width, room - 2), height
        self.styles.offset = Offset(max(0, min(column - 1, room - width - 2)), 0)
        self.refresh(layout=True)

    def watch_offers(self) -> None:
        """Nothing to choose, nothing to see."""
        self.display = bool(self.offers)

    def move(self, step: int) -> None:
        """Mark another one, round the end."""
        if self.offers:
            self.marked = (self.marked + step) % len(self.offers)

    def mark(self, text: str) -> None:
        """Mark the choice that says this, if there is one."""
        found = [number for number, offer in enumerate(self.offers) if offer.text == text]
        if found:
            self.marked = found[0]

    def on_click(self, event: events.Click) -> None:
        """Mark what is under the pointer."""
        event.stop()
        number = asking.first_shown(len(self.offers), self.marked, self._room) + event.y
        if event.y < self._room and number < len(self.offers):
            self.marked = number
            self.post_message(self.Picked())

    @property
    def _room(self) -> int:
        """Rows for choices."""
        return self.size.height - bool(self._note)

    @property
    def chosen(self) -> Offer | None:
        """The marked choice."""
        return self.offers[self.marked] if self.offers else None

    def render(self) -> Text:
        """The rows around the marked one."""
        return asking.choices(
            self.offers,
            self.marked,
            self._note,
            self.size.width,
            self.size.height,
            palette_of(self),
        )
