"""Opening a client: schema, addresses, and how many connections it takes."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from continuum import Continuum
from continuum.errors import ConfigurationError, DatabaseUnavailable, SchemaOutOfDate
from tests.client.flows import ALL, Order, total


async def test_an_unmigrated_database_names_the_command(empty_dsn: str) -> None:
    """The client never creates tables in a database it was pointed at."""
    with pytest.raises(SchemaOutOfDate, match="continuum migrate"):
        await Continuum(empty_dsn).__aenter__()
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT to_regclass('continuum_runs')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("postgresql://127.0.0.1:1/none?connect_timeout=1", DatabaseUnavailable),
        ("mysql://secret-word@host/db", ConfigurationError),
        ("", ConfigurationError),
    ],
)
async def test_a_bad_address_is_one_line_without_secrets(
    address: str, error: type[Exception]
) -> None:
    """The error names the trouble, not the password."""
    with pytest.raises(error) as raised:
        await Continuum(address).__aenter__()
    assert "\n" not in str(raised.value)
    assert "secret-word" not in str(raised.value)


async def test_a_process_takes_at_most_ten_connections(dsn: str) -> None:
    """Client, worker, listeners, heartbeat and a hundred calls at once stay within the limit."""
    async with Continuum(dsn) as ct, ct.worker(ALL):
        runs = await asyncio.gather(*(ct.start(total, Order("o", 1)) for _ in range(100)))
        await asyncio.gather(*(run.result(timeout=20) for run in runs))
        await asyncio.gather(*(run.get() for run in runs), *(ct.query() for _ in range(20)))
        with psycopg.connect(dsn) as connection:
            [(used,)] = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        assert used <= 10


async def test_a_client_opens_once(dsn: str) -> None:
    """Entering an open client again is refused; after closing it may be opened anew."""
    ct = Continuum(dsn)
    async with ct:
        with pytest.raises(ConfigurationError, match="open already"):
            await ct.__aenter__()
    async with ct:
        assert await ct.count() == 0


async def test_calls_after_a_lost_connection_do_not_notice(dsn: str) -> None:
    """When the server has closed idle connections, the next calls open others and succeed."""
    async with Continuum(dsn) as ct:
        await asyncio.gather(*(ct.start(total, Order("o", 1)) for _ in range(20)))
        run = await ct.start(total, Order("o", 1))
        await asyncio.gather(*(run.get() for _ in range(20)))
        with psycopg.connect(dsn, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        assert ended
        await asyncio.gather(*(run.signal("x") for _ in range(5)), run.get(), ct.count())
        assert (await ct.start(total, Order("o", 2), idempotency_key="k")).id
