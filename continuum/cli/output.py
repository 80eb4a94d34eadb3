"""Prints answers on stdout in the asked format; never looks at the terminal when piped."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from continuum.cli.command import Format
from continuum.cli.csv_lines import csv_lines
from continuum.cli.failures import UsageError
from continuum.cli.records import json_lines, to_json
from continuum.cli.table import Column, render_facts, render_table, terminal_width, use_colour


def write(text: str) -> None:
    """One line of the answer."""
    sys.stdout.write(f"{text}\n")


def write_lines(lines: Iterable[str]) -> None:
    for line in lines:
        write(line)


def write_json(value: Any) -> None:
    """One JSON document: indented for people, compact when piped."""
    write(to_json(value, indent=sys.stdout.isatty()))


def colour() -> bool:
    """Whether the answer may be coloured."""
    return sys.stdout.isatty() and use_colour()


def table_width() -> int:
    """Cells a table may take: the terminal's, and no limit when `--format table` is piped."""
    return terminal_width() if sys.stdout.isatty() else 1 << 20


class Rows:
    """Writes records one after the other, so that long answers stream.

    Args:
        shape: any format; JSON and tables are written by `close`, the others at once.
        columns: what a table shows.
        key: name of the record's id, for `--format ids`.
        fields: the header of CSV.
    """

    def __init__(
        self, shape: Format, columns: Sequence[Column], *, fields: Sequence[str], key: str = "id"
    ) -> None:
        self._shape = shape
        self._columns = columns
        self._fields = fields
        self._key = key
        self._kept: list[Mapping[str, Any]] = []
        if shape is Format.CSV:
            sys.stdout.write(csv_lines([fields]))

    def add(self, *records: Mapping[str, Any]) -> None:
        """Write records, with one call of the system, or keep them for the end."""
        if self._shape in (Format.JSON, Format.TABLE):
            self._kept += records
        else:
            sys.stdout.write(self._lines(records))

    def _lines(self, records: Sequence[Mapping[str, Any]]) -> str:
        if self._shape is Format.JSONL:
            return json_lines(records)
        if self._shape is Format.CSV:
            return csv_lines([[record.get(field) for field in self._fields] for record in records])
        return "".join([f"{record[self._key]}\n" for record in records])

    def close(self) -> None:
        """Write what needs all records: a JSON list, or the table."""
        if self._shape is Format.JSON:
            write_json(self._kept)
        elif self._shape is Format.TABLE:
            width = table_width()
            lines = render_table(self._kept, self._columns, width=width, colour=colour())
            write_lines(lines)


def write_record(record: Mapping[str, Any], shape: Format, *, key: str = "id") -> None:
    """One record on its own."""
    if shape is Format.JSON:
        write_json(record)
    elif shape is Format.TABLE:
        write_lines(render_facts(record, colour=colour()))
    else:
        rows = Rows(shape, [], fields=list(record), key=key)
        rows.add(record)


def write_value(value: Any, shape: Format) -> None:
    """A bare JSON value, such as the result of a run."""
    if shape in (Format.CSV, Format.IDS):
        raise UsageError(
            f"a result is one JSON value, not {shape}", hint="use --format json or jsonl"
        )
    if shape is Format.JSONL:
        write(to_json(value))
    else:
        write_json(value)
