"""The rows of the query form, with a cursor on one cell of them."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

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

from console.form.rows import Form, Group, Joint, Line, Path, cells, lack, lines
from console.present import query_form as present
from console.widgets.bars import palette_of

GUTTER = 2


class FormRows(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws a form; what its keys and clicks ask for goes to the dialog around it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(1)", show=False),
        Binding("left,h", "across(-1)", show=False),
        Binding("right,l", "across(1)", show=False),
        Binding("tab", "along(1)", show=False),
        Binding("shift+tab", "along(-1)", show=False),
        Binding("enter", "edit", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"form--cursor", "form--cursor-blurred"}

    stale: reactive[bool] = reactive(False)
    """Dim everything: the text says something else, which cannot be read."""

    class Wanted(Message):
        """The cell under the cursor is to be edited."""

    class Moved(Message):
        """The cursor is on another cell."""

    def __init__(self) -> None:
        super().__init__()
        self._form = Form(Group(Joint.ALL))
        self._lines = lines(self._form)
        self.index = 0
        """The line under the cursor."""
        self.cell = 0
        self._places: present.Columns | None = None

    @property
    def line(self) -> Line:
        """The line under the cursor."""
        return self._lines[self.index]

    def put(self, form: Form, path: Path | None = None, cell: int | None = None) -> None:
        """Another form, and where its cursor is; without a place it stays near where it was."""
        self._form, self._lines, self._places = form, lines(form), None
        paths = [line.path for line in self._lines]
        self.index = paths.index(path) if path in paths else min(self.index, len(paths) - 1)
        self.cell = min(self.cell if cell is None else cell, cells(self.line.node) - 1)
        self.virtual_size = Size(0, len(self._lines))
        self._show_cursor()
        self.refresh()

    # moving

    def action_move(self, step: int) -> None:
        """Another row."""
        self._go(max(0, min(len(self._lines) - 1, self.index + step)), self.cell)

    def action_page(self, step: int) -> None:
        """As many rows as are in view."""
        self.action_move(step * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, end: int) -> None:
        """The first or the last row."""
        self._go(len(self._lines) - 1 if end else 0, self.cell)

    def action_across(self, step: int) -> None:
        """Another cell of the row."""
        self._go(self.index, max(0, self.cell + step))

    def action_along(self, step: int) -> None:
        """The next cell, also of the next row."""
        cell, index = self.cell + step, self.index
        if 0 <= cell < cells(self.line.node):
            self._go(index, cell)
        elif 0 <= index + step < len(self._lines):
            following = self._lines[index + step].node
            self._go(index + step, 0 if step > 0 else cells(following) - 1)

    def action_edit(self) -> None:
        """Up to the dialog."""
        self.post_message(self.Wanted())

    def _go(self, index: int, cell: int) -> None:
        self.index = index
        self.cell = min(cell, cells(self.line.node) - 1)
        self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    def _show_cursor(self) -> None:
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        wanted = max(min(top, self.index), self.index - height + 1)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, immediate=True, force=True)

    def on_resize(self) -> None:
        """The cursor stays in view."""
        self.call_after_refresh(self._show_cursor)

    def on_click(self, event: events.Click) -> None:
        """To the cell under the pointer; a click on the one under the cursor edits it."""
        offset = event.get_content_offset(self)
        index = None if offset is None else self.scroll_offset.y + offset.y
        if offset is None or index is None or index >= len(self._lines):
            return
        found = present.pieces(self._lines[index], self._columns)
        under = [n for n, piece in enumerate(found) if piece.start <= offset.x - GUTTER]
        cell = under[-1] if under else 0
        if (index, cell) == (self.index, self.cell):
            self.post_message(self.Wanted())
        else:
            self._go(index, cell)

    # drawing

    @property
    def _columns(self) -> present.Columns:
        width = max(30, self.scrollable_content_region.width - GUTTER - 1)
        if self._places is None or self._places.width != width:
            self._places = present.columns(self._form, width)
        return self._places

    def render_line(self, y: int) -> Strip:
        """One line in view."""
        width = self.scrollable_content_region.width
        at = self.scroll_offset.y + y
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        palette, line = palette_of(self), self._lines[at]
        style, here = self.rich_style, at == self.index
        if here:
            name = "form--cursor" if self.has_focus else "form--cursor-blurred"
            style = self.get_component_rich_style(name)
        fault = lack(line.node) is not None
        mark = "! " if fault else ("▸ " if here else "  ")
        shown = Text(mark, palette.bad if fault else palette.accent)
        shown.append_text(present.row(line, self._columns, palette, self.cell if here else None))
        shown.truncate(width, overflow="ellipsis")
        shown.end, shown.no_wrap = "", True
        segments = [Segment(part.text, part.style) for part in shown.render(self.app.console)]
        strip = Strip(segments).adjust_cell_length(width).apply_style(style)
        return strip.apply_style(Style(dim=True)) if self.stale else strip
