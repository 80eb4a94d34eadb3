"""`?`: every key that works here, filterable; Enter runs the action."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from console import actions
from console.dialogs.narrowing import NarrowingDialog


class KeysDialog(NarrowingDialog[str]):
    """Generated from the action registry; dismissed with the name of the chosen action."""

    HEADING = "keys"
    HINT = "Enter runs it · Esc closes"
    CLASSES = "dialog keys"

    def __init__(self, screen_name: str, refusal: Callable[[actions.Action], str | None]) -> None:
        super().__init__()
        self._screen_name = screen_name
        self._actions = actions.of_screen(screen_name)
        self._refusals = {action.name: refusal(action) for action in self._actions}

    def on_mount(self) -> None:
        """Show all."""
        self.fill()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close and run."""
        self.dismiss(event.option_id)

    def matching(self, wanted: str) -> tuple[Iterable[Option], int]:
        """By key, title and help; the first one."""
        return [self._option(each) for each in self._actions if wanted in self._words(each)], 0

    def _words(self, action: actions.Action) -> str:
        return f"{action.shown_key(self._screen_name)} {action.title} {action.help}".lower()

    def _option(self, action: actions.Action) -> Option:
        refused = self._refusals[action.name]
        keys = " ".join(actions.shown(key) for key in action.keys_on(self._screen_name))
        line = Content.assemble((f" {keys:<10}", "bold $text-accent"), action.help)
        if refused:
            line = Content.assemble(
                (f" {keys:<10}", "dim"), (f"{refused}: ", "$text-warning"), (action.help, "dim")
            )
        return Option(line, id=action.name, disabled=bool(refused))
