"""Looks at a server as `continuum doctor` does: with fresh connections, whatever its schema."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC
from typing import Any, Final, LiteralString, TypeVar
from uuid import uuid4

import psycopg
from psycopg import AsyncConnection, errors, sql

from continuum.errors import ConfigurationError, SchemaError
from continuum.store.installation import InstallationFacts
from continuum.store.postgres import migrate
from continuum.store.postgres.pool import (
    PostgresSettings,
    connect,
    connect_plain,
    place,
    translated,
)
from continuum.store.postgres.poolers import allow_for_pooler
from continuum.system import host_time, monotonic

T = TypeVar("T")

NOTIFY_WAIT: Final = 3.0
"""Seconds to wait for a notification of our own."""

_SETTINGS: Final[LiteralString] = """
SELECT name, current_setting(name) FROM pg_settings
WHERE name IN ('server_version', 'server_version_num', 'fsync', 'full_page_writes',
               'synchronous_commit', 'max_connections', 'server_encoding', 'autovacuum',
               'idle_session_timeout', 'idle_in_transaction_session_timeout',
               'default_transaction_read_only')"""

_NEEDED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_MISSING: Final[LiteralString] = """
SELECT p.privilege || ' on ' || c.relname
FROM pg_class c
CROSS JOIN LATERAL unnest(CASE c.relkind WHEN 'S' THEN '{USAGE}' ELSE %s::text[] END)
  AS p (privilege)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')
  AND NOT c.relispartition AND c.relname LIKE 'continuum\\_%%' AND c.relname <> 'continuum_schema'
  AND NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, p.privilege)
               ELSE has_table_privilege(c.oid, p.privilege) END
ORDER BY 1"""

_ROLE: Final[LiteralString] = """
SELECT current_user, has_schema_privilege('public', 'CREATE'),
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), pg_is_in_recovery()"""

_FREE: Final[LiteralString] = """
SELECT current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0)
         - count(*)
