"""Months of journals: which there are, and where a run's journal is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg

from continuum.store.postgres.months import make_months
from continuum.store.postgres.pool import PostgresSettings, connect
from tests.retention.loading import partitions, rows

EVENT = """
INSERT INTO continuum_events (run_id, seq, incarnation, type, payload, at)
VALUES (%s, 1, 1, 'x', '{}', now())"""
FILL = """
INSERT INTO continuum_events (run_id, seq, incarnation, type, payload, at)
SELECT %s, n, 1, 'x', convert_to(repeat(md5(n::text), 30), 'UTF8'), now()
FROM generate_series(1, 10000) AS n"""
"""More than may be read under a lock."""


def coming(months: int = 3) -> list[str]:
    """This month and those after it."""
    now = datetime.now(UTC)
    places = [now.year * 12 + now.month - 1 + n for n in range(months)]
    return [f"{place // 12}-{place % 12 + 1:02}" for place in places]


def id_of(month: str) -> UUID:
    """The id of a run that starts in it."""
    started = datetime.fromisoformat(f"{month}-15").replace(tzinfo=UTC)
    return UUID(f"{int(started.timestamp() * 1000):012x}7{uuid4().hex[13:]}")


def part_of(dsn: str, run_id: UUID) -> str:
    """The partition that its journal is in."""
    [(name,)] = rows(
        dsn,
        "SELECT DISTINCT replace(substr(tableoid::regclass::text, 18), '_', '-')"
        " FROM continuum_events WHERE run_id = %s",
        run_id,
    )
    return name


def drop_months(dsn: str) -> None:
    """As a database is that nobody has made months in."""
    for part in partitions(dsn):
        if part != "default":
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"DROP TABLE continuum_events_{part.replace('-', '_')}".encode())


async def make(dsn: str) -> list[str]:
    """Make months as `continuum migrate` does."""
    async with await connect(PostgresSettings(dsn)) as connection:
        return await make_months(connection)


async def eventually_has_events(dsn: str, run_id: UUID) -> None:
    """Wait until its journal begins."""
    async with asyncio.timeout(30):
        while not rows(dsn, "SELECT 1 FROM continuum_events WHERE run_id = %s", run_id):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
