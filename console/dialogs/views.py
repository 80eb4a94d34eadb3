"""All views: open one by its number, rename or delete those of one's own."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from console.present.plain import one_line
from console.shelf import Shelf
from console.views import LONGEST_NAME, View, ViewsError


class ViewsDialog(ModalScreen[View | None]):
    """Dismissed with the view to open.

    Args:
        shelf: with the views.
        current: the name of the one that is shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("r", "rename", show=False),
        Binding("d", "delete", show=False),
        Binding("y", "confirm", show=False),
        Binding("j", "cursor(1)", show=False),
        Binding("k", "cursor(-1)", show=False),
    ]

    def __init__(self, shelf: Shelf, current: str = "") -> None:
        super().__init__()
        self._shelf = shelf
        self._current = current
        self._doomed: View | None = None
        self._named: View | None = None
        shelf.load()

    def compose(self) -> ComposeResult:
        """The list; a line for a name below it."""
        with Vertical(classes="dialog") as box:
            box.border_title = "views"
            box.border_subtitle = "Enter or number opens · r renames · d deletes · Esc"
            yield OptionList()
            yield Input(max_length=LONGEST_NAME)
            yield Static("", id="note", classes="problem gap")

    def on_mount(self) -> None:
        """Begin on the one that is shown."""
        self.query_one(Input).display = False
        self._fill(self._current)
        self._say(self._shelf.fault or "")

    def _fill(self, name: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        for number, view in enumerate(self._shelf.views, 1):
            options.add_option(_option(number, view))
        names = [view.name for view in self._shelf.views]
        options.highlighted = names.index(name) if name in names else 0
        options.focus()

    def _say(self, text: str) -> None:
        self.query_one("#note", Static).update(Content(text))

    @property
    def _view(self) -> View:
        return self._shelf.views[self.query_one(OptionList).highlighted or 0]

    def on_key(self, event: events.Key) -> None:
        """A number opens; any key but `y` takes a deletion back."""
        if self.query_one(Input).display:
            return
        if self._doomed is not None and event.key != "y":
            self._doomed = None
            self._say("")
        if event.key.isdecimal() and (view := self._shelf.named(event.key)) is not None:
            event.stop()
            self.dismiss(view)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """This one."""
        self.dismiss(self._shelf.views[event.option_index])

    def action_cursor(self, step: int) -> None:
        """As the arrows do."""
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def _mine(self) -> View | None:
        view = self._view
        if view.own:
            return view
        self._say(f"{view.name} is built in")
        return None

    def action_rename(self) -> None:
        """Ask for the new name below the list."""
        if (view := self._mine()) is not None:
            self._named = view
            line = self.query_one(Input)
            line.value, line.display = view.name, True
            line.focus()
            self._say("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The new name, or why it will not do."""
        name = event.value.strip()
        if self._named is None:
            return
        try:
            self._shelf.rename(self._named.name, name)
        except ViewsError as error:
            self._say(error.message)
            return
        self._end_naming(name)

    def _end_naming(self, name: str) -> None:
        self._named = None
        self.query_one(Input).display = False
        self._say("")
        self._fill(name)

    def action_delete(self) -> None:
        """Ask first."""
        if (view := self._mine()) is not None:
            self._doomed = view
            self._say(f"delete the view {one_line(view.name)}? y deletes, any other key keeps it")

    def action_confirm(self) -> None:
        """Delete what was asked about."""
        view, self._doomed = self._doomed, None
        if view is None:
            return
        try:
            self._shelf.delete(view.name)
        except ViewsError as error:
            self._say(error.message)
            return
        self._say(f"the view {one_line(view.name)} is gone")
        self._fill("")

    def action_leave(self) -> None:
        """Out of the name, out of the deletion, out of the dialog."""
        if self._named is not None:
            self._end_naming(self._named.name)
        elif self._doomed is not None:
            self._doomed = None
            self._say("")
        else:
            self.dismiss(None)


def _option(number: int, view: View) -> Option:
    key = str(number) if number < 10 else " "
    scope = ""
    if view.scope is not None:
        scope = "all namespaces  " if view.scope.name is None else f"ns {view.scope.name}  "
    return Option(
        Content.assemble(
            (f" {key}  ", "bold $text-accent"),
            (f"{one_line(view.name, 22):<22}  ", "" if view.own else "$foreground 75%"),
            (one_line(scope + (view.expression or "every run"), 38), "$foreground 60%"),
        )
    )
