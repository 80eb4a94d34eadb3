"""Choose the namespace to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from console.present.notices import explain
from console.present.plain import one_line
from console.scope import Scope
from console.session import Session


class NamespaceDialog(ModalScreen[Scope | None]):
    """Those that hold runs, and all of them together; typing narrows the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False, priority=True),
        Binding("down", "cursor(1)", show=False, priority=True),
        Binding("up", "cursor(-1)", show=False, priority=True),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._names: Sequence[str] | None = None
        self._shown: list[str | None] = []
        self._entered = False

    def compose(self) -> ComposeResult:
        """A filter line above the list."""
        with Vertical(classes="dialog") as box:
            box.border_title = "namespace"
            box.border_subtitle = "Enter chooses · Esc keeps"
            yield Input(placeholder="filter")
            yield OptionList()
            yield Static("reading…", id="note", classes="label")

    def on_mount(self) -> None:
        """Read the names while the dialog is open already."""
        self.run_worker(self._read(), group="namespaces", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        note = self.query_one("#note", Static)
        try:
            self._names = await self._session.source.namespaces()
        except Exception as error:
            note.update(Content(explain(error)))
            note.add_class("problem")
            return
        note.display = False
        self._fill(self.query_one(Input).value)
        if self._entered:
            self.on_input_submitted()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list; what was entered before is not meant any more."""
        self._entered = False
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        """Choose the highlighted one, as soon as it is known."""
        self._entered = self._names is None
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with it."""
        self.dismiss(Scope(self._shown[event.option_index]))

    def action_cursor(self, step: int) -> None:
        """Move while the filter keeps the focus."""
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def _fill(self, wanted: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        if self._names is None:
            return
        matching = [name for name in self._names if wanted.lower() in name.lower()]
        self._shown = [*([] if wanted else [None]), *matching]
        for name in self._shown:
            options.add_option(self._option(name))
        if self._shown:
            current = self._session.namespace
            options.highlighted = self._shown.index(current) if current in self._shown else 0

    def _option(self, name: str | None) -> Option:
        mark = "▸ " if name == self._session.namespace else "  "
        if name is None:
            return Option(Content.assemble((mark, "$text-accent"), ("all namespaces", "italic")))
        return Option(Content.assemble((mark, "$text-accent"), one_line(name, 60)))
