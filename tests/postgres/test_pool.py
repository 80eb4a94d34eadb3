"""Connections: how sessions are set up, and what errors mean and say."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, conninfo, errors
from psycopg_pool import PoolTimeout
from psycopg_pool.base import AttemptWithBackoff

from continuum.errors import ConfigurationError, DatabaseUnavailable
from continuum.store.postgres import pool as pool_module
from continuum.store.postgres.pool import (
    PostgresSettings,
    Verdict,
    classify,
    connect,
    connect_blocking,
    open_pool,
    translated,
    unavailable,
)
from continuum.store.postgres.session import Dedicated

SESSION = "SELECT current_setting('search_path'), current_setting('TimeZone')"


@pytest.mark.every_server
async def test_sessions_are_alike(dsn: str) -> None:
    """Pooled, single and blocking connections see schema public only, in UTC, in autocommit."""
    settings = PostgresSettings(conninfo.make_conninfo(dsn, options="-c TimeZone=Asia/Tokyo"))
    pool = await open_pool(settings)
    async with pool.connection() as pooled:
        assert pooled.autocommit
        assert await (await pooled.execute(SESSION)).fetchone() == ("public", "UTC")
    await pool.close()
    async with await connect(settings, direct=True) as single:
        assert single.autocommit
        assert await (await single.execute(SESSION)).fetchone() == ("public", "UTC")
    with connect_blocking(settings, direct=True) as blocking:
        assert blocking.autocommit
        assert blocking.execute(SESSION).fetchone() == ("public", "UTC")


async def test_direct_connections_go_around_the_pooler(dsn: str) -> None:
    """LISTEN and session locks use the direct DSN when there is one."""
    direct = conninfo.make_conninfo(dsn, application_name="around")
    settings = PostgresSettings(dsn, direct_dsn=direct)
    query = "SELECT current_setting('application_name')"
    async with await connect(settings, direct=True) as connection:
        assert await (await connection.execute(query)).fetchone() == ("around",)
    async with await connect(settings) as connection:
        assert await (await connection.execute(query)).fetchone() == ("continuum",)


async def test_unreachable_server_is_one_line() -> None:
    """A refused connection names the place, never the password, on one line."""
    settings = PostgresSettings("postgresql://me:s3cret@127.0.0.1:1/shop")
    for attempt in (connect, open_pool):
        with pytest.raises(DatabaseUnavailable) as caught:
            await attempt(settings)
        text = str(caught.value)
        assert "shop at 127.0.0.1:1" in text
        assert "s3cret" not in text
        assert "\n" not in text


def test_password_in_the_servers_words_is_hidden() -> None:
    """Even an error text that quotes the password is shown without it."""
    settings = PostgresSettings("postgresql://me:s3cret@db/shop", "postgresql://me:hidden@d/shop")
    error = psycopg.OperationalError("bad password s3cret\nor hidden")
    text = str(unavailable(error, settings))
    assert "s3cret" not in text
    assert "hidden" not in text
    assert "check user and password" in text


@pytest.mark.every_server
async def test_missing_database_and_role_are_named(empty_dsn: str) -> None:
    """A database or role that does not exist is said so, with what to check."""
    for changed in ({"dbname": "no_such_database"}, {"user": "no_such_role"}):
        settings = PostgresSettings(conninfo.make_conninfo(empty_dsn, **changed))
        with pytest.raises(DatabaseUnavailable, match="names in the DSN"):
            await connect(settings)


@pytest.mark.parametrize("dsn", ["nonsense s3cret", "postgresql://[s3cret", "mysql://a:s3cret@b/c"])
async def test_malformed_dsn_is_not_repeated(dsn: str) -> None:
    """What cannot be read may hold a password anywhere, so it is not shown."""
    with pytest.raises(ConfigurationError, match="not a PostgreSQL URL") as caught:
        await connect(PostgresSettings(dsn))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (errors.NumericValueOutOfRange, Verdict.PAYLOAD),
        (errors.CharacterNotInRepertoire, Verdict.PAYLOAD),
        (errors.UntranslatableCharacter, Verdict.PAYLOAD),
        (errors.ProgramLimitExceeded, Verdict.PAYLOAD),
        (errors.DiskFull, Verdict.TRANSIENT),
        (errors.ReadOnlySqlTransaction, Verdict.TRANSIENT),
        (errors.QueryCanceled, Verdict.TRANSIENT),
        (errors.LockNotAvailable, Verdict.TRANSIENT),
        (errors.UndefinedTable, Verdict.TRANSIENT),
        (errors.InsufficientPrivilege, Verdict.TRANSIENT),
        (errors.DeadlockDetected, Verdict.TRANSIENT),
        (errors.SerializationFailure, Verdict.TRANSIENT),
        (errors.AdminShutdown, Verdict.TRANSIENT),
        (errors.UniqueViolation, Verdict.TRANSIENT),
        (errors.InternalError_, Verdict.TRANSIENT),
        (psycopg.OperationalError, Verdict.TRANSIENT),
        (psycopg.InterfaceError, Verdict.TRANSIENT),
        (PoolTimeout, Verdict.TRANSIENT),
        (ConnectionResetError, Verdict.TRANSIENT),
        (errors.SyntaxError, Verdict.BUG),
        (errors.UndefinedColumn, Verdict.BUG),
        (psycopg.ProgrammingError, Verdict.BUG),
        (ValueError, Verdict.BUG),
    ],
)
def test_classify(error: type[Exception], verdict: Verdict) -> None:
    """Only SQLSTATE classes 22 and 54 blame a payload; only our own SQL is a bug."""
    assert classify(error("x")) is verdict


@pytest.mark.every_server
async def test_classify_knows_real_errors(dsn: str) -> None:
    """Errors as the server really raises them: a zero byte, a missing table, a wrong column."""
    cases = {
        "SELECT 'x'::bytea, convert_from('\\x00'::bytea, 'UTF8')": Verdict.PAYLOAD,
        "SELECT * FROM no_such_table": Verdict.TRANSIENT,
        "SELECT no_such_column FROM continuum_runs": Verdict.BUG,
    }
    async with await connect(PostgresSettings(dsn)) as connection:
        for query, verdict in cases.items():
            with pytest.raises(psycopg.Error) as caught:
                await connection.execute(query.encode())
            assert classify(caught.value) is verdict, query


def test_only_transient_errors_are_translated() -> None:
    """A bug of ours is not dressed up as a missing database."""
    settings = PostgresSettings("postgresql://db/shop")
    with pytest.raises(DatabaseUnavailable), translated(settings):
        raise errors.AdminShutdown("terminating connection")
    with pytest.raises(errors.UndefinedColumn), translated(settings):
        raise errors.UndefinedColumn("x")


async def test_a_dedicated_connection_is_opened_once(dsn: str) -> None:
    """Two callers that need the connection at the same time share one; no second is left open."""
    opened: list[AsyncConnection[Any]] = []

    async def count() -> AsyncConnection[Any]:
        connection = await connect(PostgresSettings(dsn))
        opened.append(connection)
        return connection

    dedicated = Dedicated(count)
    first, second = await asyncio.gather(dedicated.session(), dedicated.session())
    assert first is second
    assert len(opened) == 1
    await dedicated.close()


async def test_a_pool_connects_soon_after_a_long_outage(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However long nobody could connect: who waits has a connection soon after that is over."""
    caplog.set_level(logging.WARNING, "psycopg")  # commands of this process silence it
    first_pause = 0.02
    monkeypatch.setattr(AttemptWithBackoff, "INITIAL_DELAY", first_pause)
    monkeypatch.setattr(pool_module, "_TRY_AGAIN_FOR", 2 * first_pause)
    door = tmp_path / "door"
    sockets = str(conninfo.conninfo_to_dict(dsn)["host"])
    door.symlink_to(sockets)
    settings = PostgresSettings(conninfo.make_conninfo(dsn, host=str(door)), acquire_timeout=60)
    pool = await open_pool(settings)
    door.unlink()
    async with pool.connection() as connection:
        with pytest.raises(psycopg.OperationalError):
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    async def answer() -> Any:
        async with pool.connection() as connection:
            return await (await connection.execute("SELECT 42")).fetchone()

    waiting = [asyncio.create_task(answer()) for _ in range(3)]
    async with asyncio.timeout(20):  # ever longer pauses would take hours for so many attempts
        while caplog.text.count("error connecting in") < 60:  # noqa: ASYNC110
            await asyncio.sleep(first_pause)
    door.symlink_to(sockets)
    async with asyncio.timeout(20):
        assert await asyncio.gather(*waiting) == [(42,)] * 3
    await pool.close()
