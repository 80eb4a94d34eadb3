"""Connections to PostgreSQL: how they are opened, what their errors mean, how we say so.

Every connection is in autocommit, sees schema `public` only, and speaks UTC. Behind a transaction
pooler a session is anybody's: nothing of it is changed there but the time zone, which poolers keep
apart, and the role's own search path must lead to our tables.
"""

from __future__ import annotations

import enum
import json
import select
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg import AsyncConnection, Connection, conninfo, errors
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from continuum.errors import ConfigurationError, DatabaseUnavailable

OLDEST_SERVER: Final = 140000

PREPARE_SESSION: LiteralString = """\
SELECT set_config('search_path', 'public', false), set_config('TimeZone', 'UTC', false)"""
"""One round trip; not libpq's `options`, which poolers refuse."""

PREPARE_POOLED: LiteralString = "SELECT set_config('TimeZone', 'UTC', false)"
"""PgBouncer gives each of its clients the time zone that it has set; nothing else of a session."""


_NOTICE_DEAD_PEER: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A server that vanished without a word (power, network) is noticed within 20 s, not in hours: a
heartbeat must be able to connect again before its node's TTL is over."""


_TRY_AGAIN_FOR: Final = 2.0
"""Seconds of the pool's own attempts to connect again. They are ever further apart, minutes in the
end, and whoever waits for a connection waits for the next one; so they begin anew after these."""


class Verdict(enum.Enum):
    """Whose fault a database error is."""

    TRANSIENT = "transient"
    """The database's: retry with back-off, fail nothing."""

    PAYLOAD = "payload"
    """This row's: PostgreSQL can never store it. Only the culprit may fail."""

    BUG = "bug"
    """Ours: the statement is wrong. Let it be seen."""


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """How to reach the database.

    Attributes:
        dsn: PostgreSQL URL or key=value string.
        direct_dsn: the same database around a transaction pooler, through which `dsn` then leads;
            default: `dsn` leads to the server itself, or to a pooler that keeps sessions.
        min_size, max_size: connections in the pool.
        connect_timeout: seconds for one attempt to connect.
        acquire_timeout: seconds to wait for a free connection of the pool.
        application_name: shown in `pg_stat_activity`.
        pooled: `dsn` leads through a transaction pooler, though no second DSN is needed.
    """

    dsn: str
    direct_dsn: str | None = None
    min_size: int = 1
    max_size: int = 5
    connect_timeout: float = 10.0
    acquire_timeout: float = 30.0
    application_name: str = "continuum"
    pooled: bool = False

    def is_pooled(self, *, direct: bool) -> bool:
        """Whether each transaction of such a connection may have another session."""
        return self.pooled or (self.direct_dsn is not None and not direct)

    def parameters(self, *, direct: bool = False) -> dict[str, Any]:
        """Arguments for psycopg's `connect`.

        Raises:
            ConfigurationError: the DSN is not a PostgreSQL connection string.
        """
        dsn = self.direct_dsn if direct and self.direct_dsn is not None else self.dsn
        try:
            given = conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:
            # libpq quotes the text it cannot read, and that text may hold a password.
            raise ConfigurationError(
                "the DSN is not a PostgreSQL URL or connection string",
                hint="for example: postgresql://user@host:5432/database",
            ) from None
        return {
            "application_name": self.application_name,
            "connect_timeout": max(1, round(self.connect_timeout)),
            **_NOTICE_DEAD_PEER,
            **given,
            "autocommit": True,
            "prepare_threshold": None if self.is_pooled(direct=direct) else 2,
        }


async def connect_plain(
    settings: PostgresSettings, *, direct: bool = False
) -> AsyncConnection[tuple[Any, ...]]:
    """Open one connection of whose session nothing is set; arguments and errors as `connect`."""
    parameters = settings.parameters(direct=direct)
    with translated(settings, direct=direct):
        connection = await AsyncConnection.connect(**parameters)
    try:
        _refuse_old(connection.info.server_version)
    except BaseException:
        await connection.close()
        raise
    return connection


async def connect(
    settings: PostgresSettings, *, direct: bool = False
) -> AsyncConnection[tuple[Any, ...]]:
    """Open one connection outside the pool.

    Args:
        settings: how to reach the database.
        direct: around a transaction pooler, if a second DSN is given (LISTEN, session locks).

    Raises:
        ConfigurationError: the DSN cannot be read.
        DatabaseUnavailable: no connection, or the server is older than PostgreSQL 14.
    """
    connection = await connect_plain(settings, direct=direct)
    try:
        with translated(settings, direct=direct):
            await session_preparation(settings, direct=direct)(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


def connect_blocking(
    settings: PostgresSettings, *, direct: bool = False
) -> Connection[tuple[Any, ...]]:
    """`connect` for code that runs in a thread of its own."""
    parameters = settings.parameters(direct=direct)
    with translated(settings, direct=direct):
        connection = Connection.connect(**parameters)
        try:
            _refuse_old(connection.info.server_version)
            pooled = settings.is_pooled(direct=direct)
            connection.execute(PREPARE_POOLED if pooled else PREPARE_SESSION)
        except BaseException:
            connection.close()
            raise
    return connection


Fit = Callable[[PostgresSettings, AsyncConnection[Any]], Awaitable[PostgresSettings]]
"""Sees what a plain connection leads through, and answers the settings that fit."""


async def open_pool(
    settings: PostgresSettings,
    prepare: Callable[[AsyncConnection[Any]], Awaitable[object]] | None = None,
    fit: Fit | None = None,
) -> AsyncConnectionPool[AsyncConnection[Any]]:
    """Open a pool whose first connection works; `await pool.close()` when done.

    Args:
        settings: how to reach the database.
        prepare: what to do on a connection first, such as checking the schema.
        fit: what may change the settings before that.

    Raises:
        ConfigurationError: the DSN cannot be read.
        DatabaseUnavailable: see `connect`.
    """
    # The pool would retry in silence; one attempt of our own tells the reason at once.
    async with await connect_plain(settings) as connection:
        if fit is not None:
            settings = await fit(settings, connection)
        with translated(settings):  # such as a role that may not look
            await session_preparation(settings)(connection)
            if prepare is not None:
                await prepare(connection)
    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        "",
        kwargs=settings.parameters(),
        min_size=settings.min_size,
        max_size=settings.max_size,
        timeout=settings.acquire_timeout,
        configure=session_preparation(settings),
        check=check_idle,
        reconnect_timeout=_TRY_AGAIN_FOR,
        reconnect_failed=_begin_anew,
        name=settings.application_name,
        open=False,
    )
    with translated(settings):
        await pool.open(wait=True, timeout=settings.acquire_timeout)
    return pool


