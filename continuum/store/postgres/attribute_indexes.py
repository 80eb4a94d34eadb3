"""Declared indexes on attributes: their SQL, and building them beside running writers.

An index is named after the id of its declaration, so no two keys can ever share a name, and what a
key is called reaches SQL as a literal only. Whether it is built is read from the catalogue. Each
build holds an advisory lock for its session: who finds it taken follows the progress instead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final, LiteralString

from psycopg import AsyncConnection, errors
from psycopg.sql import SQL, Composed, Identifier, Literal

from continuum.errors import AttributesError
from continuum.model import AttributeIndex, AttributeType, IndexProgress
from continuum.store.attributes import Report
from continuum.store.postgres.asking import OutOfTime, Statement, ask
from continuum.store.postgres.reads import Pool, bounded
from continuum.store.postgres.session import Connect, Row, transient_errors
from continuum.system import monotonic

INDEXED_CHARACTERS: Final = 120
"""Text is indexed by this many characters: a longer row would not fit, and its run not start."""

_ROUNDED: Final[LiteralString] = (
    "trim_scale(round(least(greatest({}::numeric, -1e310), 1e310), 350))"
)
"""Numbers are indexed up to 10^310 and down to 350 decimal places: every float exactly."""

LOOK: Final = 0.25
"""Seconds between two looks at the progress."""

CACHED: Final = 10.0
"""Seconds for which `known` answers from memory."""

_JSON_TYPES: Final = {
    AttributeType.TEXT: "string",
    AttributeType.NUMBER: "number",
    AttributeType.BOOLEAN: "boolean",
}

_LIST: Final[LiteralString] = """
SELECT d.id, d.path, d.type, coalesce(i.indisvalid AND i.indisready, false),
       coalesce(pg_relation_size(c.oid), 0)
FROM public.continuum_attribute_indexes d
LEFT JOIN pg_class c ON c.relname = 'continuum_runs_attribute_' || d.id || '_idx'
      AND c.relnamespace = 'public'::regnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid
