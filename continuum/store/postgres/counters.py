"""Numbers of runs by namespace, workflow and state, kept exactly in step by triggers.

Whatever changes a run appends what it changed to `continuum_count_deltas`, in its own transaction;
`compact` moves that into `continuum_counts`. The sum of both is exact in every snapshot, and costs
the same at ten million runs as at ten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, LiteralString, NamedTuple

from continuum.query.tree import (
    All,
    AnyOf,
    Compare,
    Condition,
    Exists,
    Field,
    Matches,
    Not,
    OneOf,
    Operand,
)
from continuum.store.postgres.reads import RUN_TABLES
from continuum.store.postgres.session import Sessions
from continuum.store.postgres.statements import statements

COUNTED: Final = ("namespace", "workflow", "state")
"""The fields of a run by which the counters tell runs apart."""

_SQL: Final = statements("counters")


class CountSource(NamedTuple):
    """What a count reads: FROM clause (runs are `r`) and the number of runs in a set of rows."""

    tables: LiteralString
    number: LiteralString


RUNS: Final = CountSource(RUN_TABLES, "count(*)")
COUNTERS: Final = CountSource(
    """(
    SELECT namespace, workflow, state, n FROM continuum_counts
    UNION ALL
    SELECT namespace, workflow, state, n FROM continuum_count_deltas) r""",
    "coalesce(sum(r.n), 0)::bigint",
)


class PostgresCounters:
    """Moves gathered changes into the totals."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def compact(self, limit: int) -> int:
        """Move up to `limit` changes; answers how many there were to be had."""
        async with self._sessions.autocommit() as session:
            [(moved,)] = await session.rows(_SQL["compact"], [limit])
        return moved


def count_source(condition: Condition, group_by: Iterable[Operand]) -> CountSource:
    """The counters, when they alone can answer; else the runs themselves.

    The same compiled condition and columns fit both. Combinations that no run has any more are in
    the counters, with the number 0.

    Args:
        condition: which runs.
        group_by: what to tell runs apart by.

    Example:
        source = count_source(All(), [Field("namespace"), Field("state")])
    """
    counted = all(map(_is_counted_field, group_by)) and _is_counted(condition)
    return COUNTERS if counted else RUNS


def _is_counted(condition: Condition) -> bool:
    match condition:
        case All(parts) | AnyOf(parts):
            return all(_is_counted(part) for part in parts)
        case Not(part):
            return _is_counted(part)
        case Compare(operand) | OneOf(operand) | Matches(operand) | Exists(operand):
            return _is_counted_field(operand)


def _is_counted_field(operand: Operand) -> bool:
    return isinstance(operand, Field) and operand.name in COUNTED
