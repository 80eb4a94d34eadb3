"""One value in full: a payload, an event, or all facts of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


class ValueDialog(ModalScreen[None]):
    """Scrollable text; Esc, q or Enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,d", "dismiss(None)", show=False),
        Binding("j", "scroll_by(1)", show=False),
        Binding("k", "scroll_by(-1)", show=False),
        Binding("g", "scroll_edge(0)", show=False),
        Binding("G", "scroll_edge(1)", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[Text]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The lines in a scrolling box, which has the focus."""
        with Vertical(classes="dialog value") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = "Esc closes"
            with VerticalScroll():
                yield Static(Text("\n").join(self._lines))

    def action_scroll_by(self, step: int) -> None:
        """One line."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)

    def action_scroll_edge(self, end: int) -> None:
        """The first or the last line."""
        pane = self.query_one(VerticalScroll)
        if end:
            pane.scroll_end(animate=False)
        else:
            pane.scroll_home(animate=False)
