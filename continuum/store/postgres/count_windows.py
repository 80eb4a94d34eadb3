"""The windows in which runs are counted, when no one statement may take so long.

A window is a part of an index in its order; the next one begins behind it. So no run is read twice,
and what a budget suffices for is a part of the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from continuum.model import AttributeIndex, AttributeType
from continuum.query.compile import Compiler
from continuum.query.outline import reads_leases
from continuum.query.tree import (
    All,
    Compare,
    Comparison,
    Condition,
    Field,
    OneOf,
    all_of,
)
from continuum.store.postgres.asking import Statement
from continuum.store.postgres.index_ranges import (
    SQL_TYPE,
    is_exact,
    key_bound,
    key_of_index,
    key_parts,
    presence,
)

FIRST_WINDOW: Final = 1_000
"""Runs in the first window; the next ones take about a tenth of the budget each."""

_STARTED_AT: Final = Field("started_at")


@dataclass(frozen=True, slots=True)
class Windows:
    """An index to go through.

    Attributes:
        scope: condition under which it holds all matches; without times relative to now.
        extra: SQL conditions on its key.
        rest: what is still to be looked at in each run of it.
        column: what it is sorted by then, of type `type`.
    """

    scope: Condition
    extra: Sequence[str]
    rest: Condition
    column: str
    type: str


def by_start(condition: Condition) -> Windows:
    """An index by start, of a namespace or of a state or workflow in it, from the newest run on."""
    served = _served(condition)
    return Windows(served, (), _without(condition, served), "r.started_at", "timestamptz")


def by_key(
    condition: Condition, indexes: Sequence[AttributeIndex], compiler: Compiler
) -> tuple[AttributeIndex, Windows] | None:
    """A declared index on an attribute that has to have one value, else one that bounds it.

    Args:
        condition: of all matches.
        indexes: declared on attributes.
        compiler: gathers the parameters of the SQL made here.
    """
    namespace = _equal(condition).get("namespace")
    if namespace is None:
        return None
    ranged: tuple[AttributeIndex, Windows] | None = None
    for index in indexes:
        parts = list(key_parts(index, condition)) if index.valid else []
        extra = _key(index, parts, compiler)
        if any(part.comparison is Comparison.EQ for part in parts):
            # Within one value the index is sorted by start.
            scope = all_of([namespace, *_about_start(condition)])
            known = [scope, *(part for part in parts if is_exact(index, part))]
            rest = _without(condition, *known)
            return index, Windows(scope, extra, rest, "r.started_at", "timestamptz")
        if parts and ranged is None and index.type is not AttributeType.BOOLEAN:
            rest, column = _without(condition, namespace), key_of_index(index)
            ranged = index, Windows(namespace, extra, rest, column, SQL_TYPE[index.type])
    return ranged


def _key(index: AttributeIndex, parts: Iterable[Compare], compiler: Compiler) -> list[str]:
    return [presence(index), *(key_bound(compiler, index, part) for part in parts)]


def window_statement(
    windows: Windows, columns: Sequence[str], compiler: Compiler, most: int, *, leases: bool
) -> Statement:
    """The statement that counts the next runs: whether they match, key, number, where they end.

    Args:
        windows: the index.
        columns: SQL of what to tell runs apart by.
        compiler: gathers the parameters of all of it.
        most: rows of the answer.
        leases: whether `columns` look at the leases of live runs.

    Its parameters `before` and `wanted` say where it begins and how many runs to look at.
    """
    scope = " AND ".join([compiler.condition(windows.scope), *windows.extra])
    values = "".join(f", {column} AS k{n}" for n, column in enumerate(columns))
    keys = "".join(f", CASE WHEN matches THEN k{n} END" for n in range(len(columns)))
    positions = ", ".join(str(n + 1) for n in range(1 + len(columns)))
    before, rest = f"%(before)s::{windows.type}", compiler.condition(windows.rest)
    found = f"({rest}) IS TRUE AS matches, {windows.column} AS place{values}"
    # Runs with equal values are in the same window: the next one begins below.
    part = f"""continuum_runs r
          WHERE {scope} AND ({before} IS NULL OR {windows.column} < {before})
          ORDER BY {windows.column} DESC FETCH FIRST (%(wanted)s::bigint) ROWS WITH TIES"""
    if leases or reads_leases(windows.rest):
        # Joined behind the limit, which would else be reached by reading all leases.
        # OFFSET 0 keeps PostgreSQL from evaluating the condition once for each column above it.
        seen = f"""{found}
    FROM (SELECT * FROM {part}) r
    LEFT JOIN continuum_leases l ON l.run_id = r.id OFFSET 0"""  # noqa: S608
    else:  # rows of a few narrow values take a quarter less time than whole ones
        seen = f"{found} FROM {part}"
    text = f"""
SELECT matches{keys}, count(*), min(place) FROM (
    SELECT {seen}) seen
GROUP BY {positions} LIMIT {most}"""  # noqa: S608
    return Statement(text, compiler.params | {"before": None, "wanted": FIRST_WINDOW})


def _served(condition: Condition) -> Condition:
    """The part of the condition that an index by start serves, so that windows read no other run.

    A namespace, a state or else a workflow in it, and when runs started.
    """
    equal = _equal(condition)
    served: list[Condition] = []
    if "namespace" in equal:
        served.append(equal["namespace"])
        # Most runs are completed ones.
        common = equal.get("state") in (None, Compare(Field("state"), Comparison.EQ, "completed"))
        narrow = equal.get("workflow" if common else "state") or equal.get("state")
        served += [narrow] if narrow else []
    return all_of([*served, *_about_start(condition)])


def _about_start(condition: Condition) -> list[Condition]:
    return [
        part
        for part in _parts(condition)
        if isinstance(part, Compare | OneOf) and part.operand == _STARTED_AT
    ]


def _equal(condition: Condition) -> dict[str, Condition]:
    """The fields that have to have one value."""
    return {
        part.operand.name: part
        for part in _parts(condition)
        if isinstance(part, Compare)
        and part.comparison is Comparison.EQ
        and isinstance(part.operand, Field)
    }


def _without(condition: Condition, *known: Condition) -> Condition:
    """What a condition says besides what holds for every run of an index anyway."""
    said = [part for each in known for part in _parts(each)]
    return all_of([part for part in _parts(condition) if part not in said])


def _parts(condition: Condition) -> Sequence[Condition]:
    return condition.parts if isinstance(condition, All) else (condition,)