ORDER BY d.path, d.type"""

_DECLARE: Final[LiteralString] = """
INSERT INTO public.continuum_attribute_indexes (path, type) VALUES (%s, %s)
ON CONFLICT DO NOTHING"""

_FORGET: Final[LiteralString] = "DELETE FROM public.continuum_attribute_indexes WHERE id = %s"

_PROGRESS: Final[LiteralString] = """
SELECT p.phase, p.blocks_done, p.blocks_total
FROM pg_stat_progress_create_index p
JOIN public.continuum_attribute_indexes d ON d.path = %s AND d.type = %s
JOIN pg_class c ON c.oid = p.index_relid
     AND c.relname = 'continuum_runs_attribute_' || d.id || '_idx'"""

_TRY_LOCK: Final[LiteralString] = "SELECT pg_try_advisory_lock(%s)"


def index_name(declaration: int) -> str:
    """The name of the index of a declaration."""
    return f"continuum_runs_attribute_{declaration}_idx"


def value_of(path: Sequence[str], *, text: bool = False) -> Composed:
    """The attribute of the run `continuum_runs`, as jsonb or as text; `->` never takes an array."""
    last = len(path) - 1
    parts = [
        SQL(" ->> {}" if text and place == last else " -> {}").format(Literal(key))
        for place, key in enumerate(path)
    ]
    return SQL("(attributes{})").format(SQL("").join(parts))


def key_of(path: Sequence[str], type_: AttributeType) -> Composed:
    """The expression that the index of this type sorts by; a query must use the very same one."""
    match type_:
        case AttributeType.TEXT:
            text = value_of(path, text=True)
            return SQL('(left({}, {}) COLLATE "C")').format(text, Literal(INDEXED_CHARACTERS))
        case AttributeType.NUMBER:
            return SQL(_ROUNDED).format(value_of(path, text=True))
        case AttributeType.BOOLEAN:
            return SQL("({}::boolean)").format(value_of(path, text=True))


def presence_of(path: Sequence[str], type_: AttributeType) -> Composed:
    """The condition under which a run is in the index; a query must contain it.

    Not written with `=`: PostgreSQL guesses that hardly any run has the type, so it would use an
    index that fits any query's condition even where walking the order is far better.
    """
    return SQL("(jsonb_typeof({}) IS NOT DISTINCT FROM {})").format(
        value_of(path), Literal(_JSON_TYPES[type_])
    )


def create_statement(index: AttributeIndex) -> Composed:
    """Builds the index without stopping writers."""
    return SQL(
        "CREATE INDEX CONCURRENTLY {} ON public.continuum_runs"
        " (namespace, ({}), started_at, id) WHERE {}"
    ).format(
        Identifier(index_name(index.id)),
        key_of(index.path, index.type),
        presence_of(index.path, index.type),
    )


class DeclaredIndexes:
    """Which indexes one database has.

    Args:
        pool: for short reads.
    """

    def __init__(self, pool: Pool, statement_timeout: float = 10.0) -> None:
        self._pool = pool
        self._timeout = statement_timeout
        self._known: Sequence[AttributeIndex] = ()
        self._known_until = 0.0

    async def read(self) -> Sequence[AttributeIndex]:
        """Everything declared, and whether it is built."""
        async with bounded(self._pool, self._timeout) as connection:
            found = await _read(connection)
        self._remember(found)
        return found

    def _remember(self, found: Sequence[AttributeIndex]) -> None:
        self._known, self._known_until = found, monotonic() + CACHED

    async def known(self, seconds: float) -> Sequence[AttributeIndex]:
        """`read`, at most `CACHED` seconds old; an index that is missing here costs time only.

        Args:
            seconds: that this may take; else what was known is the answer.
        """
        if monotonic() >= self._known_until:
            try:
                [rows] = (await ask(self._pool, [Statement(_LIST, {})], seconds)).rows
            except OutOfTime:
                return self._known
            self._remember(_indexes(rows))
        return self._known


class AttributeIndexes(DeclaredIndexes):
    """The declared indexes of one database, and how they come and go.

    Args:
        pool: for short reads.
        connect: opens a connection around any transaction pooler, to build on.
    """

    def __init__(self, pool: Pool, connect: Connect, statement_timeout: float = 10.0) -> None:
        super().__init__(pool, statement_timeout)
        self._connect = connect

    async def build(
        self, path: tuple[str, ...], type_: AttributeType, report: Report
    ) -> AttributeIndex:
        """See `AttributeStore.build`."""
        async with self._alone(path, type_, report) as connection:
            await connection.execute(_DECLARE, [list(path), type_.value])
            declared = await _find(connection, path, type_)
            assert declared is not None
            if not declared.valid:
                await self._build(connection, declared, report)
        self._known_until = 0.0
        return next(i for i in await self.read() if (i.path, i.type) == (path, type_))

    async def drop(self, path: tuple[str, ...], type_: AttributeType) -> bool:
        """See `AttributeStore.drop`."""
        async with self._alone(path, type_, lambda progress: None) as connection:
            declared = await _find(connection, path, type_)
            if declared is None:
                return False
            # The declaration goes last: were this process killed, the next call would go on.
            await connection.execute(_drop_statement(declared))
            await connection.execute(_FORGET, [declared.id])
        self._known_until = 0.0
        return True

    async def _build(
        self, connection: AsyncConnection[Row], declared: AttributeIndex, report: Report
    ) -> None:
        # What an interrupted build leaves is invalid for ever: slows writers and serves nobody.
        await connection.execute(_drop_statement(declared))
        building = asyncio.ensure_future(connection.execute(create_statement(declared)))
        try:
            while not (await asyncio.wait([building], timeout=LOOK))[0]:
                await self._report(declared.path, declared.type, report)
        except BaseException:
            building.cancel()
            await asyncio.wait([building])
            raise
        await building
        # Common values and their shares are then in pg_stats under the name of the index.
        await connection.execute("ANALYZE public.continuum_runs")

    async def _report(self, path: tuple[str, ...], type_: AttributeType, report: Report) -> None:
        async with bounded(self._pool, self._timeout) as connection:
            cursor = await connection.execute(_PROGRESS, [list(path), type_.value])
            row = await cursor.fetchone()
        if row is not None and row[0] is not None:
            report(IndexProgress(*row))

    @asynccontextmanager
    async def _alone(
        self, path: tuple[str, ...], type_: AttributeType, report: Report
    ) -> AsyncGenerator[AsyncConnection[Row]]:
        """A connection without time limit that holds this index's lock, once nobody else does."""
        with transient_errors():
            connection = await self._connect()
            async with connection:
                await connection.execute("SET statement_timeout = 0")
                try:
                    while not await _locked(connection, path, type_):
                        await self._report(path, type_, report)
                        await asyncio.sleep(LOOK)
                    yield connection
                except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
                    raise AttributesError(
                        f"this role or server cannot change indexes: {error}",
                        hint="connect to the primary as the owner of the table continuum_runs",
                    ) from error


async def _read(connection: AsyncConnection[Row]) -> list[AttributeIndex]:
    return _indexes(await (await connection.execute(_LIST)).fetchall())


def _indexes(rows: Iterable[Row]) -> list[AttributeIndex]:
    return [
        AttributeIndex(row[0], tuple(row[1]), AttributeType(row[2]), row[3], row[4]) for row in rows
    ]


async def _find(
    connection: AsyncConnection[Row], path: tuple[str, ...], type_: AttributeType
) -> AttributeIndex | None:
    found = await _read(connection)
    return next((index for index in found if (index.path, index.type) == (path, type_)), None)


async def _locked(
    connection: AsyncConnection[Row], path: tuple[str, ...], type_: AttributeType
) -> bool:
    what = json.dumps(["continuum attribute index", path, type_]).encode()
    number = int.from_bytes(sha256(what).digest()[:8], "big", signed=True)
    [row] = await (await connection.execute(_TRY_LOCK, [number])).fetchall()
    return row[0]


def _drop_statement(index: AttributeIndex) -> Composed:
    name = Identifier("public", index_name(index.id))
    return SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(name)
