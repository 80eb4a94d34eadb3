"""Brings the runs into a PostgreSQL 18 outside the tree, once: later calls find them there."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from platformdirs import user_cache_path
from psycopg import Connection, sql

from bench.query.shape import COLUMNS, GENERATOR, LEASE_COLUMNS, NODES, chunks, pins
from continuum.errors import SchemaError, SchemaTooNew
from continuum.store.postgres import migrate
from continuum.store.postgres.account import reachable, server_account
from continuum.store.postgres.embedded import embedded_binaries
from continuum.store.postgres.local_server import LocalServer
from continuum.store.postgres.pool import PostgresSettings, connect

DIRECTORY_VARIABLE = "CONTINUUM_BENCH_DIR"
ROOT_DIRECTORY = Path("/var/cache/continuum")
COMPLETE = "loaded completely"
"""The database's comment, once everything is in it."""

SETTINGS = {
    # Loading need not survive a power cut, and reading does not care.
    "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
    "wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "16GB",
    "checkpoint_timeout": "30min", "shared_buffers": "2GB", "maintenance_work_mem": "1GB",
}  # fmt: skip


def directory() -> Path:
    """Where the server lives: the user's cache directory, or what the environment names."""
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    chosen = user_cache_path("continuum", appauthor=False) / "bench-query"
    account = server_account(chosen / "data")
    if account is None:
        return chosen
    existing = next(path for path in (chosen, *chosen.parents) if path.exists())
    return chosen if reachable(existing, account) else ROOT_DIRECTORY / "bench-query"


@contextmanager
def server() -> Generator[LocalServer]:
    """The server of the benchmark; the last process that uses it stops it."""
    with LocalServer(directory(), embedded_binaries(), SETTINGS) as joined:
        yield joined


def loaded(joined: LocalServer, runs: int) -> str:
    """The DSN of a database with that many runs of this generator under this release's schema.

    One that an earlier release filled is migrated, as any other.
    """
    prefix = f"bench_{runs}_g"
    name = f"{prefix}{GENERATOR}"
    dsn = joined.database_dsn(name)
    with psycopg.connect(joined.database_dsn("postgres"), autocommit=True) as admin:
        found = admin.execute(
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE starts_with(datname, %s)",
            [prefix],
        ).fetchall()
        if (name, COMPLETE) in found and _migrated(dsn):
            return dsn
        for old, _ in found:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(old)))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        _fill(dsn, runs)
        admin.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), COMPLETE)
        )
    return dsn


def _migrated(dsn: str) -> bool:
    """Bring a kept database to this release's schema; False: a migration was edited since."""
    try:
        applied = asyncio.run(_migrate(dsn))
    except SchemaTooNew as error:
        sys.exit(f"{error}, or set {DIRECTORY_VARIABLE} to a directory of its own")
    except SchemaError as error:
        say(f"loading anew: {error}")
        return False
    if applied:
        say(f"migrated to version {applied[-1].version}; VACUUM ANALYZE")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
    return True


def _fill(dsn: str, runs: int) -> None:
    asyncio.run(_migrate(dsn))
    with psycopg.connect(dsn, autocommit=True) as connection:
        indexes = _drop_indexes(connection)
        connection.execute("ALTER TABLE continuum_runs DISABLE TRIGGER USER")
        _nodes(connection)
        begin = time.perf_counter()
        for done, (rows, leases) in enumerate(chunks(runs), 1):
            _copy(connection, "continuum_runs", COLUMNS, rows)
            _copy(connection, "continuum_leases", LEASE_COLUMNS, leases)
            if done % 10 == 0:
                rate = done * len(rows.splitlines()) / (time.perf_counter() - begin)
                say(f"{done:4} chunks loaded, {rate:,.0f} runs/s")
        for definition in indexes:
            say(definition)
            connection.execute(definition.encode())
        connection.execute("ALTER TABLE continuum_runs ENABLE TRIGGER USER")
        connection.execute(
            "INSERT INTO continuum_counts"
            " SELECT namespace, workflow, state, count(*) FROM continuum_runs GROUP BY 1, 2, 3"
        )
        say("VACUUM ANALYZE")
        connection.execute("VACUUM ANALYZE")


async def _migrate(dsn: str) -> list[migrate.Migration]:
    async with await connect(PostgresSettings(dsn)) as connection:
        return await migrate.migrate(connection)


def _drop_indexes(connection: Connection) -> list[str]:
    """Definitions of all indexes on runs but the primary key, which the order of rows is kind to."""
    rows = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE tablename = 'continuum_runs' AND indexname <> 'continuum_runs_pkey'"
    ).fetchall()
    for name, _ in rows:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    return [definition for _, definition in rows]


def _nodes(connection: Connection) -> None:
    for node in NODES:
        connection.execute(
            "INSERT INTO continuum_nodes (id, host, pid, version, build, capacity, expires_at)"
            " VALUES (%s, 'bench', 1, '0', 'bench', 200, '2200-01-01')",
            [node],
        )
        for pin in pins():
            connection.execute(
                "INSERT INTO continuum_node_versions VALUES (%s, %s)", [node, pin.version_id]
            )


def _copy(connection: Connection, table: str, columns: tuple[str, ...], text: str) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text)


def say(text: str) -> None:
    """Progress, apart from the answer."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(directory())
