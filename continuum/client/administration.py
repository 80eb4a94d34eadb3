"""What is done to a database before a client can use it: examined, migrated, given roles."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from continuum.client.wiring import reach_server
from continuum.settings import resolve_dsn
from continuum.store.postgres import migrate
from continuum.store.postgres.pool import translated
from continuum.store.postgres.poolers import connect_direct

if TYPE_CHECKING:
    from continuum.store.installation import InstallationFacts


@asynccontextmanager
async def _administration(
    dsn: str | None, direct_dsn: str | None
) -> AsyncGenerator[AsyncConnection[Any]]:
    """One connection to it."""
    async with (
        reach_server(resolve_dsn(dsn, direct=direct_dsn)) as settings,
        await connect_direct(settings) as connection,
    ):
        with translated(settings, direct=True):
            yield connection


async def migration_status(
    dsn: str | None, direct_dsn: str | None = None
) -> list[migrate.MigrationStatus]:
    """Every migration of this release, and those of a newer one that the database has."""
    async with _administration(dsn, direct_dsn) as connection:
        return await migrate.status(connection)


async def migrate_database(
    dsn: str | None, direct_dsn: str | None = None
) -> tuple[list[migrate.Migration], list[str]]:
    """Apply what is missing, in one transaction, and make room for journals of months to come.

    Returns:
        What was applied, and the months made after that.
    """
    from continuum.store.postgres.months import make_months

    async with _administration(dsn, direct_dsn) as connection:
        return await migrate.migrate(connection), await make_months(connection)


async def examine_installation(dsn: str | None, direct_dsn: str | None = None) -> InstallationFacts:
    """What `Continuum.doctor` is based on."""
    from continuum.store.postgres.embedded import is_installed
    from continuum.store.postgres.installation import examine

    async with reach_server(resolve_dsn(dsn, direct=direct_dsn)) as settings:
        return await examine(settings, embedded=is_installed())


async def create_roles(dsn: str | None, direct_dsn: str | None = None) -> tuple[str, ...]:
    """Create the roles of readers and operators, or renew what they may; answers their names."""
    from continuum.store.postgres.roles import create_roles

    async with _administration(dsn, direct_dsn) as connection:
        return await create_roles(connection)


def migration_sql(*, roles: bool = False) -> str:
    """All migrations, or what creates the roles, as one script for `psql`."""
    from continuum.store.postgres.roles import roles_sql

    return roles_sql() if roles else migrate.sql()
