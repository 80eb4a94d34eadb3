"""The peek pane of the list of runs."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from typing import TypeVar

from console.screens.aiming import AimingScreen
from console.widgets.peek_pane import PeekPane

T = TypeVar("T")


class PeekingScreen(AimingScreen[T]):
    """A list beside which the run under the cursor can be shown."""

    @property
    def peek_pane(self) -> PeekPane:
        """The pane, which may be hidden."""
        return self.query_one(PeekPane)

    def on_screen_suspend(self) -> None:
        """Nothing is read below a dialog."""
        self.peek_pane.feed.stop()

    def on_screen_resume(self) -> None:
        """The run under the cursor again."""
        self.follow_cursor()

    def follow_cursor(self) -> None:
        """The cursor may be on another run, or its run has changed."""
        self.peek_pane.show(self.list.cursor_row)

    def do_peek(self) -> None:
        """Show the pane, or hide it."""
        pane = self.peek_pane
        if pane.display:
            pane.close()
        else:
            pane.display = True
            self.follow_cursor()
