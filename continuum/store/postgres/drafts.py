"""The SQL of what is still wanted of an answer, made anew for every place in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from continuum.model import AttributeIndex
from continuum.query.compile import Compiler
from continuum.query.cursor import Position
from continuum.query.outline import reads_leases
from continuum.query.tree import Exists, Query, all_of
from continuum.store.postgres.page_statements import Wanted
from continuum.store.postgres.paths import Paths, Walk
from continuum.store.postgres.run_rows import PREFIX, STARTED_AT, Entries
from continuum.store.postgres.session import Row
from continuum.store.postgres.stretches import Stretch


class Outcome(Enum):
    """What came of a statement: the page is full, nothing is left here, or more may follow."""

    FULL = auto()
    END = auto()
    MORE = auto()


@dataclass(frozen=True, slots=True)
class Draft:
    """The SQL of one stretch from the position on."""

    stretch: Stretch
    paths: Paths
    wanted: Wanted
    walks: Sequence[Walk]

    @property
    def parameters(self) -> dict[str, Any]:
        """Of all its SQL."""
        return self.wanted.parameters

    def position_of(self, row: Row) -> Position:
        """The place of a row of `rows_read, key, RUN_COLUMNS`."""
        tail = self.stretch.tail
        return Position(row[PREFIX], row[PREFIX + STARTED_AT], None if tail else row[1], tail)


def draft(
    query: Query,
    stretch: Stretch,
    indexes: Sequence[AttributeIndex],
    position: Position | None,
    limit: int,
    entries: Entries[Any],
    parameters: Mapping[str, Any],
) -> Draft:
    """What is to be found of a stretch behind the position.

    Args:
        query: with times pinned.
        stretch: a part of its order.
        indexes: declared on attributes.
        position: the last run looked at.
        limit: so many matches.
        entries: what is made of them.
        parameters: of the SQL that is not made here.
    """
    compiler = Compiler(dict(parameters))
    paths = Paths(compiler, query, stretch, indexes)
    leased = reads_leases(all_of([paths.condition, Exists(query.order.operand)]))
    wanted = Wanted(paths.sorting, paths.where(position), leased, limit, entries, compiler.params)
    return Draft(stretch, paths, wanted, paths.walks(position))
