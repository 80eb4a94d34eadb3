"""Statements that go to the server without a cursor."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from continuum.store.postgres.direct import DirectStatements

pytestmark = pytest.mark.every_server

SLOW = b"SELECT pg_sleep(60)"
ONE = b"SELECT 1::int4"


async def connect(dsn: str) -> psycopg.AsyncConnection:
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    connection.prepare_threshold = 0
    return connection


async def test_statements_lost_in_a_rollback_are_prepared_again(dsn: str) -> None:
    """psycopg deallocates everything; between transactions nobody notices."""
    async with await connect(dsn) as connection:
        statements = DirectStatements(connection)
        assert (await statements.run(ONE, [])).get_value(0, 0) == b"\0\0\0\1"
        statements.detach()
        await connection.execute("SELECT 2")
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                raise ZeroDivisionError
        assert (await statements.run(ONE, [])).get_value(0, 0) == b"\0\0\0\1"


async def test_a_cancelled_statement_closes_its_connection(dsn: str) -> None:
    """The answer that is still on its way reaches nobody."""
    connection = await connect(dsn)
    call = asyncio.ensure_future(DirectStatements(connection).run(SLOW, []))
    async with await connect(dsn) as other:
        while True:
            query = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
            pid = connection.info.backend_pid
            if await (await other.execute(query, [pid])).fetchone():
                break
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert connection.closed


async def test_a_lost_connection_is_an_operational_error(dsn: str) -> None:
    """Also when it is lost while the answer is awaited."""
    async with await connect(dsn) as connection, await connect(dsn) as other:
        call = asyncio.ensure_future(DirectStatements(connection).run(SLOW, []))
        terminate = "SELECT pg_terminate_backend(%s) FROM pg_stat_activity WHERE pid = %s"
        pid = connection.info.backend_pid
        await other.execute(terminate, [pid, pid])
        with pytest.raises(psycopg.OperationalError):
            await asyncio.wait_for(call, 20)