FROM pg_stat_activity WHERE backend_type = 'client backend'"""

_LOCK_SEEN: Final[LiteralString] = """
SELECT EXISTS (SELECT FROM pg_locks
               WHERE locktype = 'advisory' AND granted AND objsubid = 1
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND ((classid::bigint << 32) | objid::bigint) = %s)"""


async def examine(settings: PostgresSettings, *, embedded: bool) -> InstallationFacts:
    """Everything that `InstallationFacts` says.

    Args:
        settings: how to reach the database.
        embedded: whether the embedded server is installed on this host.

    Raises:
        ConfigurationError, DatabaseUnavailable: it cannot be reached.
    """
    async with AsyncExitStack() as stack:
        plain = replace(settings, pooled=True)  # of no session anything is changed
        main = await stack.enter_async_context(await connect(plain))
        direct = await stack.enter_async_context(await connect(plain, direct=True))
        look = _Look(main, direct)
        with translated(settings):
            found = dict(await look.rows(main, _SETTINGS))
            [(role, may_create, sees_all, replica)] = await look.rows(main, _ROLE)
            schema = await look.ask("schema", _schema(main))
            offset, error = await _clock(main)
            pooled = await look.ask("pooler", look.is_pooled())
            refused = await _refused(settings, main)
            lock_visible = await look.ask("lock", look.lock_is_visible())
            notify = await look.ask("notify", look.notification())
            prepared = await look.ask("prepared", _keeps_prepared(settings))
            missing = await look.ask("privileges", look.rows(main, _MISSING, [list(_NEEDED)]))
            free = await look.ask("connections", look.rows(main, _FREE))
        return InstallationFacts(
            place=place(settings),
            server_version=int(found.get("server_version_num", 0)),
            settings=found,
            replica=replica,
            has_direct_dsn=settings.direct_dsn is not None,
            pooled=pooled,
            refused=refused,
            prepared=prepared,
            lock_visible=lock_visible,
            notify_seconds=notify,
            pending=[] if schema is None else schema[1],
            schema_error=None if schema is None else schema[0],
            clock_offset=offset,
            clock_error=error,
            role=role,
            missing=[text for (text,) in missing or ()],
            may_create=may_create,
            sees_all_sessions=sees_all,
            free_connections=free[0][0] if free else None,
            embedded=embedded,
            unknown=look.unknown,
        )


class _Look:
    """Two connections: the second one sees what the first one does."""

    def __init__(self, main: AsyncConnection[Any], direct: AsyncConnection[Any]) -> None:
        self._main = main
        self._direct = direct
        self.unknown: dict[str, str] = {}

    async def ask(self, part: str, answer: Awaitable[T]) -> T | None:
        """The answer, or None with the reason kept."""
        try:
            return await answer
        except psycopg.Error as error:
            if self._main.closed or self._direct.closed:
                raise
            self.unknown[part] = " ".join(str(error).split())
            return None

    async def rows(
        self, connection: AsyncConnection[Any], query: LiteralString, values: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """What one query answers."""
        return await (await connection.execute(query, values or None)).fetchall()

    async def is_pooled(self) -> bool:
        """A pooler tells its clients a process id of its own, not that of the server process."""
        [(pid,)] = await self.rows(self._direct, "SELECT pg_backend_pid()")
        return pid != self._direct.info.backend_pid

    async def lock_is_visible(self) -> bool:
        """Whether a session lock stays, and others see it."""
        key = int.from_bytes(uuid4().bytes[:8], "big", signed=True)
        await self._direct.execute("SELECT pg_advisory_lock_shared(%s)", [key])
        try:
            [(seen,)] = await self.rows(self._main, _LOCK_SEEN, [key])
            # Behind a pooler the lock may be seen and yet belong to nobody's session.
            [(ours,)] = await self.rows(
                self._direct,
                "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND pid = pg_backend_pid()"
                " AND ((classid::bigint << 32) | objid::bigint) = %s)",
                [key],
            )
        finally:
            await self._direct.execute("SELECT pg_advisory_unlock_shared(%s)", [key])
        return seen and ours

    async def notification(self) -> float | None:
        """Seconds until our own notification came back; None: it did not."""
        channel = f"continuum_doctor_{uuid4().hex[:12]}"
        await self._direct.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        began = monotonic()
        try:
            await self._main.execute("SELECT pg_notify(%s, '')", [channel])
            async for _ in self._direct.notifies(timeout=NOTIFY_WAIT, stop_after=1):
                return monotonic() - began
            return None
        finally:
            await self._direct.execute(sql.SQL("UNLISTEN {}").format(sql.Identifier(channel)))


async def _refused(
    settings: PostgresSettings, connection: AsyncConnection[Any]
) -> tuple[str, str] | None:
    """Why no client would work behind this pooler, and what to do; None: it would, or none is."""
    try:
        await allow_for_pooler(settings, connection)
    except ConfigurationError as error:
        return error.message, error.hint or ""
    return None


async def _keeps_prepared(settings: PostgresSettings) -> bool:
    """Whether two sessions can each have a prepared statement of the same name, and keep it."""
    async with (
        await connect_plain(settings, direct=True) as first,
        await connect_plain(settings, direct=True) as second,
    ):
        try:
            for connection in (first, second) * 3:
                await connection.execute("SELECT 1", prepare=True)
        except (errors.DuplicatePreparedStatement, errors.InvalidSqlStatementName):
            return False
    return True


async def _schema(connection: AsyncConnection[Any]) -> tuple[str | None, list[str]]:
    """Why the schema is not of this release, and which migrations are missing."""
    try:
        found = await migrate.status(connection)
        pending = [f"{each.version} {each.name}" for each in found if each.applied_at is None]
        if not pending:
            await migrate.check(connection)
    except SchemaError as error:
        return str(error), []
    return None, pending


async def _clock(connection: AsyncConnection[Any]) -> tuple[float, float]:
    """How far the database is ahead of this host, and how wrong that may be, by the best of 3."""
    best = (0.0, float("inf"))
    for _ in range(3):
        before = host_time()
        cursor = await connection.execute("SELECT clock_timestamp()")
        [(there,)] = await cursor.fetchall()
        after = host_time()
        error = (after - before).total_seconds() / 2
        if error < best[1]:
            middle = before + (after - before) / 2
            best = ((there.astimezone(UTC) - middle).total_seconds(), error)
    return best
