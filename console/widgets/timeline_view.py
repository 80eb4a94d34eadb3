"""The timeline as a widget: rows of bars below a ruler, and a cursor on both axes."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.present import timeline
from console.present.scale import Scale
from console.present.steps import Step
from console.themes import Palette
from console.widgets.early import EarlyMoves
from continuum.model import HistoryEvent


class TimelineView(ScrollView, can_focus=True, inherit_bindings=False):
    """Only the rows in view are drawn; the cursor is held by its step and its moment."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "row(-1)", show=False),
        Binding("down,j", "row(1)", show=False),
        Binding("left,h", "column(-1)", show=False),
        Binding("right,l", "column(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"timeline--cursor"}

    stale: reactive[bool] = reactive(False)
    """Dim everything: what is shown could not be read again."""

    class Moved(Message):
        """The cursor is at another event."""

    class Chosen(Message):
        """A click on the place under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.palette = Palette.from_variables({})
        self.window: timeline.Window | None = None
        self.steps: tuple[Step, ...] = ()
        self._scale: Scale | None = None
        self._all: timeline.Window | None = None
        self._shown: tuple[Step, ...] = ()
        self._now: datetime | None = None
        self._cursor: tuple[str, int, int] | None = None
        self._at: datetime | None = None
        self._early = EarlyMoves()

    # what is shown

    def set_steps(self, steps: Sequence[Step], now: datetime | None) -> None:
        """Replace everything; `now` is None for a run that has ended."""
        before, self._all = self._all, timeline.whole(steps, now)
        self.steps, self._now = tuple(steps), now
        if self.window is None or self.window == before or self._all is None:
            self.window = self._all
        self._lay_out()
        if self._shown:
            self._early.make()

    def zoom(self, factor: float) -> None:
        """Show `factor` times as much time, around the cursor."""
        if self.window is None or self._all is None:
            return
        at = self._at or self.window.start
        self.window = self.window.around(at, factor, self._all)
        self._lay_out()

    @property
    def zoomed(self) -> bool:
        """Whether less than all is shown."""
        return self.window != self._all

    def show_all(self) -> None:
        """All the time there is."""
        self.window = self._all
        self._lay_out()

    @property
    def end(self) -> datetime:
        """How far what has not ended is drawn."""
        if self._now is not None or self._all is None:
            return self._now or datetime.now(UTC)
        return self._all.end

    def _lay_out(self) -> None:
        if self.window is None:
            self._scale, self._shown = None, ()
            self.virtual_size = Size(0, 1)
            self.refresh()
            return
        width = self.scrollable_content_region.width - self._name_width - 2
        self._shown = tuple(s for s in self.steps if self.window.holds(s, self.end))
        self._scale = timeline.axis(self._shown, self.window, self._now, width)
        self.virtual_size = Size(0, len(self._shown) + 1)
        if self._shown and self._row is None:
            self._cursor = self._shown[-1].key
            self._at = self._shown[-1].last.at
            self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    @property
    def _name_width(self) -> int:
        return min(timeline.NAME, max(10, self.scrollable_content_region.width // 4))

    # the cursor

    @property
    def _row(self) -> int | None:
        for index, step in enumerate(self._shown):
            if step.key == self._cursor:
                return index
        return None

    @property
    def step(self) -> Step | None:
        """The step under the cursor."""
        return None if self._row is None else self._shown[self._row]

    @property
    def event(self) -> HistoryEvent | None:
        """The event of that step that is closest to the cursor."""
        step = self.step
        return None if step is None else timeline.nearest(step, self._at or step.head.at)

    @property
    def column(self) -> int:
        """Where on the axis the cursor is."""
        if self._scale is None or self._at is None:
            return 0
        return self._scale.x(self._at)

    def action_row(self, step: int) -> None:
        """One row up or down; the moment stays."""
        if not self._early.keep(partial(self.action_row, step)):
            self._to_row((self._row or 0) + step)

    def action_page(self, step: int) -> None:
        """One screen up or down."""
        if not self._early.keep(partial(self.action_page, step)):
            self._to_row((self._row or 0) + step * max(1, self._height - 1))

    def action_edge(self, end: int) -> None:
        """The first or the last row, at its own event."""
        if self._early.keep(partial(self.action_edge, end)):
            return
        self._to_row(len(self._shown) - 1 if end else 0)
        if (step := self.step) is not None:
            self._at = step.last.at if end else step.head.at
            self._moved()

    def action_column(self, step: int) -> None:
        """To the next event of any step in view, so that no key press is lost in a gap."""
        if self._early.keep(partial(self.action_column, step)):
            return
        if self._scale is None:
            return
        here = self.column
        times = sorted({event.at for shown in self._shown for event in shown.events})
        window = self.window
        places = [at for at in times if window is not None and window.start <= at <= window.end]
        if step > 0:
            found = next((at for at in places if self._scale.x(at) > here), None)
        else:
            found = next((at for at in reversed(places) if self._scale.x(at) < here), None)
        if found is not None:
            self._at = found
            self._moved()

    def _to_row(self, index: int) -> None:
        if self._shown:
            self._cursor = self._shown[max(0, min(len(self._shown) - 1, index))].key
            self._show_cursor()
            self._moved()

    def _moved(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    def _show_cursor(self) -> None:
        row, top = self._row, self.scroll_offset.y
        if row is None:
            return
        if row < top:
            self.scroll_to(y=row, animate=False, immediate=True, force=True)
        elif row >= top + self._height:
            self.scroll_to(y=row - self._height + 1, animate=False, immediate=True, force=True)

    @property
    def _height(self) -> int:
        return max(1, self.scrollable_content_region.height - 1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y == 0 or self._scale is None:
            return
        before = (self._cursor, self.column)
        index = self.scroll_offset.y + offset.y - 1
        if index < len(self._shown):
            self._cursor = self._shown[index].key
            self._at = self._scale.at(max(0, offset.x - self._name_width - 2))
            self._moved()
            if before == (self._cursor, self.column):
                self.post_message(self.Chosen())

    # drawing

    def on_resize(self) -> None:
        """Another width, another scale."""
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        """Line 0 is the ruler, the rest the rows in view."""
        width = self.scrollable_content_region.width
        if self._scale is None or self.window is None:
            return Strip.blank(width, self.rich_style)
        if y == 0:
            line = Text(" " * (self._name_width + 2)).append_text(
                timeline.ruler(self._scale, self.palette)
            )
            return self._strip(line, width, self.rich_style)
        index = self.scroll_offset.y + y - 1
        if index >= len(self._shown):
            return Strip.blank(width, self.rich_style)
        step = self._shown[index]
        on = step.key == self._cursor
        line = Text("▸ " if on else "  ", self.palette.accent)
        line.append_text(timeline.name_cell(step, self.palette, self._name_width))
        row = timeline.cells(step, self._scale, self.window, self.end, self.palette)
        row.stylize(Style(reverse=True) if on else Style(underline=True), *self._cursor_cell())
        style = self.get_component_rich_style("timeline--cursor") if on else self.rich_style
        return self._strip(line.append_text(row), width, style)

    def _cursor_cell(self) -> tuple[int, int]:
        return (self.column, self.column + 1)

    def _strip(self, line: Text, width: int, style: Style) -> Strip:
        line.end, line.no_wrap = "", True
        segments = [
            Segment(segment.text, segment.style) for segment in line.render(self.app.console)
        ]
        strip = Strip(segments).adjust_cell_length(width).apply_style(style)
        return strip.apply_style(Style(dim=True)) if self.stale else strip
