"""Runs query pages, each within its budget."""

from __future__ import annotations

from continuum.codec.hooks import PayloadCodec
from continuum.model import Page, Run, Stamp
from continuum.query import cursor as cursors
from continuum.query.outline import reads_attributes
from continuum.query.tree import Query
from continuum.store.postgres.attribute_indexes import DeclaredIndexes
from continuum.store.postgres.paging import Bounds, Pager
from continuum.store.postgres.reads import Pool, snapshot
from continuum.system import monotonic


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
        began = monotonic()
        seconds = self._timeout if budget is None else budget
        pager = Pager(
            self._pool,
            query,
            await self._indexes.known(seconds) if reads_attributes(query) else (),
            limit,
            start,
            began=began,
            budget=seconds,
            timeout=self._timeout,
            payloads=payloads,
            bounds=self._bounds,
        )
        found = await pager.find()
        stamp = Stamp(
            found.read_at,
            monotonic() - began,
            found.server.source,
            found.server.lag,
            complete=found.complete,
        )
        following = None if found.following is None else cursors.encode(query, found.following)
        entries = tuple(snapshot(row, self._codec) for row in found.rows)
        return Page(entries, following, found.complete, stamp, found.plan)
