"""`y`: copy something of the run under the cursor or of the query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.present.plain import lines, one_line
from console.yank import Copyable

PREVIEW: Final = 8
"""Lines of it that are shown."""
WIDTH: Final = 64


class YankDialog(ModalScreen[Copyable | None]):
    """Dismissed with what to copy.

    Args:
        items: as they were when it opened.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
    ]

    def __init__(self, items: Sequence[Copyable]) -> None:
        super().__init__()
        self._items = items

    def compose(self) -> ComposeResult:
        """The menu, and the text of what is marked in it."""
        with Vertical(classes="dialog") as box:
            box.border_title = "copy"
            box.border_subtitle = "a letter copies, Enter too · Esc"
            yield OptionList(*(_option(item) for item in self._items))
            yield Static(id="copied", classes="gap")

    def on_key(self, event: events.Key) -> None:
        """The letter of an item."""
        for item in self._items:
            if event.key == item.key and item.text is not None:
                event.stop()
                self.dismiss(item)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """What would be copied."""
        item = self._items[event.option_index]
        shown = lines(item.text or "", PREVIEW + 1)
        if len(shown) > PREVIEW:
            shown = [*shown[: PREVIEW - 1], "…"]
        # A command has to be read whole, so it wraps; a value keeps its shape, so it is cut.
        widest = WIDTH if len(shown) > 1 else 600
        text = Text("\n".join(one_line(line, widest) for line in shown))
        self.query_one("#copied", Static).update(text)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """This one."""
        self.dismiss(self._items[event.option_index])


def _option(item: Copyable) -> Option:
    if item.text is None:
        line = Content.assemble((f" {item.key}  ", "dim"), (f"no {item.name}", "dim"))
        return Option(line, disabled=True)
    size = f"{len(item.text):,} characters" if len(item.text) > 60 else one_line(item.text)
    line = Content.assemble(
        (f" {item.key}  ", "bold $text-accent"), f"{item.name:<10}", (size, "$foreground 60%")
    )
    return Option(line)
