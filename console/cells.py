"""What a cell of the Runs table means as a condition, and a column as an order."""

from __future__ import annotations

from typing import Final

from continuum.model import Run
from continuum.query.tree import Attribute, Compare, Comparison, Condition, Field, Matches, Operand

ORDERS: Final = {
    "state": (Field("state"), False),
    "run": (Field("id"), True),
    "namespace": (Field("namespace"), False),
    "workflow": (Field("workflow"), False),
    "version": (Field("version"), True),
    "waits": (Field("waiting_on"), False),
    "started": (Field("started_at"), True),
    "lasted": (Field("duration"), True),
}
"""Column -> what it orders by, and whether the largest comes first."""


def meaning(run: Run, column: str) -> list[Condition]:
    """The conditions that say "the same as in this cell"; several when the cell shows several."""
    match column:
        case "state":
            return [_equal("state", run.state.value)]
        case "run":
            return [_equal("id", run.id)]
        case "namespace":
            return [_equal("namespace", run.namespace)]
        case "workflow":
            return [_equal("workflow", run.workflow)]
        case "version":
            return [_equal("version_hash", run.version_hash)] if run.version_hash else []
        case "waits":
            return _reason(run)
        case "started":
            return [Compare(Field("started_at"), Comparison.GTE, run.started_at)]
        case "attributes":
            return [
                Compare(Attribute((key,)), Comparison.EQ, value)
                for key, value in sorted(run.attributes.items())
                if isinstance(value, str | int | float)
            ]
        case _:
            return []


def _equal(name: str, value: object) -> Condition:
    return Compare(Field(name), Comparison.EQ, value)


def _reason(run: Run) -> list[Condition]:
    """The type of a failed run's error; of a live run what it waits for."""
    if run.error is not None:
        return [_equal("error_type", run.error.type)]
    if not run.waiting_on:
        return []
    first = run.waiting_on.partition(", ")[0]
    what = next((first.partition(word)[0] for word in _TIMES if word in first), first)
    return [Matches(Field("waiting_on"), _escaped(what) + "%", ignore_case=False)]


_TIMES: Final = (" until ", " attempt ", " ")
"""What stands before the part of a wait that differs from run to run."""


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in "\\%_" else each for each in text)


FAMILY: Final = Field("error_family")


def operand(column: str, run: Run | None = None) -> tuple[Operand, bool] | None:
    """What the column orders by, and whether the largest comes first; None for no order.

    Where the cursor is on an error, failures of one cause come together: nothing is waited for.
    """
    if column == "waits" and run is not None and run.error is not None:
        return (FAMILY, False)
    return ORDERS.get(column)


def column_of(ordering: Operand) -> str | None:
    """The column that shows what the rows are ordered by."""
    if ordering == FAMILY:
        return "waits"
    return next((name for name, (found, _) in ORDERS.items() if found == ordering), None)
