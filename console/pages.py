"""Pages put together: what was read again in front, what was read before behind it.

The list is read again from its first row, but only as deep as it is being looked at; further rows
stay as they were read until they come into view.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from console.source import MAX_ROWS, PAGE, RunsPage
from continuum.model import Run
from continuum.query.tree import Field, Operand

_LASTING: Final = frozenset({Field("started_at"), Field("id")})
"""What never changes of a run: in an order by it a run keeps its place."""


def depth(bottom: int, held: RunsPage | None, operand: Operand) -> int:
    """How many rows to read again.

    Args:
        bottom: the row behind the last one in view.
        held: what is on screen.
        operand: what orders the rows; where a run's place can change, all are read again.
    """
    if held is None:
        return PAGE
    wanted = bottom if operand in _LASTING else max(bottom, len(held.runs))
    return min(MAX_ROWS, max(PAGE, -(-wanted // PAGE) * PAGE))


def refreshed(held: RunsPage | None, fresh: RunsPage) -> RunsPage:
    """The page read again from the first row, with what was held behind it.

    Where the two do not meet, because more rows came than were read, what was held is dropped. An
    answer that is not complete takes nothing away that it did not come to.
    """
    if held is None or fresh.cursor is None:
        return fresh
    behind = _behind(held, fresh)
    if not behind:
        return fresh
    runs = (*fresh.runs, *behind)[:MAX_ROWS]
    return RunsPage(runs, held.cursor, held.complete, fresh.at)


def _behind(held: RunsPage, fresh: RunsPage) -> list[Run]:
    again = {run.id for run in fresh.runs}
    met = [number for number, run in enumerate(held.runs) if run.id in again]
    if not met and fresh.complete:
        return []
    begin = met[-1] + 1 if met else 0
    return [run for run in held.runs[begin:] if run.id not in again]


def extended(held: RunsPage, further: RunsPage) -> RunsPage:
    """The page with the one that its cursor led to; a run in both is as it was read last."""
    again = {run.id for run in further.runs}
    runs = (*(run for run in held.runs if run.id not in again), *further.runs)
    return replace(further, runs=runs[:MAX_ROWS])
