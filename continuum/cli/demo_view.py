"""What a demo shows: a line while it runs, a summary at the end."""

from __future__ import annotations

import sys
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

from continuum.cli.command import Format
from continuum.cli.output import Rows, colour, table_width, write, write_json, write_lines
from continuum.cli.records import to_json
from continuum.cli.table import Column, format_duration, render_table

if TYPE_CHECKING:
    from continuum.demo.summary import Summary

STATES = ("completed", "suspended", "running", "failed", "cancelled")


class StatusLine:
    """One line on stderr that is written over; nothing when stderr is not a terminal."""

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, seconds: float, started: int, states: dict[str, int]) -> None:
        """Write the line anew."""
        if not self._visible:
            return
        parts = [f"{states[state]} {state}" for state in STATES if states.get(state)]
        text = f"{format_duration(seconds)}  {started} started: {', '.join(parts)}"
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def print_summary(summary: Summary, shape: Format) -> None:
    """The answer of `continuum demo`: a table for people, else one object or rows of counts."""
    if shape is Format.TABLE:
        _print_text(summary)
    elif shape is Format.CSV:
        fields = ("namespace", "state", "runs")
        rows = Rows(shape, [], fields=fields)
        for (namespace, state), runs in sorted(summary.counts.items()):
            rows.add({"namespace": namespace, "state": state, "runs": runs})
    elif shape is Format.JSON:
        write_json(_document(summary))
    else:
        write(to_json(_document(summary)))


def _document(summary: Summary) -> dict[str, Any]:
    counts: dict[str, dict[str, int]] = {}
    for (namespace, state), runs in sorted(summary.counts.items()):
        counts.setdefault(namespace, {})[state] = runs
    return {
        "seconds": round(summary.seconds, 3),
        "started": summary.started,
        "children": summary.children,
        "completed": summary.completed,
        "completed_per_second": round(summary.completed / summary.seconds, 2),
        "counts": counts,
        "start_seconds": {"p50": summary.start_p50, "p95": summary.start_p95},
        "durations": [asdict(each) for each in summary.durations],
    }


def _print_text(summary: Summary) -> None:
    document = _document(summary)
    records = [
        {"namespace": namespace, **{state: counts.get(state, 0) for state in STATES}}
        for namespace, counts in document["counts"].items()
    ]
    columns = [Column("namespace", 8), *(Column(state) for state in STATES)]
    write_lines(render_table(records, columns, width=table_width(), colour=colour()))
    write("")
    flows = [
        {
            "workflow": each.workflow,
            "completed": each.completed,
            "p50": format_duration(each.p50),
            "p95": format_duration(each.p95),
        }
        for each in summary.durations
    ]
    if flows:
        write_lines(render_table(flows, [Column(name) for name in flows[0]], width=table_width()))
        write("")
    write(
        f"{summary.started} runs and {summary.children} children of them started in "
        f"{format_duration(summary.seconds)}, "
        f"{document['completed_per_second']:g} completed per second; a start is committed in "
        f"{format_duration(summary.start_p50)} (p95 {format_duration(summary.start_p95)})"
    )
