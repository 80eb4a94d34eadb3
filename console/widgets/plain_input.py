"""A line of text that may hold what others wrote: nothing in it commands the terminal."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from rich.text import Text
from textual.widgets import Input

from console.present.plain import stand_ins


class PlainInput(Input):
    """Draws control and invisible characters as one visible character each; the text keeps them."""

    @property
    def _value(self) -> Text:
        return Text(stand_ins(self.value), no_wrap=True, overflow="ignore", end="")
