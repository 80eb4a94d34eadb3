"""Whether a transaction pooler such as PgBouncer stands before the server, and what follows.

Behind one, each transaction may have another session of the server: LISTEN hears nothing, a session
lock belongs to nobody, prepared statements of several clients collide, and a setting is left for
somebody else to find. What needs a session goes around it then (`CONTINUUM_DIRECT_DSN`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection

from continuum.errors import ConfigurationError
from continuum.store.postgres.pool import (
    PostgresSettings,
    connect_plain,
    place,
    session_preparation,
    translated,
)

_LOOKS: Final = 3
"""On a busy pooler the session that we had is somebody else's by the second look, or the third."""

_PID: Final[LiteralString] = "SELECT pg_backend_pid()"

_IDENTITY: Final[LiteralString] = """
SELECT (SELECT system_identifier FROM pg_control_system()),
       (SELECT oid FROM pg_database WHERE datname = current_database())"""
"""Of the cluster and the database in it; a replica has the same, as it is a copy."""

_ELSEWHERE: Final[LiteralString] = """
SELECT current_setting('search_path')
WHERE to_regclass('continuum_schema') IS DISTINCT FROM to_regclass('public.continuum_schema')"""

_LENDER: Final = (
    "a transaction pooler: each transaction may have another session, and workers, waiting clients"
    " and migrations need one that stays"
)

_AROUND: Final = "set CONTINUUM_DIRECT_DSN to a connection that goes around the pooler"


async def allow_for_pooler(
    settings: PostgresSettings, connection: AsyncConnection[Any], *, only_read: bool = False
) -> PostgresSettings:
    """Settings that fit what stands between us and the server.

    Args:
        settings: as the user gave them.
        connection: a plain one, not direct.
        only_read: nothing that needs a session is done there.

    Raises:
        ConfigurationError: a transaction pooler without a way around it, a way around it that
            leads through one, too, or to another database; a role whose search path does not
            lead to our tables.
        DatabaseUnavailable: one of the two cannot be reached.
    """
    if settings.direct_dsn is not None:
        await _check_direct(settings, connection)
    elif not await _changes_sessions(settings, connection):
        return settings
    elif only_read:
        settings = replace(settings, pooled=True)
    else:
        raise ConfigurationError(f"{place(settings)} is {_LENDER}", hint=_AROUND)
    with translated(settings):
        found = await (await connection.execute(_ELSEWHERE)).fetchone()
    if found is not None:
        raise ConfigurationError(
            f"the search path of {place(settings)} is {found[0]}, which does not lead to the tables"
            " of Continuum; behind a transaction pooler it cannot be set by us",
            hint="as its owner: ALTER ROLE ... SET search_path = public, and reconnect the pooler",
        )
    return settings


async def connect_direct(settings: PostgresSettings) -> AsyncConnection[tuple[Any, ...]]:
    """`connect` around any transaction pooler.

    Raises:
        ConfigurationError: there is one on the way.
        DatabaseUnavailable: see `connect`.
    """
    connection = await connect_plain(settings, direct=True)
    try:
        if await _changes_sessions(settings, connection, direct=True):
            raise ConfigurationError(f"{place(settings, direct=True)} is {_LENDER}", hint=_AROUND)
        with translated(settings, direct=True):
            await session_preparation(settings, direct=True)(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _check_direct(settings: PostgresSettings, pooled: AsyncConnection[Any]) -> None:
    async with await connect_direct(settings) as direct:
        with translated(settings, direct=True):
            there = await (await direct.execute(_IDENTITY)).fetchone()
    with translated(settings):
        here = await (await pooled.execute(_IDENTITY)).fetchone()
    if here != there:
        raise ConfigurationError(
            f"{place(settings, direct=True)} is not the database of {place(settings)}",
            hint="let CONTINUUM_DIRECT_DSN name the same database as the DSN",
        )


async def _changes_sessions(
    settings: PostgresSettings, first: AsyncConnection[Any], *, direct: bool = False
) -> bool:
    """Whether two transactions of one connection have two sessions.

    A pooler tells its clients a process id of its own, so a connection without one between costs
    a single question. Behind a pooler a second connection takes a session and keeps it for a
    while: if that was ours, or ours is another meanwhile, sessions are lent by the transaction.
    """
    with translated(settings, direct=direct):
        ours = await _pid(first)
        if ours == first.info.backend_pid:
            return False
        async with await connect_plain(settings, direct=direct) as second:
            for _ in range(_LOOKS):
                async with second.transaction():
                    if await _pid(second) == ours or await _pid(first) != ours:
                        return True
    return False


async def _pid(connection: AsyncConnection[Any]) -> int:
    found = await (await connection.execute(_PID)).fetchone()
    assert found is not None
    return found[0]
