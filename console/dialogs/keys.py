"""`?`: every key that works here, filterable; Enter runs the action."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from console import actions


class KeysDialog(ModalScreen[str | None]):
    """Generated from the action registry; dismissed with the name of the chosen action."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False, priority=True),
        Binding("down", "cursor(1)", show=False, priority=True),
        Binding("up", "cursor(-1)", show=False, priority=True),
    ]

    def __init__(self, screen_name: str, refusal: Callable[[actions.Action], str | None]) -> None:
        super().__init__()
        self._screen_name = screen_name
        self._actions = actions.of_screen(screen_name)
        self._refusals = {action.name: refusal(action) for action in self._actions}

    def compose(self) -> ComposeResult:
        """A filter line above the list."""
        with Vertical(classes="dialog keys") as box:
            box.border_title = "keys"
            box.border_subtitle = "Enter runs it · Esc closes"
            yield Input(placeholder="filter")
            yield OptionList()

    def on_mount(self) -> None:
        """Show all."""
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        """Run the highlighted action."""
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close and run."""
        self.dismiss(event.option_id)

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
        for action in self._actions:
            words = f"{action.shown_key(self._screen_name)} {action.title} {action.help}".lower()
            if wanted.lower() in words:
                options.add_option(self._option(action))
        options.highlighted = 0 if options.option_count else None

    def _option(self, action: actions.Action) -> Option:
        refused = self._refusals[action.name]
        keys = " ".join(actions.shown(key) for key in action.keys_on(self._screen_name))
        line = Content.assemble((f" {keys:<9}", "bold $text-accent"), action.help)
        if refused:
            line = Content.assemble(
                (f" {keys:<9}", "dim"), (f"{refused}: ", "$text-warning"), (action.help, "dim")
            )
        return Option(line, id=action.name, disabled=bool(refused))
