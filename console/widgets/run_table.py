"""The table of runs."""

from __future__ import annotations

from collections.abc import Container
from uuid import UUID

from console.widgets.cell_list import CellList
from continuum.model import Run


class RunTable(CellList[Run], inherit_bindings=True):
    """Rows are runs, some of them marked."""

    marked: Container[UUID] = frozenset[UUID]()
    """Ids of the runs that are marked."""

    def lead(self, row: Run, *, at_cursor: bool) -> str:
        """The cursor, and a star for a marked run."""
        return ("▸" if at_cursor else " ") + ("*" if row.id in self.marked else " ")
