"""Runs query pages and counts: compiled conditions inside two static statements."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString, cast

from psycopg import AsyncConnection
from psycopg.sql import SQL

from continuum.codec.hooks import PayloadCodec
from continuum.errors import QueryError
from continuum.model import Page, Run, Stamp
from continuum.query import cursor as cursors
from continuum.query.compile import compile_count
from continuum.query.fields import check_groupable
from continuum.query.ordering import group_rank
from continuum.query.outline import reads_attributes
from continuum.query.times import pin
from continuum.query.tree import Operand, Query
from continuum.store.postgres.attribute_indexes import DeclaredIndexes
from continuum.store.postgres.counters import count_source
from continuum.store.postgres.paging import Bounds, Pager
from continuum.store.postgres.reads import Pool, bounded, snapshot
from continuum.store.postgres.session import Row
from continuum.store.reading import CountGroup, Counts

MAX_GROUPS: Final = 10_000
_SERVER_STATE: Final[LiteralString] = """
SELECT transaction_timestamp(), pg_is_in_recovery(),
       CASE WHEN NOT pg_is_in_recovery() THEN NULL
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE GREATEST(EXTRACT(EPOCH FROM
                 clock_timestamp() - pg_last_xact_replay_timestamp()), 0) END"""
"""A replica that has replayed all it received is not behind, however long ago the last was."""


class PostgresSearch:
    """Answers queries, every page within its budget."""

    def __init__(
        self,
        pool: Pool,
        codec: PayloadCodec,
        statement_timeout: float = 10.0,
        bounds: Bounds | None = None,
    ) -> None:
        self._pool = pool
        self._codec = codec
        self._timeout = statement_timeout
        self._bounds = bounds or Bounds()
        self._indexes = DeclaredIndexes(pool, statement_timeout)

    async def page(
        self,
        query: Query,
        limit: int,
        cursor: str | None,
        *,
        payloads: bool,
        budget: float | None = None,
    ) -> Page[Run]:
        """One page of matches, or what could be found of it in `budget` seconds.

        Raises:
            QueryError: a bad cursor, or the time that a statement may take was not enough.
        """
        start = None if cursor is None else cursors.decode(query, cursor)
        began = time.monotonic()
        pager = Pager(
            self._pool,
            query,
            await self._indexes.known() if reads_attributes(query) else (),
            limit,
            start,
            budget=self._timeout if budget is None else budget,
            timeout=self._timeout,
            payloads=payloads,
            bounds=self._bounds,
        )
        found = await pager.find()
        stamp = Stamp(
            found.read_at,
            time.monotonic() - began,
            found.server.source,
            found.server.lag,
            complete=found.complete,
        )
        following = None if found.following is None else cursors.encode(query, found.following)
        entries = tuple(snapshot(row, self._codec) for row in found.rows)
        return Page(entries, following, found.complete, stamp, found.plan)

    async def count(
        self, query: Query, group_by: Sequence[Operand], *, budget: float | None = None
    ) -> Counts:
        """Exact numbers of matches, per combination of the grouping operands, largest first."""
        for operand in group_by:
            check_groupable(operand)
        began = time.monotonic()
        async with bounded(self._pool, self._timeout) as connection:
            server = await _server_state(connection)
            columns, where, parameters = compile_count(
                query.namespace, pin(query.condition, server.at), group_by, read_at=server.at
            )
            tables, number = count_source(query.condition, group_by)
            selected = ", ".join([*columns, number])
            statement = f"SELECT {selected} FROM {tables} WHERE {where}"  # noqa: S608
            if columns:
                positions = ", ".join(str(index + 1) for index in range(len(columns)))
                statement += f" GROUP BY {positions} HAVING {number} <> 0 LIMIT {MAX_GROUPS + 1}"
            rows = await (await connection.execute(_sql(statement), parameters)).fetchall()
        if len(rows) > MAX_GROUPS:
            raise QueryError(f"more than {MAX_GROUPS:,} groups", hint="group by fewer fields")
        groups = [CountGroup(tuple(row[:-1]), row[-1]) for row in rows]
        stamp = Stamp(server.at, time.monotonic() - began, server.source, server.lag)
        return Counts(
            sorted(groups, key=lambda group: (-group.count, group_rank(group.key))), stamp
        )


def _sql(statement: str) -> SQL:
    """Text that the compiler made of its own pieces; values are parameters in it."""
    return SQL(cast("LiteralString", statement))


@dataclass(frozen=True, slots=True)
class _ServerState:
    at: datetime
    replica: bool
    lag: float | None

    @property
    def source(self) -> Any:
        return "replica" if self.replica else "primary"


async def _server_state(connection: AsyncConnection[Row]) -> _ServerState:
    row = await (await connection.execute(_SERVER_STATE)).fetchone()
    assert row is not None
    at, replica, lag = row
    return _ServerState(at, replica, None if lag is None else float(lag))
