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
from continuum.store.postgres.page_statements import STARTED_AT, Wanted
from continuum.store.postgres.paths import Paths, Walk
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

    def position_of(self, key: Any, run: Sequence[Any]) -> Position:
        """The place of a row of `key, RUN_COLUMNS`."""
        tail = self.stretch.tail
        return Position(run[0], run[STARTED_AT], None if tail else key, tail)


def draft(
    query: Query,
    stretch: Stretch,
    indexes: Sequence[AttributeIndex],
    position: Position | None,
    limit: int,
    parameters: Mapping[str, Any],
) -> Draft:
    """What is to be found of a stretch behind the position.

    Args:
        query: with times pinned.
        stretch: a part of its order.
        indexes: declared on attributes.
        position: the last run looked at.
        limit: so many matches.
        parameters: of the SQL that is not made here.
    """
    compiler = Compiler(dict(parameters))
    paths = Paths(compiler, query, stretch, indexes)
    leased = reads_leases(all_of([paths.condition, Exists(query.order.operand)]))
    wanted = Wanted(paths.sorting, paths.where(position), leased, limit, compiler.params)
    return Draft(stretch, paths, wanted, paths.walks(position))
