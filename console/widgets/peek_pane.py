"""The pane with the run under the cursor, beside the list or below it."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from rich.text import Text
from textual.content import Content
from textual.widget import Widget

from console.peek import PeekFeed
from console.present.peek import peek
from console.present.plain import short_id, short_name
from console.session import Session
from console.widgets.bars import palette_of
from continuum.model import Run


class PeekPane(Widget):
    """Shows what is known of a run at once, and the rest when it was read.

    Args:
        session: whose source is asked.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.feed = PeekFeed(session, self._changed)
        self.run: Run | None = None
        self.display = False

    def show(self, run: Run | None) -> None:
        """The run under the cursor, as the list has it; None for none."""
        if not self.display:
            return
        self.run = run
        if run is None:
            self.feed.stop()
            self.border_title = Content("")
        else:
            self.feed.want(run)
            self.border_title = Content(f"{short_name(run.workflow)} {short_id(run.id)}")
        self.refresh()

    def _changed(self) -> None:
        self.refresh()

    def close(self) -> None:
        """Hide it, and read no more."""
        self.display = False
        self.feed.stop()

    def on_unmount(self) -> None:
        """A screen that goes reads nothing more."""
        self.feed.stop()

    def render(self) -> Text:
        """What there is room for."""
        run, room = self.run, self.scrollable_content_region
        if run is None or room.width < 1 or room.height < 1:
            return Text("no run under the cursor", palette_of(self).faint)
        glance = self.feed.of(run.id)
        now = self._session.database_time() or run.updated_at
        shown = peek(run, glance, self.feed.error, now, room.width, room.height, palette_of(self))
        return Text("\n", no_wrap=True).join(shown)
