"""Runs the statements of the hot path without a cursor.

A turn or a signal of one run is a round trip of well under a millisecond, and psycopg's cursor and
its wait cost about as much again. The values are in binary form already, so they go to the server
through libpq's asynchronous calls on the same connection. The socket is watched from the first
statement on: two changes of the watch cost as much as sending the statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

_ANSWERED: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})

Names = dict[bytes, tuple[bytes, list[Format]]]
"""Of the statements that a connection has prepared, by their text, and their parameters' form."""


class DirectStatements:
    """Prepared statements of one connection, which nobody else uses until `detach`.

    Args:
        connection: in autocommit mode.
        names: what the connection has prepared, kept for as long as it lives.
    """

    def __init__(self, connection: AsyncConnection[Any], names: Names | None = None) -> None:
        self.connection = connection
        self._names: Names = {} if names is None else names
        self._loop = asyncio.get_running_loop()
        self._watched = -1
        self._waiter: asyncio.Future[PGresult | None] | None = None
        self._last: PGresult | None = None

    async def run(self, text: bytes, parameters: Sequence[bytes | None]) -> PGresult:
        """Run one statement with binary parameters; answers its binary result.

        Cancelled in between, it closes the connection: the answer may still be on its way, and
        nobody else may read it.

        Raises:
            psycopg.Error: what the server said, or that the connection is lost.
        """
        connection = self.connection
        async with connection.lock:
            try:
                return await self._run(connection.pgconn, text, parameters)
            except psycopg.errors.InvalidSqlStatementName:
                # psycopg deallocates all statements of a session after a rollback of its own.
                self._names.clear()
                if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                    raise
                return await self._run(connection.pgconn, text, parameters)
            except asyncio.CancelledError:
                await self.close()
                raise

    async def rows(
        self, text: bytes, parameters: Sequence[bytes | None] = ()
    ) -> list[tuple[Any, ...]]:
        """Run one statement that answers rows, as Python values."""
        result = await self.run(text, parameters)
        values = Transformer(self.connection)
        values.set_pgresult(result)
        return values.load_rows(0, result.ntuples, tuple)

    async def command(self, text: bytes) -> None:
        """Run one statement without parameters that is not worth preparing."""
        async with self.connection.lock:
            try:
                pgconn = self.connection.pgconn
                pgconn.send_query(text)
                await self._answer(pgconn)
            except asyncio.CancelledError:
                await self.close()
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        """What runs inside is one transaction."""
        await self.command(b"BEGIN")
        try:
            yield
        except Exception:
            if not self.connection.closed:
                await self.command(b"ROLLBACK")
            raise
        await self.command(b"COMMIT")

    def detach(self) -> None:
        """Leave the connection to others."""
        watched, self._watched = self._watched, -1
        if watched >= 0:
            self._loop.remove_reader(watched)
            self._loop.remove_writer(watched)

    async def close(self) -> None:
        """Detach and close the connection."""
        self.detach()
        await self.connection.close()

    async def _run(
        self, pgconn: PGconn, text: bytes, parameters: Sequence[bytes | None]
    ) -> PGresult:
        prepared = self._names.get(text)
        if prepared is None:
            if self.connection.prepare_threshold is None:  # around a pooler that lacks them
                pgconn.send_query_params(
                    text, parameters, param_formats=[Format.BINARY] * len(parameters),
                    result_format=Format.BINARY,
                )  # fmt: skip
                return await self._answer(pgconn)
            prepared = await self._prepare(pgconn, text, len(parameters))
        name, formats = prepared
        pgconn.send_query_prepared(name, parameters, formats, Format.BINARY)
        return await self._answer(pgconn)

    async def _prepare(
        self, pgconn: PGconn, text: bytes, parameters: int
    ) -> tuple[bytes, list[Format]]:
        name = b"continuum_%d" % len(self._names)
        pgconn.send_prepare(name, text)
        await self._answer(pgconn)
        prepared = self._names[text] = name, [Format.BINARY] * parameters
        return prepared

    async def _answer(self, pgconn: PGconn) -> PGresult:
        if self._watched < 0:
            self._watched = pgconn.socket
            self._loop.add_reader(self._watched, self._readable)
        waiter = self._waiter = self._loop.create_future()
        if pgconn.flush():  # larger than the socket's buffer
            self._loop.add_writer(self._watched, self._writable)
        result = await waiter
        if result is None or result.status not in _ANSWERED:
            raise _error(pgconn, result)
        return result

    def _readable(self) -> None:
        pgconn = self.connection.pgconn
        try:
            pgconn.consume_input()
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    break
                self._last = result
            else:
                return
        except psycopg.Error as error:
            self._lost(error)
            return
        last, self._last = self._last, None
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(last)

    def _writable(self) -> None:
        try:
            if not self.connection.pgconn.flush():
                self._loop.remove_writer(self._watched)
        except psycopg.Error as error:
            self._lost(error)

    def _lost(self, error: psycopg.Error) -> None:
        """libpq has closed the socket: its number may be another's from now on."""
        self.detach()
        self._last = None
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)


def _error(pgconn: PGconn, result: PGresult | None) -> psycopg.Error:
    if result is not None and pgconn.status == ConnStatus.OK:
        return psycopg.errors.error_from_result(result, "utf-8")
    message = pgconn.get_error_message("utf-8")
    return psycopg.OperationalError(f"the connection is lost: {message}")
