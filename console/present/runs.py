"""Runs as table rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from rich.text import Text

from console import cells
from console.present import ages, states
from console.present.columns import Column
from console.present.plain import one_line, short_id, short_name
from console.present.values import preview
from console.present.waits import cancelling, waiting
from console.themes import Palette
from continuum.model import Run, RunError
from continuum.query.tree import NEWEST_FIRST, Order

GAP: Final = 2
NARROW: Final = 70
WIDE: Final = 96
XWIDE: Final = 136

_CAUSE: Final = re.compile(
    r"activity (?:[^\s:]*:)?(\S+) failed: (?:[\w.<>]*\.)?(\w+): (.*)", re.DOTALL
)
"""The message of a run that an activity's failure ended."""

STATE: Final = Column("state", "STATE", 11)
RUN: Final = Column("run", "RUN", 9)
VERSION: Final = Column("version", "VERSION", 8)
STARTED: Final = Column("started", "STARTED", 8, "right")
LASTED: Final = Column("lasted", "FOR", 7, "right")


class RunRows:
    """The Runs table.

    Args:
        now: the database's clock when the rows were read; ages count from it.
        all_namespaces: whether rows of several namespaces stand side by side.
    """

    def __init__(self, now: datetime, *, all_namespaces: bool = False) -> None:
        self.now = now
        self.all_namespaces = all_namespaces
        self.order: Order = NEWEST_FIRST

    def key(self, row: Run) -> UUID:
        """The run id."""
        return row.id

    def marker(self, row: Run) -> str:
        """A state change is worth a flash; a ticking age is not."""
        return row.state

    def columns(self, width: int) -> tuple[Column, ...]:
        """More columns the wider it gets; what a run waits for is among the last to go."""
        fixed = [STATE, RUN]
        flexible = [("workflow", "WORKFLOW", 12, 30, 2), ("waits", "WAITING ON / ERROR", 16, 70, 3)]
        if width < NARROW:
            flexible = flexible[:1]
        else:
            fixed.append(STARTED)
        if width >= WIDE:
            fixed += [VERSION, LASTED]
        if self.all_namespaces and width >= NARROW:
            fixed.append(Column("namespace", "NAMESPACE", 14 if width >= XWIDE else 9))
        if width >= XWIDE:
            flexible.append(("attributes", "ATTRIBUTES", 20, 200, 2))
        room = width - sum(column.width + GAP for column in fixed) - GAP * len(flexible)
        found = {column.name: column for column in [*fixed, *_shared(flexible, room)]}
        order = ("state", "run", "namespace", "workflow", "version", "waits", "attributes",
                 "started", "lasted")  # fmt: skip
        return tuple(self._marked(found[name]) for name in order if name in found)

    def _marked(self, column: Column) -> Column:
        """With an arrow in the title when the rows are in its order."""
        if column.name != cells.column_of(self.order.operand):
            return column
        arrow = "↓" if self.order.descending else "↑"
        return replace(column, title=column.title[: column.width - 1] + arrow)

    def cell(self, row: Run, column: Column, palette: Palette, *, changed: bool) -> Text:
        """One cell."""
        match column.name:
            case "state":
                return states.badge(row.state, palette, changed=changed)
            case "run":
                return Text(short_id(row.id), palette.text)
            case "namespace":
                return Text(one_line(row.namespace), palette.muted)
            case "workflow":
                return workflow_name(row.workflow, palette, column.width)
            case "version":
                return version(row, palette)
            case "waits":
                return reason(row, self.now, palette)
            case "attributes":
                return attributes(row.attributes, palette)
            case "started":
                return Text(ages.ago(row.started_at, self.now), palette.muted)
            case _:
                lasting = row.state in states.LIVE
                style = palette.text if lasting else palette.muted
                return Text(ages.duration(row.duration.total_seconds()), style)


def _shared(flexible: list[tuple[str, str, int, int, int]], room: int) -> list[Column]:
    """Share `room` among flexible columns (name, title, least, most, weight)."""
    widths = {name: least for name, _, least, _, _ in flexible}
    spare = room - sum(widths.values())
    weights = sum(weight for *_, weight in flexible)
    for name, _, _, most, weight in flexible:
        widths[name] = max(4, min(most, widths[name] + spare * weight // weights))
    widths[flexible[-1][0]] += max(0, room - sum(widths.values()))
    return [
        Column(name, title if len(title) <= widths[name] else title.split(" / ")[0], widths[name])
        for name, title, *_ in flexible
    ]


def workflow_name(name: str, palette: Palette, width: int = 200) -> Text:
    """`orders:order_flow`, the module stepped back; without it where there is no room."""
    module, colon, function = short_name(name).rpartition(":")
    if len(module) + len(colon) + len(function) > width:
        return Text(function, palette.text)
    return Text(module + colon, palette.faint).append(function, palette.text)


def where(run: Run) -> str:
    """Workflow and namespace, for a dialog's head."""
    return f"  {short_name(run.workflow)}  ns {one_line(run.namespace, 40)}"


def version(row: Run, palette: Palette) -> Text:
    """`v3 71aa`; an unpinned run has none yet."""
    if not row.version_hash:
        return Text("-", palette.faint)
    return Text(f"v{row.version} ", palette.muted).append(row.version_hash[:4], palette.faint)


def reason(row: Run, now: datetime, palette: Palette) -> Text:
    """What a live run waits for, or why a failed one failed."""
    if row.error is not None:
        return error_line(row.error, palette)
    if row.paused:
        line = Text("paused", palette.warn)
        return line.append(f"  {waiting(row.waiting_on, now)}" if row.waiting_on else "")
    if row.cancelling_since:
        line = Text(cancelling(row.cancelling_since, now), palette.warn)
        return line.append(f"  {waiting(row.waiting_on, now)}" if row.waiting_on else "")
    if row.waiting_on:
        return Text(waiting(row.waiting_on, now), palette.text)
    if row.state == "running":
        return Text("executing" if row.owner else "waiting for a worker", palette.faint)
    return Text("")


def error_line(error: RunError, palette: Palette) -> Text:
    """`TimeoutError: gateway did not answer`; of a failed activity what it failed of."""
    name = one_line(error.type, 200).rpartition(".")[2]
    cause = _CAUSE.match(error.message[:2000]) if name == "ActivityFailed" else None
    if cause is not None:
        line = Text(one_line(cause[2], 200), palette.bad)
        return line.append(f": {one_line(cause[3])} ({one_line(cause[1], 80)})", palette.muted)
    return Text(name, palette.bad).append(f": {one_line(error.message)}", palette.muted)


def attributes(found: Mapping[str, Any], palette: Palette) -> Text:
    """`plan=pro tier=4`."""
    line = Text()
    for index, (name, value) in enumerate(sorted(found.items())):
        if index:
            line.append(" ")
        line.append(f"{one_line(name, 60)}=", palette.faint)
        text = one_line(value, 60) if isinstance(value, str) else preview(value, 60)
        line.append(text, palette.muted)
        if line.cell_len > 200:
            break
    return line
