"""How the store's parts talk to PostgreSQL: static statements, binary values, one error rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, Connection, IsolationLevel, RawCursor
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from continuum.errors import DatabaseUnavailable
from continuum.store.postgres.arrays import register
from continuum.store.postgres.direct import DirectStatements, Names
from continuum.store.postgres.pool import Verdict, classify
from continuum.store.unavailable import StoreUnavailable

T = TypeVar("T")
Row = tuple[Any, ...]
Procedure = Generator[tuple[bytes, list[object]], list[Row], T]
"""Several statements that depend on each other, on whatever connection: it yields each with its
parameters, is sent its rows, and returns what came of them."""
Connect = Callable[[], Awaitable[AsyncConnection[Any]]]
"""Opens one autocommit connection; raises `DatabaseUnavailable`."""


@contextmanager
def transient_errors() -> Generator[None]:
    """Turn transient database errors into `StoreUnavailable`; all others pass."""
    try:
        yield
    except StoreUnavailable:
        raise
    except DatabaseUnavailable as error:
        raise StoreUnavailable(error.message, hint=error.hint) from error
    except (psycopg.Error, OSError) as error:
        if classify(error) is not Verdict.TRANSIENT:
            raise
        text = " ".join(str(error).split())
        raise StoreUnavailable(f"the database does not answer: {text}") from error


class Session:
    """Static statements on one connection, whatever cursors and rows its owner prefers."""

    __slots__ = ("connection",)

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.connection = connection
        register(connection)

    def cursor(self) -> AsyncRawCursor[Row]:
        """A cursor that sends `$1` statements as they are."""
        return AsyncRawCursor(self.connection, row_factory=tuple_row)

    async def rows(self, statement: bytes, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement that answers rows."""
        cursor = self.cursor()
        await cursor.execute(statement, parameters, prepare=True, binary=True)
        return await cursor.fetchall()

    async def run(self, statement: bytes, parameters: Sequence[object] = ()) -> int:
        """Run one statement; answers the number of rows it touched."""
        cursor = self.cursor()
        await cursor.execute(statement, parameters, prepare=True, binary=True)
        return cursor.rowcount

    async def carry_out(self, procedure: Procedure[T]) -> T:
        """Run the statements of a procedure; answers what it returns."""
        try:
            statement, parameters = next(procedure)
            while True:
                statement, parameters = procedure.send(await self.rows(statement, parameters))
        except StopIteration as end:
            return end.value


class BlockingSession:
    """`Session` on a synchronous connection, without prepared statements."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection
        register(connection)

    def rows(self, statement: bytes, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement that answers rows."""
        cursor = RawCursor(self.connection, row_factory=tuple_row)
        cursor.execute(statement, parameters, binary=True)
        return cursor.fetchall()

    def run(self, statement: bytes, parameters: Sequence[object] = ()) -> int:
        """Run one statement; answers the number of rows it touched."""
        cursor = RawCursor(self.connection, row_factory=tuple_row)
        cursor.execute(statement, parameters, binary=True)
        return cursor.rowcount

    def carry_out(self, procedure: Procedure[T]) -> T:
        """See `Session.carry_out`."""
        try:
            statement, parameters = next(procedure)
            while True:
                statement, parameters = procedure.send(self.rows(statement, parameters))
        except StopIteration as end:
            return end.value


class Sessions:
    """Sessions on the connections of a pool."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool
        self._prepared: WeakKeyDictionary[AsyncConnection[Any], Names] = WeakKeyDictionary()

    @asynccontextmanager
    async def autocommit(self) -> AsyncGenerator[Session]:
        """Each statement is its own transaction."""
        with transient_errors():
            async with self._pool.connection() as connection:
                if connection.isolation_level is None:
                    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
                yield Session(connection)

    @asynccontextmanager
    async def direct(self) -> AsyncGenerator[DirectStatements]:
        """As `autocommit`, for a statement that somebody waits for."""
        with transient_errors():
            async with self._pool.connection() as connection:
                names = self._prepared.setdefault(connection, {})
                statements = DirectStatements(connection, names)
                try:
                    yield statements
                finally:
                    statements.detach()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Session]:
        """READ COMMITTED, whatever the server's default is: each statement has a fresh snapshot.

        Rule 1 depends on it: lock in one statement, read in a later one.
        """
        async with self.autocommit() as session, session.connection.transaction():
            yield session


class Dedicated:
    """One connection of our own, opened when needed and again after every loss.

    Args:
        connect: opens it.
        prepare: a statement to run on each new connection; as it changes the whole session,
            `connect` then goes around any transaction pooler.
    """

    def __init__(self, connect: Connect, prepare: bytes | None = None) -> None:
        self._connect = connect
        self._prepare = prepare
        self._session: Session | None = None
        self._opening = asyncio.Lock()

    async def session(self) -> Session:
        """The live session. Raises `StoreUnavailable`."""
        if self._session is not None and not self._session.connection.closed:
            return self._session
        async with self._opening:  # two callers at once must not open two
            if self._session is None or self._session.connection.closed:
                self._session = await self._open()
            return self._session

    async def _open(self) -> Session:
        with transient_errors():
            connection = await self._connect()
            try:
                if connection.prepare_threshold is not None:  # None: a pooler that lacks them
                    connection.prepare_threshold = 0
                if self._prepare is not None:
                    await connection.execute(self._prepare)
            except BaseException:
                await connection.close()
                raise
        return Session(connection)

    async def close(self) -> None:
        """Close the connection; `session` would open another."""
        session, self._session = self._session, None
        if session is not None:
            await session.connection.close()
