"""Marks on the list of runs, and acts upon what is marked or upon every run of the query."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from console.bulk_source import FEW, Selection
from console.dialogs.choose import ChooseDialog
from console.marks import Marks
from console.screens.viewing import ViewingScreen
from console.session import Session
from continuum.model import Run

T = TypeVar("T")

_UPON_ALL: Final = ("signal", "attributes", "hold", "cancel")
"""The least harm first."""
_OF_MARKS: Final = frozenset({"signal", "attributes", "cancel", "hold"})


class MarkingScreen(ViewingScreen[T]):
    """A list whose runs can be marked."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.marks = Marks()

    def on_mount(self) -> None:
        """The table shows them."""
        self.list.marked = self.marks

    def unavailable(self, name: str) -> str | None:
        """What is marked can be acted upon, whatever is under the cursor."""
        if name in _OF_MARKS and self.marks:
            return None
        if name in ("mark", "mark_range", "mark_all", "all_matching") and not self.list.rows:
            return "no runs here"
        if name == "unmark" and not self.marks:
            return "nothing is marked"
        return super().unavailable(name)

    def left(self, before: Sequence[Run]) -> None:
        """The rows were read again: what is no longer an answer is no longer marked."""
        now = {run.id for run in self.list.rows}
        gone = self.marks.drop(run.id for run in before if run.id not in now)
        if gone:
            runs = "1 marked run" if gone == 1 else f"{gone:,} marked runs"
            self.toast(f"{runs} left this view: not marked any more", "warning")

    @property
    def hidden(self) -> int:
        """Marked runs that are not in the list."""
        return self.marks.hidden({run.id for run in self.list.rows})

    @property
    def marked_words(self) -> str:
        """`3 marked (1 hidden)`; empty when nothing is."""
        if self.marks.everything:
            return "all of the query marked"
        if not self.marks:
            return ""
        hidden = f" ({self.hidden:,} hidden)" if self.hidden else ""
        return f"{len(self.marks):,} marked{hidden}"

    def selection(self) -> Selection | None:
        """What is marked, frozen; None when nothing is."""
        if not self.marks:
            return None
        query = self.runs_query
        ids = () if self.marks.everything else tuple(self.marks)
        return Selection(query.namespace, query.expression, ids, self.hidden)

    def acted(self) -> None:
        """Marks have served."""
        self.marks.clear()
        self.redraw_marks()

    def redraw_marks(self) -> None:
        """Show what is marked now."""
        self.list.hold()
        self.list.refresh()
        self._redraw()
        self.update_bars()

    def _redraw(self) -> None:
        """Draw what is around the rows."""

    # actions

    def do_mark(self) -> None:
        """The run under the cursor, or take its mark; on to the next one."""
        if (run := self.target()) is None:
            return
        if len(self.marks) >= FEW and run.id not in self.marks:
            self.toast(f"at most {FEW:,} runs can be marked: * marks the whole query", "warning")
            return
        self.marks.toggle(run.id)
        self.list.action_move(1)
        self.redraw_marks()

    def do_mark_range(self) -> None:
        """From the run that was marked last to the one under the cursor."""
        if (run := self.target()) is not None:
            self.marks.to(run.id, [each.id for each in self.list.rows])
            self.redraw_marks()

    def do_mark_all(self) -> None:
        """Every run of the query."""
        self.marks.all()
        self.redraw_marks()

    def do_unmark(self) -> None:
        """None."""
        self.marks.clear()
        self.redraw_marks()

    def do_all_matching(self) -> None:
        """Choose what to do to every run of the query."""
        query = self.runs_query
        everything = Selection(query.namespace, query.expression)

        def take(index: int | None) -> None:
            if index is not None:
                self.act_upon(_UPON_ALL[index], everything)

        names = (
            "Send them a signal…",
            "Change their attributes…",
            "Pause or resume them…",
            "Cancel them…",
        )
        self.app.push_screen(ChooseDialog("every run of the query", names), take)
