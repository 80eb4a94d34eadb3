"""Groups of a count, put together from the rows of several statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Self

from continuum.errors import QueryError
from continuum.query.ordering import canonical, group_rank
from continuum.query.tree import Operand
from continuum.store.postgres.session import Row
from continuum.store.reading import CountGroup

MAX_GROUPS: Final = 10_000


@dataclass(slots=True)
class Tally:
    """Built from rows of values of the key, then a number."""

    groups: dict[Any, CountGroup] = field(default_factory=dict[Any, CountGroup])

    @classmethod
    def of(cls, group_by: Sequence[Operand]) -> Self:
        """Nothing yet; without groups that is the number 0."""
        return cls() if group_by else cls({(): CountGroup((), 0)})

    def add(self, rows: Iterable[Row]) -> int:
        """Says how many runs these rows stand for."""
        added = 0
        for *values, number in rows:
            same = tuple(map(canonical, values))
            known = self.groups.get(same)
            total = number if known is None else known.count + number
            self.groups[same] = CountGroup(tuple(values), total)
            added += number
        if len(self.groups) > MAX_GROUPS:
            raise QueryError(f"more than {MAX_GROUPS:,} groups", hint="group by fewer fields")
        return added

    def largest_first(self) -> list[CountGroup]:
        found: list[CountGroup] = []
        by_size = sorted(self.groups.values(), key=attrgetter("count"), reverse=True)
        for _, tied in groupby(by_size, key=attrgetter("count")):
            same = list(tied)  # ranking a key takes longer than all else
            found += sorted(same, key=lambda g: group_rank(g.key)) if len(same) > 1 else same
        return found
