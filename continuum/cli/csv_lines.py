"""Rows as CSV: times and nested values as JSON has them, every cell in quotes that needs them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import NoneType
from typing import Any, Final
from uuid import UUID

from continuum.cli.records import format_time, jsonable, to_json
from continuum.cli.sanitize import one_line


class _Lines(list[str]):
    """Collects the lines of a CSV writer, and ends them as lines end here.

    The writer puts cells with line breaks in quotes only when its own lines end with those.
    """

    def write(self, line: str) -> None:
        self.append(f"{line[:-2]}\n")


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """A line for each row; on a terminal nothing in them can act upon it."""
    lines = _Lines()
    csv.writer(lines, lineterminator="\r\n").writerows(map(_cells, rows))
    if sys.stdout.isatty():
        return "".join([f"{one_line(line[:-1])}\n" for line in lines])
    return "".join(lines)


def _cells(values: Sequence[Any]) -> list[Any]:
    return [_CELLS.get(value.__class__, _other)(value) for value in values]


def _as_it_is(value: Any) -> Any:
    return value


def _seconds(value: timedelta) -> str:
    return to_json(value.total_seconds())


def _other(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | float | dict | list | tuple):
        return to_json(value)
    plain = jsonable(value)
    return plain if isinstance(plain, str) else to_json(plain)


_CELLS: Final[Mapping[type, Callable[[Any], Any]]] = {
    NoneType: _as_it_is,  # an empty cell
    str: _as_it_is,
    int: _as_it_is,
    UUID: str,
    datetime: format_time,
    timedelta: _seconds,
}
"""By type, because lists of a million runs are written like this."""
