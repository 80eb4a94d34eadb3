"""What a run waits for, as a tree over runs and queues."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import ClassVar
from uuid import UUID

from textual.content import Content

from console.panes.list_pane import ListPane
from console.present.chain import ChainRow, ChainTree, chain_rows
from console.session import Session
from continuum.model import Run, WaitNode


class WaitsPane(ListPane[ChainRow]):
    """`Enter` opens the run under the cursor."""

    tab: ClassVar[str] = "waits"

    def __init__(self, session: Session, run_id: UUID) -> None:
        self._rows = ChainTree()
        super().__init__(session, run_id, self._rows)

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

    def run_under_cursor(self) -> UUID | None:
        """Another one than this."""
        row = self.list.cursor_row
        return None if row is None or row.run_id == self.run_id else row.run_id
