"""Runs as text, many at a time, from the values of their fields: lines, a document, a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from continuum.cli.attribute_paths import column_path
from continuum.cli.columns import table_columns
from continuum.cli.command import Format
from continuum.cli.csv_lines import csv_lines
from continuum.cli.output import colour, table_width
from continuum.cli.records import LIST_FIELDS, attribute_at, json_lines, to_json
from continuum.cli.table import render_table

if TYPE_CHECKING:
    from continuum.model import Run, RunError

Values = tuple[Any, ...]
"""Of the fields of one run."""


class Printer(Protocol):
    """Makes the text of one answer, piece by piece."""

    @property
    def fields(self) -> Sequence[str]:
        """Of a run: `text` takes the values of these, in this order."""
        ...

    @property
    def header(self) -> str:
        """What comes before all runs."""
        ...

    def text(self, entries: Sequence[Values]) -> str:
        """What can be written of these runs at once."""
        ...

    def footer(self, rest: Mapping[str, Any]) -> str:
        """What comes after all runs; a document says `rest` there."""
        ...


def printer(shape: Format, chosen: Sequence[str] | None, *, namespaces: bool) -> Printer:
    """Prints runs in a format.

    Args:
        shape: the format.
        chosen: from `--columns`; None for the usual ones.
        namespaces: whether several namespaces are in view.
    """
    names = LIST_FIELDS if chosen is None else chosen
    if shape is Format.TABLE:
        return RunTable(chosen, namespaces=namespaces)
    return RunDocument(names) if shape is Format.JSON else RunLines(shape, names)


def values_of(runs: Sequence[Run], fields: Sequence[str]) -> list[Values]:
    """The values of these fields."""
    if len(fields) == 1:
        return [(getattr(run, fields[0]),) for run in runs]
    return list(map(attrgetter(*fields), runs))


class Picker:
    """Takes columns out of the values of fields.

    Args:
        columns: names as `parse_columns` gives them.
        more: fields that are wanted besides those of the columns.

    Attributes:
        fields: that are needed.
    """

    def __init__(self, columns: Sequence[str], more: Sequence[str] = ()) -> None:
        named = [name.partition(".")[0] for name in columns]
        self.fields = tuple(dict.fromkeys([*named, *more]))
        self._columns = columns
        self._getters: list[Callable[[Values], Any]] = [
            _getter(column, self.fields.index(field))
            for column, field in zip(columns, named, strict=True)
        ]
        self._all = self.fields == tuple(columns)

    def rows(self, entries: Sequence[Values]) -> Iterable[Sequence[Any]]:
        """The values of the columns."""
        if self._all:
            return entries
        return ([get(entry) for get in self._getters] for entry in entries)

    def records(self, entries: Sequence[Values]) -> Iterator[dict[str, Any]]:
        """Objects of the columns."""
        columns = self._columns
        return (dict(zip(columns, row)) for row in self.rows(entries))  # noqa: B905


def _getter(column: str, place: int) -> Callable[[Values], Any]:
    if "." not in column:
        return itemgetter(place)
    path = column_path(column)
    return lambda entry: attribute_at(entry[place], path)


class RunLines:
    """One line for each run: jsonl, csv or ids."""

    def __init__(self, shape: Format, columns: Sequence[str]) -> None:
        columns = ("id",) if shape is Format.IDS else columns
        self._shape = shape
        self._picker = Picker(columns)
        self.fields = self._picker.fields
        self.header = csv_lines([columns]) if shape is Format.CSV else ""

    def text(self, entries: Sequence[Values]) -> str:
        if self._shape is Format.IDS:
            return "".join([f"{entry[0]}\n" for entry in entries])
        if self._shape is Format.CSV:
            return csv_lines(self._picker.rows(entries))
        return json_lines(self._picker.records(entries))

    def footer(self, rest: Mapping[str, Any]) -> str:
        return ""


class RunDocument:
    """One JSON document, written as the runs come; indented on a terminal."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._picker = Picker(columns)
        self._indent = sys.stdout.isatty()
        self._any = False
        self.fields = self._picker.fields
        self.header = '{\n  "entries": [' if self._indent else '{"entries":['

    def text(self, entries: Sequence[Values]) -> str:
        if not entries:
            return ""
        inner = to_json(list(self._picker.records(entries)), indent=self._indent)[1:-1]
        if self._indent:  # no value has a line break in it: JSON escapes them
            inner = inner.rstrip("\n").replace("\n", "\n  ")
        separator = "," if self._any else ""
        self._any = True
        return separator + inner

    def footer(self, rest: Mapping[str, Any]) -> str:
        members = to_json(rest, indent=self._indent)[1:]
        if not self._indent:
            return f"],{members}\n"
        return f"\n  ],{members}\n" if self._any else f"],{members}\n"


class RunTable:
    """A table, which is written when all runs are known."""

    def __init__(self, chosen: Sequence[str] | None, *, namespaces: bool) -> None:
        self._columns = table_columns(chosen, namespaces=namespaces)
        self._names = [column.name for column in self._columns]
        self._picker = Picker(self._names, ["waiting_on", "error"])
        self._entries: list[Values] = []
        self.fields = self._picker.fields
        self.header = ""

    def text(self, entries: Sequence[Values]) -> str:
        self._entries += entries
        return ""

    def footer(self, rest: Mapping[str, Any]) -> str:
        return "".join([f"{line}\n" for line in self.lines(self._entries)])

    def lines(self, entries: Sequence[Values]) -> list[str]:
        """The table of these runs."""
        records = list(self._picker.records(entries))
        if "waiting_on" in self._names:
            waits, errors = map(self.fields.index, ("waiting_on", "error"))
            for record, entry in zip(records, entries, strict=True):
                if entry[waits] is None and entry[errors] is not None:
                    record["waiting_on"] = _short(entry[errors])
        return render_table(records, self._columns, width=table_width(), colour=colour())


def _short(error: RunError) -> str:
    return f"{error.type.rpartition('.')[2]}: {error.message}"
