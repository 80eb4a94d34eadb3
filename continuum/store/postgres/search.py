"""Runs query pages and counts: compiled conditions inside two static statements."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, LiteralString, cast

from psycopg import AsyncConnection
from psycopg.sql import SQL

from continuum.codec.hooks import PayloadCodec
from continuum.errors import QueryError
from continuum.model import MAX_SHOWN_PAYLOAD, Page, Run, Stamp
from continuum.query import cursor as cursors
from continuum.query.compile import After, Compiled, compile_count, compile_page
from continuum.query.cursor import Position
from continuum.query.fields import check_groupable, nullable
from continuum.query.ordering import group_rank
from continuum.query.times import pin
from continuum.query.tree import Operand, Query
from continuum.store.postgres.counters import count_source
from continuum.store.postgres.reads import RUN_COLUMNS, RUN_TABLES, Pool, bounded, snapshot
from continuum.store.postgres.session import Row
from continuum.store.reading import CountGroup, Counts

MAX_GROUPS: Final = 10_000
_NOT_SHOWN: Final = -1
"""No payload is that small: fetches sizes only."""

_SERVER_STATE: Final[LiteralString] = """
SELECT transaction_timestamp(), pg_is_in_recovery(),
       CASE WHEN NOT pg_is_in_recovery() THEN NULL
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE GREATEST(EXTRACT(EPOCH FROM
                 clock_timestamp() - pg_last_xact_replay_timestamp()), 0) END"""
"""A replica that has replayed all it received is not behind, however long ago the last was."""


class PostgresSearch:
    """Answers queries, one bounded statement (two at the border to the null tail) a page."""

    def __init__(self, pool: Pool, codec: PayloadCodec, statement_timeout: float = 10.0) -> None:
        self._pool = pool
        self._codec = codec
        self._timeout = statement_timeout

    async def page(
        self,
        query: Query,
        limit: int,
        cursor: str | None,
        *,
        payloads: bool,
        budget: float | None = None,
    ) -> Page[Run]:
        """One page of matches.

        Raises:
            QueryError: a bad cursor, or it took too long.
        """
        start = None if cursor is None else cursors.decode(query, cursor)
        began = time.monotonic()
        async with bounded(self._pool, self._timeout) as connection:
            server = await _server_state(connection)
            read_at = server.at if start is None else start.read_at
            walk = _Walk(connection, query, limit + 1, payloads=payloads, read_at=read_at)
            rows = await walk.rows(start)
        stamp = Stamp(read_at, time.monotonic() - began, server.source, server.lag)
        entries = tuple(snapshot(row[2:], self._codec) for row in rows[:limit])
        following = None
        if len(rows) > limit:
            key, tail = rows[limit - 1][:2]
            last = Position(read_at, entries[-1].id, None if tail else key, tail)
            following = cursors.encode(query, last)
        return Page(entries, following, complete=True, stamp=stamp)

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


class _Walk:
    """Fetches the rows of one page, through both phases of a nullable order."""

    def __init__(
        self,
        connection: AsyncConnection[Row],
        query: Query,
        wanted: int,
        *,
        payloads: bool,
        read_at: datetime,
    ) -> None:
        self._connection = connection
        self._query = replace(query, condition=pin(query.condition, read_at))
        self._wanted = wanted
        self._shown = MAX_SHOWN_PAYLOAD if payloads else _NOT_SHOWN
        self._read_at = read_at

    async def rows(self, start: Position | None) -> list[Row]:
        """Sort key, whether in the tail, and the run's columns, of each row."""
        rows: list[Row] = []
        if start is None or not start.tail:
            after = None if start is None else After(start.key, start.run_id)
            rows = await self._phase(after, tail=False)
        if nullable(self._query.order.operand) and len(rows) < self._wanted:
            after = After(None, start.run_id) if start is not None and start.tail else None
            rows += await self._phase(after, tail=True)
        return rows[: self._wanted]

    async def _phase(self, after: After | None, *, tail: bool) -> list[Row]:
        compiled = compile_page(
            self._query.namespace,
            self._query.condition,
            self._query.order,
            tail=tail,
            after=after,
            read_at=self._read_at,
        )
        parameters: dict[str, Any] = {
            **compiled.params, "shown": self._shown, "wanted": self._wanted,
        }  # fmt: skip
        statement = _page_statement(compiled, tail=tail)
        cursor = await self._connection.execute(_sql(statement), parameters, binary=True)
        return await cursor.fetchall()


def _page_statement(compiled: Compiled, *, tail: bool) -> str:
    return (
        f"SELECT {compiled.key}, {'true' if tail else 'false'}, {RUN_COLUMNS}"  # noqa: S608
        f" FROM {RUN_TABLES} WHERE {compiled.where}"
        f" ORDER BY {compiled.order_by} LIMIT %(wanted)s"
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
