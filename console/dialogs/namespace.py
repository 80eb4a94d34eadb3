"""Choose the namespace to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.dialogs.narrowing import NarrowingDialog
from console.present.notices import explain
from console.present.plain import one_line
from console.scope import Scope
from console.session import Session


class NamespaceDialog(NarrowingDialog[Scope]):
    """Those that hold runs, and all of them together; typing narrows the list."""

    HEADING = "namespace"
    HINT = "Enter chooses · Esc keeps"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._names: Sequence[str] | None = None
        self._shown: list[str | None] = []
        self._entered = False

    def compose_below(self) -> ComposeResult:
        """How the reading goes."""
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
        self.fill()
        if self._entered:
            self.query_one(OptionList).action_select()

    # Textual calls these before those of the base.

    def on_input_changed(self) -> None:
        """What was entered before is not meant any more."""
        self._entered = False

    def on_input_submitted(self) -> None:
        """Enter counts as soon as the names are known."""
        self._entered = self._names is None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with it."""
        self.dismiss(Scope(self._shown[event.option_index]))

    def matching(self, wanted: str) -> tuple[Iterable[Option], int]:
        """All of them together, unless some are wanted; the one that is looked at."""
        names = [name for name in self._names or () if wanted in name.lower()]
        everything: list[str | None] = [] if wanted or self._names is None else [None]
        self._shown = [*everything, *names]
        current = self._session.namespace
        first = self._shown.index(current) if current in self._shown else 0
        return [self._option(name) for name in self._shown], first

    def _option(self, name: str | None) -> Option:
        mark = "▸ " if name == self._session.namespace else "  "
        if name is None:
            return Option(Content.assemble((mark, "$text-accent"), ("all namespaces", "italic")))
        return Option(Content.assemble((mark, "$text-accent"), one_line(name, 60)))
