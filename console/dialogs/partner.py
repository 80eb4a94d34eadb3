"""Which run to compare with."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class PartnerDialog(ModalScreen[UUID | None]):
    """Asks for the id of a run; `Esc` changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]

    def compose(self) -> ComposeResult:
        """One line."""
        with Vertical(classes="dialog") as box:
            box.border_title = "compare with"
            box.border_subtitle = "Esc keeps what is compared"
            yield Static("The id of the other run", classes="label")
            yield Input(placeholder="0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8", compact=True)
            yield Static("", classes="problem gap")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """An id that can be read."""
        try:
            self.dismiss(UUID(event.value.strip()))
        except ValueError:
            self.query_one(".problem", Static).update(
                Content("an id has 32 hexadecimal digits: y copies that of a run")
            )
