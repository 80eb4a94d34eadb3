"""Tables for a terminal: fitted to its width, ids never cut, nothing wrapped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from continuum.cli.records import format_time, to_json
from continuum.cli.sanitize import cells, fit, one_line

_GAP: Final = "  "
_STATE_COLOURS: Final = {
    "running": "36", "completed": "32", "failed": "31;1", "cancelled": "2", "dead": "31;1",
    "live": "32", "draining": "33",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        name: key of the record.
        minimum: cells it may be cut down to; None for a column that is never cut.
        droppable: may be left out when the terminal is too narrow.
    """

    name: str
    minimum: int | None = None
    droppable: bool = False

    @property
    def title(self) -> str:
        return one_line(self.name).upper().replace("_", " ")


def terminal_width() -> int:
    """Columns of the terminal (COLUMNS goes first, 80 when unknown)."""
    return shutil.get_terminal_size((80, 24)).columns


def use_colour() -> bool:
    """Whether the person wants colour (NO_COLOR, TERM=dumb)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def cell_text(value: Any) -> str:
    """A value as people read it, safe for a terminal."""
    if value is None:
        return ""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, datetime):
        return format_time(value.replace(microsecond=0))
    if isinstance(value, timedelta):
        return format_duration(value.total_seconds())
    if isinstance(value, tuple | list) and all(isinstance(item, str) for item in value):  # pyright: ignore[reportUnknownVariableType]
        return one_line(", ".join(value))  # pyright: ignore[reportUnknownArgumentType]
    return one_line(to_json(value).strip('"'))


def format_duration(seconds: float) -> str:
    """A short duration.

    Example:
        >>> format_duration(0.0421), format_duration(75), format_duration(90000)
        ('42ms', '1m15s', '1d1h')
    """
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, rest_size, rest_unit in (
        (86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"),
    ):  # fmt: skip
        if whole >= size:
            rest = whole % size // rest_size
            return f"{whole // size}{unit}" + (f"{rest}{rest_unit}" if rest else "")
    return f"{whole}s"


def render_table(
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    *,
    width: int,
    colour: bool = False,
) -> list[str]:
    """The lines of a table, header first."""
    texts = [[cell_text(record.get(column.name)) for column in columns] for record in records]
    natural = [
        max([cells(column.title), *(cells(row[at]) for row in texts)])
        for at, column in enumerate(columns)
    ]
    widths = _fit_widths(columns, natural, width)
    lines = [_line([column.title for column in columns], widths)]
    states = [column.name == "state" and colour for column in columns]
    lines += [_line(row, widths, states) for row in texts]
    return lines


def _fit_widths(columns: Sequence[Column], natural: Sequence[int], width: int) -> list[int]:
    """Cut flexible columns first, then leave droppable ones out (width 0), last first."""
    widths = list(natural)
    for dropped in [None, *(at for at in reversed(range(len(columns))) if columns[at].droppable)]:
        if dropped is not None:
            widths[dropped] = 0
        fitted = _squeeze(columns, widths, width)
        if _total(fitted) <= width:
            return fitted
    return _squeeze(columns, widths, width)


def _squeeze(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    fitted = list(widths)
    while (excess := _total(fitted) - width) > 0:
        room = {
            at: fitted[at] - column.minimum
            for at, column in enumerate(columns)
            if column.minimum is not None and fitted[at] > column.minimum
        }
        if not room:
            break
        widest = max(room, key=lambda at: fitted[at])
        fitted[widest] -= min(excess, room[widest], max(1, excess // len(room)))
    return fitted


def _total(widths: Sequence[int]) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + len(_GAP) * max(len(shown) - 1, 0)


def _line(texts: Sequence[str], widths: Sequence[int], coloured: Sequence[bool] = ()) -> str:
    parts: list[str] = []
    for at, (text, width) in enumerate(zip(texts, widths, strict=True)):
        if not width:
            continue
        shown = fit(text, width)
        padding = " " * (width - cells(shown))
        code = _STATE_COLOURS.get(text) if at < len(coloured) and coloured[at] else None
        parts.append((f"\x1b[{code}m{shown}\x1b[0m" if code else shown) + padding)
    return _GAP.join(parts).rstrip()


def render_facts(facts: Mapping[str, Any], *, colour: bool = False) -> list[str]:
    """`name  value` lines of one record; None is left out."""
    shown = {name: cell_text(value) for name, value in facts.items() if value is not None}
    width = max((len(name) for name in shown), default=0)
    lines: list[str] = []
    for name, text in shown.items():
        code = _STATE_COLOURS.get(text) if name == "state" and colour else None
        value = f"\x1b[{code}m{text}\x1b[0m" if code else text
        lines.append(f"{name.replace('_', ' '):<{width}}  {value}".rstrip())
    return lines
