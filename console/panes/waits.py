"""What a run waits for, as a tree over runs and queues."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import ClassVar, cast
from uuid import UUID

from textual.app import ComposeResult
from textual.content import Content

from console.messages import OpenRun
from console.panes.pane import Pane
from console.present.chain import ChainRow, ChainTree, chain_rows
from console.session import Session
from console.themes import Palette
from console.widgets.row_list import RowList
from continuum.model import Run, WaitNode


class WaitsPane(Pane):
    """`Enter` opens the run under the cursor."""

    tab: ClassVar[str] = "waits"

    def __init__(self, session: Session, run_id: UUID) -> None:
        super().__init__(session, run_id)
        self._rows = ChainTree()

    def compose(self) -> ComposeResult:
        """Only the list."""
        yield RowList[ChainRow](self._rows, id="waits")

    def on_mount(self) -> None:
        """The cursor stays where it is put."""
        self.list.hold()

    @property
    def list(self) -> RowList[ChainRow]:
        """The rows."""
        return cast("RowList[ChainRow]", self.query_one("#waits"))

    async def read(self, run: Run) -> Callable[[], None]:
        """The chain, all of it."""
        return partial(self._show, await self.reads.wait_chain(run.id))

    def _show(self, node: WaitNode) -> None:
        rows = chain_rows(node)
        self.list.set_rows(rows)
        runs = sum(row.node is not None for row in rows)
        self.list.border_title = Content(f"waits · {runs} run{'s' if runs > 1 else ''}")

    def present(self, run: Run, at: datetime) -> None:
        """Times left count from now."""
        super().present(run, at)
        self._rows.now = at

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
        """Open the run."""
        if (run_id := self.run_under_cursor()) is not None:
            self.post_message(OpenRun(run_id))

    def run_under_cursor(self) -> UUID | None:
        """Another one than this."""
        row = self.list.cursor_row
        return None if row is None or row.run_id == self.run_id else row.run_id
