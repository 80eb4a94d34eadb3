"""Runs query pages, each within its budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from continuum.codec.hooks import PayloadCodec
from continuum.model import Page, Run, Stamp
from continuum.query import cursor as cursors
from continuum.query.outline import reads_attributes
from continuum.query.tree import Query
from continuum.store.postgres.attribute_indexes import DeclaredIndexes
from continuum.store.postgres.page_bounds import Bounds
from continuum.store.postgres.paging import Pager
from continuum.store.postgres.reads import Pool
from continuum.store.postgres.run_rows import Entries, Records, Snapshots
from continuum.system import monotonic

T = TypeVar("T")


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
        entries = Snapshots(self._codec, payloads=payloads)
        return await self._page(entries, query, limit, cursor, budget)

    async def records(
        self, query: Query, fields: Sequence[str], limit: int, cursor: str | None
    ) -> Page[tuple[Any, ...]]:
        """One page of some fields of the matches; raises what `page` does."""
        return await self._page(Records(self._codec, fields), query, limit, cursor, None)

    async def _page(
        self,
        entries: Entries[T],
        query: Query,
        limit: int,
        cursor: str | None,
        budget: float | None,
    ) -> Page[T]:
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
            entries=entries,
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
        return Page(entries.read(found.rows), following, found.complete, stamp, found.plan)
