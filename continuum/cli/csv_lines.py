"""Rows as CSV: times and nested values as JSON has them, every cell in quotes that needs them.

Not the `csv` module: it looks at every character, which took a third of the time of a long answer,
and leaves a line break bare when its own lines end otherwise.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from continuum.cli.records import format_time, jsonable, to_json
from continuum.cli.sanitize import one_line

_needs_quotes: Final = re.compile('[",\r\n]').search


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """A line for each row; on a terminal nothing in them can act upon it."""
    if sys.stdout.isatty():
        return "".join([f"{one_line(_line(row))}\n" for row in rows])
    return "".join([f"{_line(row)}\n" for row in rows])


def _line(row: Sequence[Any]) -> str:
    cells = ["" if value is None else _CELLS.get(value.__class__, _other)(value) for value in row]
    # An empty line would be no row.
    return '""' if cells == [""] else ",".join(cells)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _needs_quotes(text) else text


def _seconds(value: timedelta) -> str:
    return to_json(value.total_seconds())


def _nested(value: Any) -> str:
    return _quoted(to_json(value))


def _other(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(str(value))
    if isinstance(value, bool | float | dict | list | tuple):
        return _nested(value)
    plain = jsonable(value)
    return _quoted(plain) if isinstance(plain, str) else _nested(plain)


_CELLS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: _quoted,
    int: str,
    UUID: str,
    datetime: format_time,
    timedelta: _seconds,
    dict: _nested,
}
"""By type, because lists of a million runs are written like this."""
