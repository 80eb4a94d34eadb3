"""A column of a table, independent of the widget that draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `width` in cells, without the two cells of space after it."""

    name: str
    title: str
    width: int
    align: Literal["left", "right"] = "left"
