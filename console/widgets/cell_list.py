"""A list of rows with a column under the cursor, too."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, TypeVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType

from console.present.columns import Column
from console.widgets.row_list import RowList

T = TypeVar("T")


class CellList(RowList[T], inherit_bindings=True):
    """`←` and `→` move between the cells of the row under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "column(-1)", "Cell to the left", show=False),
        Binding("right,l", "column(1)", "Cell to the right", show=False),
    ]

    _column: str | None = None

    @property
    def cursor_column(self) -> Column | None:
        """The column under the cursor; the first until it was moved."""
        found = next((each for each in self._columns if each.name == self._column), None)
        return found or (self._columns[0] if self._columns else None)

    def action_column(self, step: int) -> None:
        """One cell to the left or right."""
        if self.too_early(partial(self.action_column, step)):
            return
        column = self.cursor_column
        if column is not None:
            index = self._columns.index(column) + step
            self._column = self._columns[max(0, min(len(self._columns) - 1, index))].name
            self.hold()
            self.refresh()
            self.post_message(self.Moved())

    def decorate(self, cell: Text, column: Column, *, at_cursor: bool) -> Text:
        """The cell under the cursor is underlined, once a column was chosen."""
        if at_cursor and self._column is not None and column == self.cursor_column:
            cell.stylize(Style(underline=True, bold=True))
        return cell
