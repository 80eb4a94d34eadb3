"""Acts hit the run that was seen under the cursor, also when that has just changed by itself."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from console.present.plain import short_id
from console.screens.acting import ON_A_RUN
from console.screens.marking import MarkingScreen
from console.session import Session
from continuum.model import Run

T = TypeVar("T")

REACTION: Final = 0.3
"""Seconds that pass at least between what somebody sees and the key that answers it."""


@dataclass(frozen=True, slots=True)
class Slip:
    """The cursor came to be on another run by itself, at a time of the session's clock."""

    run: Run
    to: UUID
    at: float


class AimingScreen(MarkingScreen[T]):
    """A list whose rows change while somebody acts upon them."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._slip: Slip | None = None

    def run_in_view(self) -> Run | None:
        """The run under the cursor, as the operator can have seen it."""
        slip = self._recent_slip()
        return self.list.cursor_row if slip is None else self.list.row_of(slip.run.id)

    def target(self) -> Run | None:
        """The run that is meant; acting on it holds the cursor there.

        A key that comes when the cursor has just changed its run by itself was pressed before that
        could be seen: it is for the run before, or for none when that left the view.
        """
        slip = self._recent_slip()
        self.list.hold()
        if slip is not None and not self.list.to_key(slip.run.id):
            self.toast(f"{short_id(slip.run.id)} left this view just now", "warning")
            return None
        return self.list.cursor_row

    def unavailable(self, name: str) -> str | None:
        """Nor is a run meant that came under the cursor in the place of one that left."""
        slip = self._recent_slip() if name in ON_A_RUN and not self.marks else None
        if slip is not None and self.list.row_of(slip.run.id) is None:
            return f"{short_id(slip.run.id)} left this view just now: nothing done"
        return super().unavailable(name)

    def _recent_slip(self) -> Slip | None:
        slip, row = self._slip, self.list.cursor_row
        if slip is None or row is None or row.id != slip.to:
            return None
        return slip if self.session.clock() - slip.at < REACTION else None

    def note_slip(self, before: Run | None) -> None:
        """The rows were read again: whether the cursor is on another run now."""
        after = self.list.cursor_row
        if before is None or after is None or before.id == after.id:
            return
        self._slip = Slip(before, after.id, self.session.clock())
        self.set_timer(REACTION, self.update_bars)

    def forget_slip(self) -> None:
        """The rows are the answer to another question."""
        self._slip = None
