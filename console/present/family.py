"""A run among its parent, its siblings and its children."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from rich.text import Text

from console.present import ages, states
from console.present.columns import Column
from console.present.plain import one_line, short_id, short_name
from console.present.runs import reason
from console.themes import Palette
from continuum.model import Run

_ORDER: Final = ("failed", "running", "suspended", "cancelled", "completed")
WIDE: Final = 84

Place = Literal["parent", "self", "child"]


@dataclass(frozen=True, slots=True)
class Relative:
    """One run of the family."""

    place: Place
    run: Run


def summary(counts: Mapping[str, int]) -> str:
    """`12: 1 failed, 3 running, 8 completed`; empty without any."""
    total = sum(counts.values())
    if not total:
        return ""
    parts = [f"{counts[state]:,} {state}" for state in _ORDER if counts.get(state)]
    return f"{total:,}: {', '.join(parts)}"


class FamilyRows:
    """The tree: the parent, below it this run, below that its children.

    Attributes:
        now: the database's clock; ages count from it.
        rooted: whether the parent is there; without it the run itself is the root.
    """

    def __init__(self) -> None:
        self.rooted = True
        self.now: datetime | None = None

    def key(self, row: Relative) -> Hashable:
        """The run, in its place."""
        return (row.place, row.run.id)

    def marker(self, row: Relative) -> Hashable:
        """A state change is worth a flash."""
        return row.run.state

    def columns(self, width: int) -> tuple[Column, ...]:
        """What it waits for goes first when it gets narrow."""
        run = Column("run", "RUN", 16)
        state = Column("state", "STATE", 11)
        lasted = Column("lasted", "FOR", 7, "right")
        if width < WIDE:
            rest = width - 16 - 11 - 7 - 8
            return (run, state, lasted, Column("workflow", "WORKFLOW", max(8, rest)))
        rest = width - 16 - 11 - 7 - 28 - 10
        workflow = Column("workflow", "WORKFLOW", 28)
        return (run, state, lasted, workflow, Column("why", "WAITING ON / ERROR", max(8, rest)))

    def cell(self, row: Relative, column: Column, palette: Palette, *, changed: bool) -> Text:
        """One cell."""
        run = row.run
        match column.name:
            case "run":
                depth = {"parent": 0, "self": 1, "child": 2}[row.place] - (not self.rooted)
                lead = "  " * (depth - 1) + "└ " if depth else ""
                style = palette.strong if row.place == "self" else palette.text
                return Text(lead, palette.faint).append(short_id(run.id), style)
            case "state":
                return states.badge(run.state, palette, changed=changed)
            case "lasted":
                return Text(ages.duration(run.duration.total_seconds()), palette.muted)
            case "workflow":
                line = Text(short_name(run.workflow), palette.text)
                return line.append(f"  {one_line(run.namespace, 40)}", palette.faint)
            case _:
                return reason(run, self.now or run.updated_at, palette)
