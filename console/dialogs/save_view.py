"""Save the query on screen as a view."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input, Static

from console.present.plain import one_line
from console.scope import Scope
from console.shelf import Shelf
from console.source import RunsQuery
from console.views import LONGEST_NAME, View, ViewsError
from console.widgets.tick import Tick


class SaveViewDialog(ModalScreen[View | None]):
    """Dismissed with the view once it is saved; `Esc` saves nothing.

    Args:
        shelf: where to.
        query: what is saved, with its namespace unless that is unticked.
        name: to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, shelf: Shelf, query: RunsQuery, name: str = "") -> None:
        super().__init__()
        self._shelf = shelf
        self._query = query
        self._name = name

    def compose(self) -> ComposeResult:
        """What is saved, and its name."""
        place = self._query.namespace
        where = "all namespaces" if place is None else f"namespace {one_line(place, 40)}"
        with Vertical(classes="dialog") as box:
            box.border_title = "save a view"
            box.border_subtitle = "Enter saves · Esc does not"
            query = one_line(self._query.expression, 200) or "every run, newest first"
            yield Static(Content.assemble((query, "$text-accent")), classes="gap")
            yield Static("Name", classes="label")
            yield Input(self._name, max_length=LONGEST_NAME, placeholder="Region eu")
            yield Tick(Content(f"always in {where}"), value=True)
            yield Static("", classes="problem gap")

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _judge(self) -> None:
        """Say when it takes the place of another one."""
        name = self.query_one(Input).value.strip().casefold()
        known = next((v for v in self._shelf.views if v.own and v.name.casefold() == name), None)
        told = "" if known is None else f"takes the place of the view {known.name}"
        self.query_one(".problem", Static).update(Content(told))

    def on_input_submitted(self) -> None:
        """Save, or say why not."""
        always = self.query_one(Checkbox).value
        scope = Scope(self._query.namespace) if always else None
        name = self.query_one(Input).value.strip()
        view = View(name, self._query.expression, scope, own=True)
        try:
            self._shelf.save(view)
        except ViewsError as error:
            self.query_one(".problem", Static).update(Content(error.message))
        else:
            self.dismiss(view)
