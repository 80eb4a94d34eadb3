"""Bring a database's Continuum tables to this release: numbered SQL files, applied once each.

All pending files run in one transaction under an advisory lock, so many processes may migrate at
once and a failure leaves nothing half done. Tables that are not Continuum's are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, errors

from continuum.errors import SchemaError, SchemaOutOfDate, SchemaTooNew

LOCK_KEY: Final = 0x636F_6E74_696E_7575
"""The advisory lock of whoever migrates ("continuu" as a number)."""

FRESH_SNAPSHOTS: LiteralString = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
"""Whatever the server's default, a migration that locks a table then sees all that is in it."""

TAKE_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(%s)"

CREATE_SCHEMA_TABLE: LiteralString = """\
CREATE TABLE IF NOT EXISTS public.continuum_schema (
    version     integer     PRIMARY KEY,
    name        text        NOT NULL,
    checksum    text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()
)"""

HAS_SCHEMA_TABLE: LiteralString = "SELECT to_regclass('public.continuum_schema') IS NOT NULL"

READ_APPLIED: LiteralString = """\
SELECT version, name, checksum, applied_at FROM public.continuum_schema ORDER BY version"""

RECORD: LiteralString = """\
INSERT INTO public.continuum_schema (version, name, checksum) VALUES (%s, %s, %s)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of this release."""

    version: int
    name: str
    text: str
    checksum: str


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """A migration and when the database got it; None: not yet."""

    version: int
    name: str
    applied_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Applied:
    version: int
    name: str
    checksum: str
    applied_at: datetime


@cache
def migrations() -> Sequence[Migration]:
    """All migrations of this release, in order."""
    folder = files("continuum.store.postgres") / "migrations"
    found: list[Migration] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".sql"):
            continue
        number, _, name = entry.name.removesuffix(".sql").partition("_")
        text = entry.read_text(encoding="utf-8").replace("\r\n", "\n")
        found.append(Migration(int(number), name, text, sha256(text.encode()).hexdigest()))
    return tuple(found)


async def status(connection: AsyncConnection[Any]) -> list[MigrationStatus]:
    """Every migration of this release, and those of a newer one that the database has.

    Raises:
        SchemaError: an applied migration is not the one that this release knows.
    """
    applied = {row.version: row for row in await _applied(connection)}
    _refuse_edited(applied.values())
    known = [
        MigrationStatus(m.version, m.name, applied[m.version].applied_at)
        if m.version in applied
        else MigrationStatus(m.version, m.name, None)
        for m in migrations()
    ]
    newer = [row for row in applied.values() if row.version > migrations()[-1].version]
    return known + [MigrationStatus(row.version, row.name, row.applied_at) for row in newer]


async def check(connection: AsyncConnection[Any]) -> None:
    """Make sure that the database fits this release exactly.

    Raises:
        SchemaOutOfDate: migrations are missing; the hint names the command to run.
        SchemaTooNew: the database has migrations that this release does not know.
        SchemaError: an applied migration is not the one that this release knows.
    """
    applied = await _applied(connection)
    _refuse_newer(applied)
    _refuse_edited(applied)
    missing = len(migrations()) - len(applied)
    if missing == len(migrations()):
        raise SchemaOutOfDate("the database has no Continuum tables yet")
    if missing > 0:
        raise SchemaOutOfDate(
            f"the database schema is at version {applied[-1].version},"
            f" this release needs {migrations()[-1].version}"
        )


async def migrate(
    connection: AsyncConnection[Any], *, target: int | None = None
) -> list[Migration]:
    """Apply what is missing, in one transaction; returns what was applied.

    Args:
        connection: not inside a transaction of the caller's that holds other work.
        target: stop after this version (default: all).

    Raises:
        SchemaTooNew: the database was migrated by a newer release.
        SchemaError: an applied migration was edited, a table of another application has the
            name of one of ours, or the role may not create tables.
    """
    async with connection.transaction():
        await connection.execute(FRESH_SNAPSHOTS)
        await connection.execute(TAKE_LOCK, (LOCK_KEY,))
        applied = await _applied(connection)
        _refuse_newer(applied)
        _refuse_edited(applied)
        done = {row.version for row in applied}
        pending = [
            migration
            for migration in migrations()
            if migration.version not in done and (target is None or migration.version <= target)
        ]
        try:
            await _apply(connection, pending, create_schema_table=not applied)
        except (errors.DuplicateTable, errors.DuplicateObject, errors.DuplicateFunction) as error:
            raise SchemaError(
                f"the database already has something by the name of a Continuum table: {error}",
                hint="use another database",
            ) from error
        except errors.InsufficientPrivilege as error:
            raise SchemaError(
                f"this role may not create tables: {error}",
                hint="migrate as the owner of schema public, or apply: continuum migrate --sql",
            ) from error
    return pending


def sql(after: int = 0) -> str:
    """The same work as one script for `psql`, for databases changed by hand.

    Args:
        after: the version that the database already has.
    """
    parts = [
        "BEGIN;",
        f"{FRESH_SNAPSHOTS};",
        f"SELECT pg_advisory_xact_lock({LOCK_KEY});",
        f"{CREATE_SCHEMA_TABLE};",
    ]
    parts.insert(2, "SET LOCAL search_path = public;")
    for migration in migrations():
        if migration.version > after:
            parts.append(f"-- migration {migration.version}: {migration.name}\n{migration.text}")
            parts.append(
                "INSERT INTO public.continuum_schema (version, name, checksum)\n"
                f"VALUES ({migration.version}, '{migration.name}', '{migration.checksum}');"
            )
    return "\n\n".join([*parts, "COMMIT;", ""])


async def _apply(
    connection: AsyncConnection[Any], pending: Sequence[Migration], *, create_schema_table: bool
) -> None:
    if not pending:
        return
    await connection.execute("SET LOCAL search_path = public")
    if create_schema_table:
        await connection.execute(CREATE_SCHEMA_TABLE)
    for migration in pending:
        await connection.execute(migration.text.encode())
        await connection.execute(RECORD, (migration.version, migration.name, migration.checksum))


async def _applied(connection: AsyncConnection[Any]) -> list[_Applied]:
    exists = await (await connection.execute(HAS_SCHEMA_TABLE)).fetchone()
    if exists is None or not exists[0]:
        return []
    return [_Applied(*row) for row in await (await connection.execute(READ_APPLIED)).fetchall()]


def _refuse_newer(applied: Sequence[_Applied]) -> None:
    newest = migrations()[-1].version
    if applied and applied[-1].version > newest:
        raise SchemaTooNew(
            f"the database schema is at version {applied[-1].version}, this release knows {newest}"
        )


def _refuse_edited(applied: Iterable[_Applied]) -> None:
    known = {migration.version: migration for migration in migrations()}
    for row in applied:
        migration = known.get(row.version)
        if migration is not None and migration.checksum != row.checksum:
            raise SchemaError(
                f"migration {row.version} ({row.name}) in the database is not the one of this"
                f" release: checksum {row.checksum[:12]}, expected {migration.checksum[:12]}",
                hint="an applied migration must never be edited; use the release that applied it",
            )
