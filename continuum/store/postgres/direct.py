"""Runs the committer's statements without a cursor.

A turn of one run is a round trip of well under a millisecond; adapting its parameters and rows
through psycopg's cursor costs about as much again. The values are in binary form already, so they
go to the server through psycopg's own generators on the same connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, generators
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

_ANSWERED: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})


class DirectStatements:
    """Prepared statements of one connection. Use it for nothing else while one is running.

    Args:
        connection: in autocommit mode.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.connection = connection
        self._names: dict[bytes, bytes] = {}

    async def run(self, text: bytes, parameters: Sequence[bytes]) -> PGresult:
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
        *_, result = await self.connection.wait(generators.execute(pgconn))
        if result.status not in _ANSWERED:
            raise psycopg.errors.error_from_result(result, "utf-8")
        return result
