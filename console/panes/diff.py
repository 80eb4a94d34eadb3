"""This run beside another one."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Final
from uuid import UUID

from textual.content import Content

from console.dialogs.value import ValueDialog
from console.panes.list_pane import ListPane
from console.present.diff import OTHER_ARGUMENTS, DiffRows, Pair, compare, summary
from console.present.history import body
from console.present.plain import short_id
from console.present.steps import Step, fold
from console.present.values import pretty
from console.run_source import SHOWN_PAYLOAD, Span
from console.session import Session
from console.widgets.bars import palette_of
from continuum.errors import RunNotFound
from continuum.model import HistoryEvent, Run

MOST_EVENTS: Final = 2_000
"""Events of each run that are compared."""
PAGE: Final = 500


class DiffPane(ListPane[Pair]):
    """The other run is the latest good one of the same version, until one is named."""

    tab: ClassVar[str] = "diff"

    def __init__(self, session: Session, run_id: UUID) -> None:
        super().__init__(session, run_id, DiffRows())
        self._chosen: UUID | None = None
        self._other: Run | None = None
        self._pairs: list[Pair] = []
        self._compared: tuple[object, ...] | None = None

    def choose(self, run_id: UUID) -> None:
        """Compare with this one from now on."""
        self._chosen, self._compared = run_id, None
        self.post_message(self.Hungry())

    async def read(self, run: Run) -> Callable[[], None]:
        """Both journals, when one of the runs went on since they were compared."""
        if self._chosen is not None:
            try:
                other = await self.session.source.run(self._chosen)
            except RunNotFound:
                return partial(self._nobody, f"there is no run {self._chosen}")
        elif self._other is not None and self._compared is not None:
            other = self._other
        else:
            other = await self.reads.partner(run)
        if other is None:
            return partial(self._nobody, "no run of this version has completed; D names another")
        seen = (run.updated_at, run.state, other.id, other.updated_at)
        if seen == self._compared:
            return partial(self._show, other, None, seen)
        mine, theirs = await self._steps(run.id), await self._steps(other.id)
        return partial(self._show, other, compare(mine, theirs), seen)

    async def _steps(self, run_id: UUID) -> list[Step]:
        found: list[HistoryEvent] = []
        while len(found) < MOST_EVENTS:
            after = found[-1].seq if found else 0
            page = await self.reads.events(run_id, Span(after, None, PAGE, False, SHOWN_PAYLOAD))
            found += page
            if len(page) < PAGE:
                break
        return fold(found)

    def _nobody(self, why: str) -> None:
        self._other, self._compared, self._pairs = None, None, []
        self.list.set_rows([])
        self.list.border_title = Content(f"diff · {why}")

    def _show(self, other: Run, pairs: Sequence[Pair] | None, seen: tuple[object, ...]) -> None:
        first = self._compared is None
        self._other, self._compared = other, seen
        if pairs is not None:
            self._pairs = list(pairs)
            self.list.set_rows(self._pairs)
            if first:
                self._to_first_difference()
        self.list.border_title = Content(
            f"diff with {short_id(other.id)} ({other.state}) · {summary(self._pairs)}"
        )

    def _to_first_difference(self) -> None:
        """Other arguments are what two orders always have: what came of them tells more."""
        parted = [i for i, p in enumerate(self._pairs) if p.verdict not in ("same", "slower")]
        telling = [i for i in parted if self._pairs[i].why != OTHER_ARGUMENTS]
        if self._pairs:
            self.list.to_row((telling or parted or [0])[0])

    def enter(self) -> None:
        """The last event of the step in both runs."""
        pair = self.list.cursor_row
        if pair is None:
            return
        shown = {
            name: [{"event": event.type, "data": body(event)} for event in step.events]
            for name, step in (("this run", pair.left), ("the other", pair.right))
            if step is not None
        }
        self.app.push_screen(ValueDialog("both runs", pretty(shown, palette_of(self))))

    def run_under_cursor(self) -> UUID | None:
        """The other run."""
        return None if self._other is None else self._other.id
