"""What every pane of the Run screen has in common."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from textual.containers import Vertical
from textual.message import Message

from console.run_source import RunReads
from console.session import Session
from console.themes import Palette
from continuum.model import Run


class Pane(Vertical):
    """One tab of a run. It asks its screen to read by posting `Hungry`.

    Attributes:
        name: of the tab, and of its action.
        run: as it was read last; None before.
    """

    tab: ClassVar[str]

    class Hungry(Message):
        """There is more to read than the next regular look would."""

    class Said(Message):
        """Something to tell for a few seconds."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(self, session: Session, run_id: UUID) -> None:
        super().__init__(id=f"pane-{self.tab}")
        self.session = session
        self.run_id = run_id
        self.run: Run | None = None

    @property
    def reads(self) -> RunReads:
        """Where to look."""
        return self.session.source.run_reads

    @abstractmethod
    async def read(self, run: Run) -> Callable[[], None]:
        """Read what the pane shows; the answer puts it on screen. Touches no widget."""

    def present(self, run: Run, at: datetime) -> None:
        """The run was read again, at `at` by the database's clock."""
        del at
        self.run = run

    @abstractmethod
    def paint(self, palette: Palette) -> None:
        """Another theme is active, or the first one."""

    @abstractmethod
    def dim(self, stale: bool) -> None:
        """Draw old data as old."""

    @abstractmethod
    def enter(self) -> None:
        """`Enter`: open what is under the cursor."""

    def refusal(self, name: str) -> str | None:
        """Why an action does nothing in this pane, or None."""
        del name
        return None

    def clear(self) -> bool:
        """`Esc`: undo a filter; False when there is none."""
        return False

    def run_under_cursor(self) -> UUID | None:
        """Another run that can be opened from here."""
        return None

    def find(self, words: str) -> None:
        """Look for words; only where `finds`."""
        del words

    finds: ClassVar[bool] = False
    """Whether `/` does something here."""

    @property
    def words(self) -> str:
        """What was looked for."""
        return ""
