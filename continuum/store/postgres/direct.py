"""Runs the statements of the hot path without a cursor.

A turn or a signal of one run is a round trip of well under a millisecond, and psycopg's cursor and
its wait cost about as much again. The values are in binary form already, so they go to the server
through libpq's asynchronous calls on the same connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

_ANSWERED: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})


class DirectStatements:
    """Prepared statements of one connection; psycopg may use it in between.

    Args:
        connection: in autocommit mode.
        names: of the statements that the connection has prepared, kept for as long as it lives.
    """

    def __init__(
        self, connection: AsyncConnection[Any], names: dict[bytes, bytes] | None = None
    ) -> None:
        self.connection = connection
        self._names: dict[bytes, bytes] = {} if names is None else names
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

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
                # psycopg deallocates all statements of a session after a rollback.
                self._names.clear()
                if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                    raise
                return await self._run(connection.pgconn, text, parameters)
            except asyncio.CancelledError:
                await connection.close()
                raise

    async def _run(
        self, pgconn: PGconn, text: bytes, parameters: Sequence[bytes | None]
    ) -> PGresult:
        formats = [Format.BINARY] * len(parameters)
        if self.connection.prepare_threshold is None:  # around a pooler that lacks them
            pgconn.send_query_params(
                text, parameters, param_formats=formats, result_format=Format.BINARY
            )
        else:
            name = self._names.get(text) or await self._prepare(pgconn, text)
            pgconn.send_query_prepared(name, parameters, formats, Format.BINARY)
        return await self._answer(pgconn)

    async def _prepare(self, pgconn: PGconn, text: bytes) -> bytes:
        name = b"continuum_%d" % len(self._names)
        pgconn.send_prepare(name, text)
        await self._answer(pgconn)
        self._names[text] = name
        return name

    async def _answer(self, pgconn: PGconn) -> PGresult:
        last: PGresult | None = None
        watched = pgconn.socket
        self._loop.add_reader(watched, self._readable)
        try:
            if pgconn.flush():
                await self._flush(pgconn)
            while True:
                while pgconn.is_busy():
                    self._waiter = self._loop.create_future()
                    await self._waiter
                    pgconn.consume_input()
                result = pgconn.get_result()
                if result is None:
                    break
                last = result
        finally:
            self._loop.remove_reader(watched)
        if last is None or last.status not in _ANSWERED:
            raise _error(pgconn, last)
        return last

    async def _flush(self, pgconn: PGconn) -> None:
        """The batch is larger than the socket's buffer: write as it drains, and read meanwhile."""
        watched = pgconn.socket
        try:
            while pgconn.flush():
                self._waiter = self._loop.create_future()
                self._loop.add_writer(watched, self._readable)
                await self._waiter
                pgconn.consume_input()
        finally:
            self._loop.remove_writer(watched)

    def _readable(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def _error(pgconn: PGconn, result: PGresult | None) -> psycopg.Error:
    if result is not None and pgconn.status == ConnStatus.OK:
        return psycopg.errors.error_from_result(result, "utf-8")
    message = pgconn.get_error_message("utf-8")
    return psycopg.OperationalError(f"the connection is lost: {message}")
