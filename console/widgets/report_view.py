"""A report to walk through: blocks of lines, of which the cursor visits those that say something.

Like the list of runs it is drawn line by line, and its cursor belongs to what a block is about, so
a refresh leaves it where it was.
"""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
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

from console.present.blocks import Block
from console.themes import Palette
from console.widgets.early import EarlyMoves

GUTTER = 2

Build = Callable[[int, Palette], Sequence[Block]]
"""Makes the blocks for a width."""


class ReportView(ScrollView, can_focus=True, inherit_bindings=False):
    """The widget."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(0)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"report--cursor", "report--cursor-blurred"}

    stale: reactive[bool] = reactive(False)
    """Dim everything: what is shown could not be read again."""

    class Chosen(Message):
        """A click on the block under the cursor."""

    class Moved(Message):
        """The cursor is on another block."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.palette = Palette.from_variables({})
        self.blocks: Sequence[Block] = ()
        self._build: Build = lambda _width, _palette: ()
        self._lines: list[tuple[Text, int]] = []
        self._tops: list[int] = []
        self._cursor: Hashable | None = None
        self._early = EarlyMoves()

    # what is shown

    def put(self, build: Build, *, reading: bool = False) -> None:
        """Show these blocks; the cursor stays on what it was on, or near it.

        Moves are made later as long as the report itself is still being read.
        """
        self._build = build
        self.relayout()
        if not reading:
            self._early.make()

    def relayout(self) -> None:
        """Make the blocks anew for the width there is."""
        before = self.cursor_index
        width = max(20, self.scrollable_content_region.width - GUTTER - 1)
        self.blocks = self._build(width, self.palette)
        self._lines, self._tops = [], []
        for index, block in enumerate(self.blocks):
            self._tops.append(len(self._lines))
            self._lines.extend((line, index) for line in block.lines)
        self.virtual_size = Size(0, len(self._lines))
        keys = [block.key for block in self.blocks]
        if self._cursor is None or self._cursor not in keys:
            places = self._places()
            near = [index for index in places if before is not None and index >= before]
            self._cursor = keys[(near or places[-1:] if before is not None else places)[0]] if (
                places
            ) else None  # fmt: skip
            self.post_message(self.Moved())
        self.refresh()

    def _places(self) -> list[int]:
        return [index for index, block in enumerate(self.blocks) if block.key is not None]

    @property
    def cursor_index(self) -> int | None:
        """Index of the block under the cursor; None where there is none to visit."""
        if self._cursor is None:
            return None
        keys = [block.key for block in self.blocks]
        return keys.index(self._cursor) if self._cursor in keys else None

    @property
    def cursor_block(self) -> Block | None:
        """The block under the cursor."""
        index = self.cursor_index
        return None if index is None else self.blocks[index]

    # moving

    def action_move(self, step: int) -> None:
        """To the next block, or the one before; at either end the rest comes into view."""
        if self._early.keep(partial(self.action_move, step)):
            return
        places, index = self._places(), self.cursor_index
        if index is None:
            self._scroll(self.scroll_offset.y + step)
            return
        wanted = places.index(index) + step
        if 0 <= wanted < len(places):
            self._go(places[wanted])
        else:
            self._scroll(0 if step < 0 else len(self._lines))

    def action_page(self, step: int) -> None:
        """One screen up or down, to the first block in it."""
        if self._early.keep(partial(self.action_page, step)):
            return
        height = max(1, self.scrollable_content_region.height - 1)
        index = self.cursor_index
        if index is None:
            self._scroll(self.scroll_offset.y + step * height)
            return
        line = self._tops[index] + step * height
        places = self._places()
        after = [place for place in places if self._tops[place] >= line]
        self._go(after[0] if after else places[-1])

    def action_edge(self, end: int) -> None:
        """To the first or the last block."""
        if self._early.keep(partial(self.action_edge, end)):
            return
        places = self._places()
        if places:
            self._go(places[-1 if end else 0])
        self._scroll(len(self._lines) if end else 0)

    def _go(self, index: int) -> None:
        self._cursor = self.blocks[index].key
        self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    def _show_cursor(self) -> None:
        """The whole block in view, and what heads it when it is the first of its section."""
        index = self.cursor_index
        if index is None:
            return
        first, bottom = index, self._tops[index] + len(self.blocks[index].lines)
        while first > 0 and self.blocks[first - 1].key is None:
            first -= 1
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        if bottom > top + height:
            self._scroll(min(bottom - height, self._tops[index]))
        elif self._tops[first] < top:
            self._scroll(max(self._tops[first], bottom - height))

    def _scroll(self, y: int) -> None:
        self.scroll_to(y=max(0, y), animate=False, immediate=True, force=True)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a block; a click on the one under it opens it."""
        offset = event.get_content_offset(self)
        line = None if offset is None else self.scroll_offset.y + offset.y
        if line is None or line >= len(self._lines):
            return
        index = self._lines[line][1]
        if index == self.cursor_index:
            self.post_message(self.Chosen())
        elif self.blocks[index].key is not None:
            self._go(index)

    # drawing

    def on_resize(self) -> None:
        """The text is wrapped for the new width."""
        self.relayout()
        self.call_after_refresh(self._show_cursor)

    def render_line(self, y: int) -> Strip:
        """One line in view."""
        width = self.scrollable_content_region.width
        at = self.scroll_offset.y + y
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        text, index = self._lines[at]
        style, mark = self.rich_style, "  "
        if index == self.cursor_index:
            name = "report--cursor" if self.has_focus else "report--cursor-blurred"
            style = self.get_component_rich_style(name)
            mark = "▸ " if at == self._tops[index] else "  "
        line = Text(mark, style=self.palette.accent)
        line.append_text(text)
        line.truncate(width, overflow="ellipsis")
        line.end, line.no_wrap = "", True
        segments = [Segment(part.text, part.style) for part in line.render(self.app.console)]
        strip = Strip(segments).adjust_cell_length(width).apply_style(style)
        return strip.apply_style(Style(dim=True)) if self.stale else strip
