"""Runs the committer's statements without a cursor.

A turn of one run is a round trip of well under a millisecond, and psycopg's cursor and its wait
cost about as much again. The values are in binary form already, so they go to the server through
libpq's asynchronous calls on the same connection.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

_ANSWERED: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})


class DirectStatements:
    """Prepared statements of one connection.

    The socket is watched through a descriptor of its own for as long as this object lives, so a
    wait costs one future. psycopg may use the connection in between.

    Args:
        connection: in autocommit mode.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.connection = connection
        self._names: dict[bytes, bytes] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._watched = os.dup(connection.pgconn.socket)
        self._loop.add_reader(self._watched, self._readable)

    def close(self) -> None:
        """Stop watching the socket; the connection stays open."""
        self._loop.remove_reader(self._watched)
        os.close(self._watched)

    async def run(self, text: bytes, parameters: Sequence[bytes | None]) -> PGresult:
        """Run one statement with binary parameters; answers its binary result.

        Raises:
            psycopg.Error: what the server said, or that the connection is lost.
        """
        connection = self.connection
        async with connection.lock:
            pgconn = connection.pgconn
            formats = [Format.BINARY] * len(parameters)
            if connection.prepare_threshold is None:  # around a pooler that lacks them
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
        if pgconn.flush():
            await self._flush(pgconn)
        last: PGresult | None = None
        while True:
            while pgconn.is_busy():
                self._waiter = self._loop.create_future()
                await self._waiter
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                break
            last = result
        if last is None or last.status not in _ANSWERED:
            raise _error(pgconn, last)
        return last

    async def _flush(self, pgconn: PGconn) -> None:
        """The batch is larger than the socket's buffer: write as it drains, and read meanwhile."""
        try:
            while pgconn.flush():
                self._waiter = self._loop.create_future()
                self._loop.add_writer(self._watched, self._readable)
                await self._waiter
                pgconn.consume_input()
        finally:
            self._loop.remove_writer(self._watched)

    def _readable(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def _error(pgconn: PGconn, result: PGresult | None) -> psycopg.Error:
    if result is not None and pgconn.status == ConnStatus.OK:
        return psycopg.errors.error_from_result(result, "utf-8")
    message = pgconn.get_error_message("utf-8")
    return psycopg.OperationalError(f"the connection is lost: {message}")
