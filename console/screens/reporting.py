"""Screens that show a report: a summary, and blocks of which most lead to runs."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from console.messages import ShowRuns
from console.present.blocks import Block
from console.screens.live import LiveScreen
from console.session import Session
from console.source import RunsQuery
from console.themes import Palette
from console.widgets.bars import palette_of
from console.widgets.report_view import ReportView

T = TypeVar("T")


class ReportScreen(LiveScreen[T]):
    """A summary above the report; `Enter` opens the runs behind what the cursor is on."""

    AUTO_FOCUS = "ReportView"
    reading: ClassVar[str]
    """What to say before the first answer."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.loaded: T | None = None

    @abstractmethod
    def heading(self, loaded: T) -> str:
        """What stands in the frame."""

    @abstractmethod
    def summary(self, loaded: T, width: int, palette: Palette) -> Text:
        """The answer in one line or two."""

    @abstractmethod
    def blocks(self, loaded: T, width: int, palette: Palette) -> Sequence[Block]:
        """The report."""

    @property
    def scope(self) -> str | None:
        """Reports are about every namespace."""
        return None

    def body(self) -> ComposeResult:
        """Summary and report."""
        yield Static(id="summary")
        yield ReportView()

    def on_mount(self) -> None:
        """Say that it is being read."""
        self.view.palette = palette_of(self)
        self.redraw()

    @property
    def view(self) -> ReportView:
        """The report."""
        return self.query_one(ReportView)

    def show(self, loaded: T) -> None:
        """Swap the report at once."""
        self.loaded = loaded
        self.recovered()
        self.redraw()

    def fail(self, trouble: object) -> None:
        """Keep what is on screen, dimmed; before the first answer say that there is none."""
        super().fail(trouble)  # pyright: ignore[reportArgumentType]
        self.redraw()

    def dim(self, stale: bool) -> None:
        """Old data as old."""
        self.view.stale = stale

    def palette_changed(self) -> None:
        """Another theme."""
        self.view.palette = palette_of(self)
        self.redraw()

    def on_resize(self) -> None:
        """The summary is wrapped for the new width."""
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """All of it from what was loaded last."""
        summary, loaded = self.query_one("#summary", Static), self.loaded
        if loaded is None:
            failed = self.live.trouble is not None
            words = "nothing could be read yet" if failed else self.reading
            summary.display = False
            self.view.border_title = Content("")
            self.view.put(lambda _, palette: [Block((Text(words, palette.muted),))], reading=True)
            return
        summary.display = True
        summary.update(self.summary(loaded, max(20, self.size.width - 4), palette_of(self)))
        self.view.border_title = Content(self.heading(loaded))
        self.view.put(lambda width, palette: self.blocks(loaded, width, palette))

    def unavailable(self, name: str) -> str | None:
        """Only what has runs behind it opens."""
        if name != "runs_behind":
            return super().unavailable(name)
        block = self.view.cursor_block
        if block is None or block.opening is None:
            return "no run is behind this line"
        return None if block.opening.where is not None else block.opening.why_not

    def do_runs_behind(self) -> None:
        """The runs behind what the cursor is on, as a query."""
        block = self.view.cursor_block
        if block is None or block.opening is None or block.opening.where is None:
            return
        query = RunsQuery(None, expression=block.opening.where)
        self.post_message(ShowRuns(query, block.opening.crumb, self.action_screen))

    async def on_report_view_chosen(self) -> None:
        """A click opens as `Enter` does."""
        await self.action_perform("runs_behind")

    def on_report_view_moved(self) -> None:
        """Other keys may do something now."""
        self.update_bars()
