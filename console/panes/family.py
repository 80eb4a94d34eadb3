"""The family of a run: its parent, its siblings in numbers, its children page by page."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import ClassVar
from uuid import UUID

from textual.content import Content

from console.panes.list_pane import ListPane
from console.present.family import FamilyRows, Relative, summary
from console.run_source import ChildPage
from console.session import Session
from continuum.errors import RunNotFound
from continuum.model import Run


class FamilyPane(ListPane[Relative]):
    """`Enter` opens the run under the cursor."""

    tab: ClassVar[str] = "family"

    def __init__(self, session: Session, run_id: UUID) -> None:
        self._rows = FamilyRows()
        super().__init__(session, run_id, self._rows)
        self._pages: list[ChildPage] = []
        self._more = False
        self.failures = False
        self._asked = 0

    async def read(self, run: Run) -> Callable[[], None]:
        """The first page again, and the next one when the cursor is near the end."""
        parent: Run | None = None
        siblings: Mapping[str, int] = {}
        if run.parent_id is not None:
            try:
                parent = await self.session.source.run(run.parent_id)
            except RunNotFound:  # pruned; its children stay
                parent = None
            siblings = await self.reads.child_counts(run.parent_id)
        children = await self.reads.child_counts(run.id)
        asked, failed = self._asked, self.failures
        first = await self.reads.children(run.id, failed=failed, cursor=None)
        pages = [first, *self._pages[1:]]
        if self._more and self._pages and (cursor := pages[-1].cursor) is not None:
            pages.append(await self.reads.children(run.id, failed=failed, cursor=cursor))
        return partial(self._show, asked, run, parent, siblings, children, pages)

    def _show(
        self,
        asked: int,
        run: Run,
        parent: Run | None,
        siblings: Mapping[str, int],
        children: Mapping[str, int],
        pages: list[ChildPage],
    ) -> None:
        if asked != self._asked:  # failures were switched meanwhile
            return
        self._pages, self._more = pages, False
        self._rows.rooted = parent is not None
        rows = [] if parent is None else [Relative("parent", parent)]
        rows.append(Relative("self", run))
        seen: set[UUID] = set()
        for page in pages:
            rows += [Relative("child", child) for child in page.runs if child.id not in seen]
            seen.update(child.id for child in page.runs)
        self.list.set_rows(rows)
        self.list.border_title = Content(" · ".join(self._title(siblings, children, len(seen))))

    def _title(
        self, siblings: Mapping[str, int], children: Mapping[str, int], held: int
    ) -> list[str]:
        parts = ["family"]
        if siblings:
            parts.append(f"it and its siblings {summary(siblings)}")
        parts.append(f"children {summary(children)}" if children else "no children")
        if self.failures:
            parts.append("only failed ones, Esc clears")
        elif held < sum(children.values()):
            parts.append(f"the first {held:,}")
        return parts

    def present(self, run: Run, at: datetime) -> None:
        """Ages count from now."""
        super().present(run, at)
        self._rows.now = at

    def on_row_list_near_end(self) -> None:
        """Read the next page."""
        if self._pages and self._pages[-1].cursor is not None and not self._more:
            self._more = True
            self.post_message(self.Hungry())

    def run_under_cursor(self) -> UUID | None:
        """Another one than this."""
        row = self.list.cursor_row
        return None if row is None or row.place == "self" else row.run.id

    def toggle_failures(self) -> None:
        """Only children that failed, or all again."""
        self.failures = not self.failures
        self._pages, self._more = [], False
        self._asked += 1
        self.post_message(self.Hungry())

    def clear(self) -> bool:
        """All children again."""
        if self.failures:
            self.toggle_failures()
            return True
        return False
