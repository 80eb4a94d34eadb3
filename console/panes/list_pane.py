"""Panes that are one list of rows."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from typing import Generic, TypeVar, cast
from uuid import UUID

from textual.app import ComposeResult

from console.messages import OpenRun
from console.panes.pane import Pane
from console.session import Session
from console.themes import Palette
from console.widgets.row_list import RowList, RowPresenter

T = TypeVar("T")


class ListPane(Pane, Generic[T]):
    """A tab that holds only a list; the cursor stays where it is put.

    Args:
        rows: how they look.
    """

    def __init__(self, session: Session, run_id: UUID, rows: RowPresenter[T]) -> None:
        super().__init__(session, run_id)
        self._presenter = rows

    def compose(self) -> ComposeResult:
        """Only the list."""
        yield RowList[T](self._presenter, id=self.tab)

    def on_mount(self) -> None:
        """The list follows nothing."""
        self.list.hold()

    @property
    def list(self) -> RowList[T]:
        """The rows."""
        return cast("RowList[T]", self.query_one(f"#{self.tab}"))

    def paint(self, palette: Palette) -> None:
        """All anew."""
        self.list.palette = palette
        self.list.refresh()

    def dim(self, stale: bool) -> None:
        """Old rows stay, dimmed."""
        self.list.stale = stale

    def on_row_list_chosen(self) -> None:
        """A click on the highlighted row."""
        self.enter()

    def enter(self) -> None:
        """Open the run under the cursor, where rows are runs."""
        if (run_id := self.run_under_cursor()) is not None:
            self.post_message(OpenRun(run_id))
