"""The statements of a page: walking an index, probing a small set, sorting the rest.

Each answers rows of `rows_read, key` and the columns of the entries. A run that matches has no
`rows_read`; the row that has one says how many were looked at, and which was the last, when that
matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

from continuum.query.compile import Sorting
from continuum.store.postgres.asking import Statement
from continuum.store.postgres.reads import RUN_TABLES
from continuum.store.postgres.run_rows import STARTED_AT, WIDTH, Entries

_LEASE: Final[LiteralString] = """
LEFT JOIN LATERAL (
    SELECT l.run_id, l.version_id, l.lease_owner, l.waiting_on, l.cancel_requested_at
    FROM continuum_leases l WHERE l.run_id = r.id OFFSET 0) l ON true"""
"""One look into the primary key for each row, never a join with all live runs."""


def _edge(rows: str, key: str, run_id: str, started_at: str) -> str:
    """The columns of the row that says how far the statement got."""
    columns = ["NULL"] * WIDTH
    columns[0], columns[STARTED_AT] = run_id, started_at
    return ", ".join((rows, key, *columns))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a statement looks for.

    Attributes:
        sorting: the order of the answer.
        condition: SQL that a match fulfils.
        reads_leases: whether condition or order look at leases.
        limit: so many matches.
        entries: what is made of them.
        parameters: of all the SQL.
    """

    sorting: Sorting
    condition: str
    reads_leases: bool
    limit: int
    entries: Entries[Any]
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def lease(self) -> str:
        """The join that the condition needs."""
        return _LEASE if self.reads_leases else ""

    @property
    def shown_lease(self) -> str:
        """The join that order and columns need."""
        return _LEASE if self.reads_leases or self.entries.reads_leases else ""


def walk_statement(wanted: Wanted, branches: Sequence[str], window: int) -> Statement:
    """Look at the next `window` rows of an index in their order.

    Args:
        wanted: the matches.
        branches: SQL conditions, each of which one index serves in the order; they exclude each
            other, and the index entries are merged.
        window: rows to look at.
    """
    order_by = wanted.sorting.order_by

    def rows(limit: str, columns: str) -> str:
        if len(branches) == 1:
            return (
                f"SELECT {columns} FROM continuum_runs r WHERE {branches[0]}"  # noqa: S608
                f" ORDER BY {order_by} {limit}"
            )
        # Each branch sorted and limited: PostgreSQL then merges them, and reads no more than asked.
        merged = " UNION ALL ".join(
            f"(SELECT r.* FROM continuum_runs r WHERE {branch}"  # noqa: S608
            f" ORDER BY {order_by} LIMIT {window})"
            for branch in branches
        )
        return f"SELECT {columns} FROM ({merged}) r ORDER BY {order_by} {limit}"  # noqa: S608

    limit, key, ids = f"LIMIT {window}", wanted.sorting.key, rows(f"LIMIT {window}", "r.id")
    rows_read = f"""
    CASE WHEN f.full THEN (
        SELECT w.n FROM (SELECT o.id, row_number() OVER () AS n FROM ({ids}) o) w
        WHERE w.id = (SELECT h.id FROM hits h OFFSET {wanted.limit - 1}) LIMIT 1)
    WHEN e.id IS NOT NULL THEN {window}
    ELSE (SELECT count(*) FROM ({ids}) o) END"""  # noqa: S608
    last = rows(
        f"LIMIT CASE WHEN f.full THEN 0 ELSE 1 END OFFSET {window - 1}",
        f"{key} AS key, r.id, r.started_at",
    )
    text = f"""
WITH hits AS MATERIALIZED (
    SELECT r.* FROM ({rows(limit, "r.*")}) r {wanted.lease}
    WHERE {wanted.condition} LIMIT {wanted.limit})
(SELECT NULL::bigint, {key}, {wanted.entries.columns} FROM hits r {wanted.shown_lease})
UNION ALL
SELECT {_edge(rows_read, "e.key", "e.id", "e.started_at")}
FROM (SELECT count(*) >= {wanted.limit} AS full FROM hits) f
LEFT JOIN LATERAL ({last}) e ON true"""  # noqa: S608
    return Statement(text, wanted.parameters)


def probe_statement(wanted: Wanted, tables: str, *, leased: bool) -> Statement:
    """Fetch a set that should be small as a whole; none at all when it is not.

    Args:
        wanted: the matches.
        tables: FROM clause with at most `%(bound)s` + 1 runs `r`, and their leases `l` if `leased`.
        leased: see above.
    """
    sorting = wanted.sorting
    direction = "DESC" if sorting.descending else "ASC"
    # What a run outside the stretch would be sorted by need not even be a number.
    member = sorting.member or "true"
    columns = [
        f"CASE WHEN {member} THEN {column} END AS c{place}"
        for place, column in enumerate(sorting.columns)
    ]
    places = ", ".join(f"c{place} {direction}" for place in range(len(columns)))
    text = f"""
WITH few AS MATERIALIZED (
    SELECT r.id AS run_id, ({wanted.condition}) AS hit, {", ".join(columns)}
    FROM {tables} {"" if leased else wanted.lease}),
sized AS MATERIALIZED (SELECT count(*) AS n FROM few),
picked AS MATERIALIZED (
    SELECT * FROM few WHERE hit AND (SELECT n FROM sized) <= %(bound)s
    ORDER BY {places} LIMIT {wanted.limit})
(SELECT NULL::bigint, {sorting.key}, {wanted.entries.columns}
 FROM picked p JOIN continuum_runs r ON r.id = p.run_id {wanted.shown_lease}
 ORDER BY {places})
UNION ALL
SELECT {_edge("n", "NULL", "NULL", "NULL")} FROM sized"""  # noqa: S608
    return Statement(text, wanted.parameters)


def sort_statement(wanted: Wanted) -> Statement:
    """Sort whatever the conditions leave, by whatever index the server likes."""
    text = f"""
SELECT NULL::bigint, {wanted.sorting.key}, {wanted.entries.columns}
FROM ({sorted_runs(wanted)}) r {wanted.shown_lease}
ORDER BY {wanted.sorting.order_by}"""  # noqa: S608
    return Statement(text, wanted.parameters)


def sorted_runs(wanted: Wanted) -> str:
    """The inner part of `sort_statement`: the runs of the page."""
    tables = RUN_TABLES if wanted.reads_leases else "continuum_runs r"
    return (
        f"SELECT r.* FROM {tables} WHERE {wanted.condition}"  # noqa: S608
        f" ORDER BY {wanted.sorting.order_by} LIMIT {wanted.limit}"
    )