async def _begin_anew(pool: AsyncConnectionPool[Any]) -> None:
    """The pool gave up a connection; `check` has it try for one again, if it does not already."""
    if not pool.closed:
        await pool.check()


async def check_idle(connection: AsyncConnection[Any]) -> None:
    """Notice that the server closed an idle connection, without a round trip for the others.

    Nothing arrives unasked on an idle connection, except the news that it is over.
    """
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    if poller.poll(0):
        await connection.execute("SELECT")


def session_preparation(
    settings: PostgresSettings, *, direct: bool = False
) -> Callable[[AsyncConnection[Any]], Awaitable[None]]:
    """What sets that which every session of ours has in common."""
    statement = PREPARE_POOLED if settings.is_pooled(direct=direct) else PREPARE_SESSION

    async def prepare_session(connection: AsyncConnection[Any]) -> None:
        set_json_loads(_read_json, connection)
        await connection.execute(statement)

    return prepare_session


def _read_json(data: str | bytes) -> Any:
    """What `json.loads` reads, in a tenth of the time; only that reads numbers beyond a float."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return json.loads(data)


def classify(error: BaseException) -> Verdict:
    """Decide from type and SQLSTATE alone whose fault an error is.

    Only classes 22 (data) and 54 (program limit) say that this very payload can never be stored.
    """
    if isinstance(
        error, PoolTimeout | PoolClosed | TooManyRequests | DatabaseUnavailable | OSError
    ):
        return Verdict.TRANSIENT
    if not isinstance(error, psycopg.Error):
        return Verdict.BUG
    state = error.sqlstate
    if state is None:
        # Raised by the client library: a lost connection, or a value it cannot adapt.
        if isinstance(error, psycopg.DataError):
            return Verdict.PAYLOAD
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return Verdict.TRANSIENT if lost else Verdict.BUG
    if state[:2] in {"22", "54"}:
        return Verdict.PAYLOAD
    # A missing table or privilege is the database's state (restore, role change), not our SQL.
    if state[:2] in {"42", "26", "34"} and state not in {"42P01", "42501"}:
        return Verdict.BUG
    return Verdict.TRANSIENT


def unavailable(
    error: BaseException, settings: PostgresSettings, *, direct: bool = False
) -> DatabaseUnavailable:
    """The one-line error for users; holds neither the password nor libpq's many lines."""
    if isinstance(error, DatabaseUnavailable):
        return error
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable(
            f"no database connection became free in {settings.acquire_timeout:g} s",
            hint="the database is overloaded or has gone; nothing was written",
        )
    text = " ".join(str(error).split())
    for dsn in (settings.dsn, settings.direct_dsn):
        password = conninfo.conninfo_to_dict(dsn or "").get("password")
        if password:
            text = text.replace(str(password), "***")
    hint = None
    if isinstance(error, errors.InvalidPassword) or "password" in text:
        hint = "check user and password in the DSN"
    elif isinstance(error, errors.InvalidCatalogName) or "does not exist" in text:
        hint = "check the database and user names in the DSN"
    where = place(settings, direct=direct)
    return DatabaseUnavailable(f"cannot use the database {where}: {text}", hint=hint)


def place(settings: PostgresSettings, *, direct: bool = False) -> str:
    """Host and database of a DSN, for messages."""
    around = settings.direct_dsn if direct else None
    given = conninfo.conninfo_to_dict(settings.dsn if around is None else around)
    host = str(given.get("host") or given.get("hostaddr") or "localhost")
    port = f":{given['port']}" if given.get("port") else ""
    way = "" if around is None else " (the direct DSN)"
    return f"{given.get('dbname') or given.get('user') or ''} at {host}{port}{way}".strip()


@contextmanager
def translated(settings: PostgresSettings, *, direct: bool = False) -> Generator[None]:
    """Turn transient database errors into `DatabaseUnavailable`; others pass."""
    try:
        yield
    except (psycopg.Error, OSError) as error:
        if classify(error) is not Verdict.TRANSIENT:
            raise
        raise unavailable(error, settings, direct=direct) from error


def _refuse_old(server_version: int) -> None:
    if server_version < OLDEST_SERVER:
        raise DatabaseUnavailable(
            f"PostgreSQL 14 or newer is needed, this server is {server_version // 10000}",
            hint="upgrade the server, or name another database",
        )
