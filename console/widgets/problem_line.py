"""What is wrong with the line above, with a mark under its place."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.parent` open.

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from console.present.asking import pointed_out

_PROMPT = 4
"""Cells beside the text of the line: the prompt and what is around it."""


class ProblemLine(Static):
    """Hidden until there is a problem; below the input of a bar as wide as its parent."""

    def __init__(self) -> None:
        super().__init__("", classes="problem", markup=False)
        self.display = False

    def say(self, problem: str, at: int | None) -> None:
        """Show a problem, and the column of the text that it is at, if any."""
        bar = self.parent
        assert isinstance(bar, Widget)
        self.update(Content(pointed_out(problem, at, bar.size.width - _PROMPT)))
        self.display = True

    def clear(self) -> None:
        """The text has changed, or there is nothing wrong with it."""
        self.display = False
