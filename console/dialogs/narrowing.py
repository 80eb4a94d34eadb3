"""A line that narrows the list below it: what dialogs that choose one of many have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from console.widgets.plain_input import PlainInput

Answer = TypeVar("Answer")


class NarrowingDialog(ModalScreen[Answer | None]):
    """Typing narrows the list, arrows move in it, Enter chooses; the line keeps the focus.

    Subclasses set `HEADING` and `HINT`, call `fill` when there is something to list, and answer to
    `OptionList.OptionSelected`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("down", "cursor(1)", show=False, priority=True),
        Binding("up", "cursor(-1)", show=False, priority=True),
    ]
    HEADING: ClassVar[str] = ""
    HINT: ClassVar[str] = ""
    CLASSES: ClassVar[str] = "dialog"

    def compose(self) -> ComposeResult:
        """The line above the list, and what the dialog has below it."""
        with Vertical(classes=self.CLASSES) as box:
            box.border_title = self.HEADING
            box.border_subtitle = self.HINT
            yield PlainInput(placeholder="filter")
            yield OptionList()
            yield from self.compose_below()

    def compose_below(self) -> ComposeResult:
        """Nothing."""
        yield from ()

    def matching(self, wanted: str) -> tuple[Iterable[Option], int]:
        """The lines that have these words (in small letters), and which of them to begin on."""
        raise NotImplementedError

    def fill(self) -> None:
        """List what the line asks for."""
        lines, first = self.matching(self.query_one(Input).value.lower())
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(lines)
        options.highlighted = first if options.option_count else None

    def on_input_changed(self) -> None:
        """Narrow the list."""
        self.fill()

    def on_input_submitted(self) -> None:
        """Choose the highlighted one."""
        self.query_one(OptionList).action_select()

    def action_cursor(self, step: int) -> None:
        """Move while the line keeps the focus."""
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)
