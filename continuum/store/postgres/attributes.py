"""Which search attributes runs have, from a bounded sample, and which are indexed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, LiteralString

from continuum.model import AttributeIndex, AttributeKey, AttributeType
from continuum.query.tree import All
from continuum.store.attributes import Report
from continuum.store.postgres.attribute_indexes import AttributeIndexes
from continuum.store.postgres.counters import count_source
from continuum.store.postgres.reads import Pool, bounded
from continuum.store.postgres.session import Connect, Row

ENOUGH: Final = 1000
"""A spread sample with fewer runs of a namespace says less than that namespace's newest runs."""

_LIMITS: Final = {"keys": 1000, "nesting": 4}
"""Rows of the answer; keys on a path, what lies deeper is part of the value."""

_TOTAL: Final[LiteralString] = f"""
SELECT {count_source(All(), ()).number} FROM {count_source(All(), ()).tables}
WHERE %(namespace)s::text IS NULL OR r.namespace = %(namespace)s"""  # noqa: S608

_SPREAD: Final[LiteralString] = """
SELECT r.attributes FROM public.continuum_runs r TABLESAMPLE SYSTEM (%(percent)s)
WHERE %(namespace)s::text IS NULL OR r.namespace = %(namespace)s
LIMIT %(sample)s"""

_NEWEST: Final[LiteralString] = """
SELECT r.attributes FROM public.continuum_runs r
WHERE r.namespace = %(namespace)s
ORDER BY r.started_at DESC, r.id DESC
LIMIT %(sample)s"""

_NEWEST_ANYWHERE: Final[LiteralString] = """
SELECT r.attributes FROM public.continuum_runs r
ORDER BY r.started_at DESC, r.id DESC
LIMIT %(sample)s"""


def _keys_of(sample: LiteralString) -> LiteralString:
    """Of each path and JSON type: runs, different values, values that only one run has."""
    return f"""
WITH RECURSIVE sample AS MATERIALIZED ({sample}),
walk AS (
    SELECT ARRAY[e.key] AS path, e.value FROM sample, jsonb_each(sample.attributes) AS e
    UNION ALL
    SELECT w.path || e.key, e.value
    FROM walk w, jsonb_each(CASE WHEN jsonb_typeof(w.value) = 'object' THEN w.value END) AS e
    WHERE cardinality(w.path) < %(nesting)s
), valued AS (
    SELECT path, jsonb_typeof(value) AS type, count(*) AS runs
    FROM walk GROUP BY path, jsonb_typeof(value), md5(value::text)
), typed AS (
    SELECT path, type, sum(runs)::bigint AS runs, count(*) AS different,
           count(*) FILTER (WHERE runs = 1) AS single
    FROM valued GROUP BY path, type
)
SELECT path, type, runs, different, single, (SELECT count(*) FROM sample)
FROM typed ORDER BY sum(runs) OVER (PARTITION BY path) DESC, path, runs DESC
LIMIT %(keys)s"""  # noqa: S608


_ROWS_SPREAD: Final = _keys_of(_SPREAD)
_ROWS_NEWEST: Final = _keys_of(_NEWEST)
_ROWS_NEWEST_ANYWHERE: Final = _keys_of(_NEWEST_ANYWHERE)


class PostgresAttributes:
    """The `AttributeStore`.

    Args:
        pool: for reading.
        connect: opens a connection around any transaction pooler, to build indexes on.
    """

    def __init__(self, pool: Pool, connect: Connect, statement_timeout: float = 10.0) -> None:
        self._pool = pool
        self._timeout = statement_timeout
        self._indexes = AttributeIndexes(pool, connect, statement_timeout)

    async def keys(self, namespace: str | None, sample: int) -> Sequence[AttributeKey]:
        """See `AttributeStore.keys`."""
        indexes = await self._indexes.read()
        async with bounded(self._pool, self._timeout) as connection:
            parameters = {**_LIMITS, "namespace": namespace, "sample": sample}
            [(runs,)] = await (await connection.execute(_TOTAL, parameters)).fetchall()
            rows: list[Row] = []
            if runs > sample:
                everywhere = {"namespace": None}
                [(of_all,)] = await (await connection.execute(_TOTAL, everywhere)).fetchall()
                # Twice as many blocks as would do on average: blocks are not equally full.
                percent = min(100.0, 200.0 * sample / of_all)
                cursor = await connection.execute(_ROWS_SPREAD, parameters | {"percent": percent})
                rows = await cursor.fetchall()
            if not rows or rows[0][5] < min(ENOUGH, sample):
                newest = _ROWS_NEWEST_ANYWHERE if namespace is None else _ROWS_NEWEST
                rows = await (await connection.execute(newest, parameters)).fetchall()
        return _keys(rows, runs, indexes)

    async def indexes(self) -> Sequence[AttributeIndex]:
        """See `AttributeStore.indexes`."""
        return await self._indexes.read()

    async def build(
        self, path: tuple[str, ...], type_: AttributeType, report: Report
    ) -> AttributeIndex:
        """See `AttributeStore.build`."""
        return await self._indexes.build(path, type_, report)

    async def drop(self, path: tuple[str, ...], type_: AttributeType) -> bool:
        """See `AttributeStore.drop`."""
        return await self._indexes.drop(path, type_)


def _keys(rows: Iterable[Row], runs: int, indexes: Iterable[AttributeIndex]) -> list[AttributeKey]:
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[0]), []).append(row)
    declared: dict[tuple[str, ...], list[AttributeIndex]] = {}
    for index in indexes:
        declared.setdefault(index.path, []).append(index)
    return [
        AttributeKey(
            path,
            {row[1]: row[2] / row[5] for row in of_path},
            sum(estimate_distinct(row[2], row[3], row[4], runs / row[5]) for row in of_path),
            tuple(declared.get(path, ())),
        )
        for path, of_path in found.items()
    ]


def estimate_distinct(values: int, different: int, single: int, scale: float) -> int:
    """How many different values a whole has, from a sample (Haas and Stokes, as ANALYZE does).

    Args:
        values: in the sample.
        different: of them.
        single: of the different ones, those that the sample has once.
        scale: how many times the whole is as large as the sample, at least 1.

    Example:
        >>> estimate_distinct(1000, 3, 0, 100.0)
        3
    """
    whole = values * max(scale, 1.0)
    return round(values * different / (values - single + single * values / whole))
