"""A list of uniform one-line rows with a header, drawn line by line.

Only the lines in view are ever rendered, so a refresh costs the same for fifty rows as for five
thousand. The cursor is held by the row's key, not by its index: rows may come and go around it.
While nobody has moved it the list follows the newest row instead (`following`).
"""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import ClassVar, Generic, Literal, Protocol, TypeVar

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

from console.present.columns import Column
from console.themes import Palette
from console.widgets.early import EarlyMoves

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class RowPresenter(Protocol[T_contra]):
    """How rows of one kind look."""

    def key(self, row: T_contra) -> Hashable:
        """What identifies the row across refreshes."""
        ...

    def marker(self, row: T_contra) -> Hashable:
        """What is worth a flash when it changes."""
        ...

    def columns(self, width: int) -> tuple[Column, ...]:
        """The columns that fit in `width` cells."""
        ...

    def cell(self, row: T_contra, column: Column, palette: Palette, *, changed: bool) -> Text:
        """One cell; may be longer than the column."""
        ...


class RowList(ScrollView, Generic[T], can_focus=True, inherit_bindings=False):
    """The list widget.

    Args:
        presenter: how rows look.
        newest: at which end new rows appear, so where `following` keeps the view.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(0)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--header",
        "row-list--cursor",
        "row-list--cursor-blurred",
    }

    stale: reactive[bool] = reactive(False)
    """Dim everything: what is shown could not be read again."""

    class Chosen(Message):
        """Enter or a click on the row under the cursor."""

    class Moved(Message):
        """The cursor is on another row, by a key or because its row is gone."""

        def __init__(self, lost: Hashable | None = None) -> None:
            self.lost = lost
            super().__init__()

    class NearEnd(Message):
        """The last row is less than a screen away."""

    class NearStart(Message):
        """The first row is less than a screen away."""

    def __init__(
        self,
        presenter: RowPresenter[T],
        *,
        newest: Literal["top", "bottom"] = "top",
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.presenter = presenter
        self.rows: tuple[T, ...] = ()
        self.following = True
        self.palette = Palette.from_variables({})
        self._newest = newest
        self._index: dict[Hashable, int] = {}
        self._changed: set[Hashable] = set()
        self._cursor: Hashable | None = None
        self._columns: tuple[Column, ...] = ()
        self._early = EarlyMoves()
        self._blank: Text | None = None

    # what is shown

    def set_rows(self, rows: Sequence[T]) -> None:
        """Replace all rows at once; the cursor stays on its row, at its height on screen."""
        before, at = self._index, self.cursor_index
        markers = {self.presenter.key(row): self.presenter.marker(row) for row in self.rows}
        self.rows = tuple(rows)
        self._index = {self.presenter.key(row): index for index, row in enumerate(self.rows)}
        self._changed = {
            key
            for key, index in self._index.items()
            if key in markers and markers[key] != self.presenter.marker(self.rows[index])
        }
        self.virtual_size = Size(0, len(self.rows) + 1)
        self._place_cursor(before, at)
        self._early.make()
        self.refresh()

    def await_rows(self) -> None:
        """Show none, and follow the newest again; moves are made when the next ones are here."""
        self.following = True
        self.set_rows(())
        self._early.again()

    def too_early(self, move: Callable[[], None]) -> bool:
        """Whether there are no rows yet to move in; the move is made when they come."""
        return self._early.keep(move)

    def show_blank(self, text: Text | None) -> None:
        """What to say in the place of rows when there are none."""
        self._blank = text
        self.refresh()

    def _place_cursor(self, before: dict[Hashable, int], at: int | None) -> None:
        if not self.rows:
            self._cursor = None
            return
        if self.following or at is None:
            self._set_index(0 if self._newest == "top" else len(self.rows) - 1)
            self._scroll_row(0 if self._newest == "top" else self.max_scroll_y)
            return
        lost = self._cursor
        if lost in self._index:
            moved = self._index[lost] - before[lost]
            if moved and (self.scroll_offset.y > 0 or not self._in_view(self._index[lost])):
                self._scroll_row(self.scroll_offset.y + moved)
            return
        self._set_index(min(at, len(self.rows) - 1))
        self.post_message(self.Moved(lost))

    @property
    def cursor_index(self) -> int | None:
        """Index of the row under the cursor; None for an empty list."""
        return None if self._cursor is None else self._index.get(self._cursor)

    @property
    def cursor_row(self) -> T | None:
        """The row under the cursor."""
        index = self.cursor_index
        return None if index is None else self.rows[index]

    def row_of(self, key: Hashable) -> T | None:
        """The row with this key."""
        index = self._index.get(key)
        return None if index is None else self.rows[index]

    def to_key(self, key: Hashable) -> bool:
        """Put the cursor on the row with this key; False when there is none."""
        index = self._index.get(key)
        if index is None:
            return False
        if key != self._cursor:
            self._go(index)
        return True

    def hold(self) -> None:
        """Stop following: from now on the cursor belongs to its row."""
        self.following = False

    def follow_newest(self) -> None:
        """Go to the newest row and stay with whatever is newest."""
        self.following = True
        if self.rows:
            self._set_index(0 if self._newest == "top" else len(self.rows) - 1)
            self._scroll_row(0 if self._newest == "top" else self.max_scroll_y)
            self.refresh()
            self.post_message(self.Moved())

    # moving

    def action_move(self, step: int) -> None:
        """One row up or down."""
        if not self.too_early(partial(self.action_move, step)):
            self._go((self.cursor_index or 0) + step)

    def action_page(self, step: int) -> None:
        """One screen up or down."""
        if not self.too_early(partial(self.action_page, step)):
            self._go((self.cursor_index or 0) + step * max(1, self._body_height - 1))

    def action_edge(self, end: int) -> None:
        """The first or the last row."""
        if not self.too_early(partial(self.action_edge, end)):
            self._go(len(self.rows) - 1 if end else 0)

    def to_row(self, index: int) -> None:
        """Put the cursor on a row; the list no longer follows."""
        self._go(index)

    def _go(self, index: int) -> None:
        if not self.rows:
            return
        self.hold()
        self._set_index(max(0, min(len(self.rows) - 1, index)))
        self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    def _set_index(self, index: int) -> None:
        self._cursor = self.presenter.key(self.rows[index])

    def _show_cursor(self) -> None:
        index = self.cursor_index
        if index is None:
            return
        top = self.scroll_offset.y
        if index < top:
            self._scroll_row(index)
        elif index >= top + self._body_height:
            self._scroll_row(index - self._body_height + 1)

    def _scroll_row(self, y: float) -> None:
        self.scroll_to(y=max(0, y), animate=False, immediate=True, force=True)

    def _in_view(self, index: int) -> bool:
        top = self.scroll_offset.y
        return top <= index < top + self._body_height

    @property
    def bottom(self) -> int:
        """The number of the row behind the last one in view."""
        return int(self.scroll_offset.y) + self._body_height

    @property
    def _body_height(self) -> int:
        return max(1, self.scrollable_content_region.height - 1)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for more rows before the end comes into view."""
        super().watch_scroll_y(old_value, new_value)
        if new_value + 2 * self._body_height >= len(self.rows) > 0:
            self.post_message(self.NearEnd())
        if new_value < self._body_height and self.rows:
            self.post_message(self.NearStart())

    def on_click(self, event: events.Click) -> None:
        """Highlight a row; a click on the highlighted row chooses it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y == 0:
            return
        index = self.scroll_offset.y + offset.y - 1
        if index >= len(self.rows):
            return
        if index == self.cursor_index and not self.following:
            self.post_message(self.Chosen())
        else:
            self._go(index)

    # drawing

    def on_resize(self) -> None:
        """Choose the columns for the new width, and keep the cursor in view."""
        self.relayout()
        self.call_after_refresh(self._show_cursor)

    def relayout(self) -> None:
        """Choose the columns again."""
        self._columns = self.presenter.columns(self.scrollable_content_region.width - 2)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Line 0 is the header, the rest the rows in view."""
        width = self.scrollable_content_region.width
        if self._blank is not None and not self.rows:
            return self._blank_line(self._blank, y, width)
        if y == 0:
            style = self.get_component_rich_style("row-list--header")
            return self._strip(self._header(), width, style)
        index = self.scroll_offset.y + y - 1
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        row = self.rows[index]
        key = self.presenter.key(row)
        style = self.rich_style
        if key == self._cursor:
            name = "row-list--cursor" if self.has_focus else "row-list--cursor-blurred"
            style = self.get_component_rich_style(name)
        if self.stale:
            style += Style(dim=True)
        line = Text(self.lead(row, at_cursor=key == self._cursor), style=self.palette.accent)
        for column in self._columns:
            cell = self.presenter.cell(row, column, self.palette, changed=key in self._changed)
            fitted = self.decorate(_fit(cell, column), column, at_cursor=key == self._cursor)
            line.append_text(fitted).append("  ")
        return self._strip(line, width, style)

    def _blank_line(self, text: Text, y: int, width: int) -> Strip:
        """A line of the text that stands in the middle instead of rows."""
        lines = text.wrap(self.app.console, max(1, width))
        at = y - (self.scrollable_content_region.height - len(lines)) // 2
        if not 0 <= at < len(lines):
            return Strip.blank(width, self.rich_style)
        line = lines[at]
        line.align("center", width)
        return self._strip(line, width, self.rich_style)

    def decorate(self, cell: Text, column: Column, *, at_cursor: bool) -> Text:
        """A cell of the row under the cursor or of another, as it is to be drawn."""
        del column, at_cursor
        return cell

    def lead(self, row: T, *, at_cursor: bool) -> str:
        """What stands before a row, in two cells."""
        del row
        return "▸ " if at_cursor else "  "

    def _header(self) -> Text:
        line = Text("  ")
        for column in self._columns:
            line.append_text(_fit(Text(column.title), column)).append("  ")
        return line

    def _strip(self, line: Text, width: int, style: Style) -> Strip:
        line.end = ""
        line.no_wrap = True
        segments = [
            Segment(segment.text, segment.style) for segment in line.render(self.app.console)
        ]
        strip = Strip(segments).adjust_cell_length(width).apply_style(style)
        return strip.apply_style(Style(dim=True)) if self.stale else strip


def _fit(cell: Text, column: Column) -> Text:
    """The cell in exactly the column's width, cut with `…`."""
    fitted = cell.copy()
    fitted.truncate(column.width, overflow="ellipsis")
    gap = column.width - fitted.cell_len
    if column.align == "right":
        return Text(" " * gap).append_text(fitted)
    return Text().append_text(fitted).append(" " * gap)
