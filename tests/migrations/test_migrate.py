"""Migrations on every server: concurrent, checked, refused, and fresh equals upgraded."""

from __future__ import annotations

import pytest

from continuum.store.postgres import migrate
from continuum.store.postgres.pool import PostgresSettings, connect

pytestmark = pytest.mark.every_server


async def test_fresh_database_fits(dsn: str) -> None:
    """A freshly migrated database passes the check."""
    async with await connect(PostgresSettings(dsn)) as connection:
        await migrate.check(connection)
