"""Migrations on every server: concurrent, checked, refused, and fresh equals upgraded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import anyio
import psycopg
import pytest
from psycopg import AsyncConnection

from continuum.errors import SchemaError, SchemaOutOfDate, SchemaTooNew
from continuum.store.postgres import migrate
from continuum.store.postgres.pool import PostgresSettings, connect
from tests.migrations.catalog import QUERIES, differences, schema

pytestmark = pytest.mark.every_server

V04 = 1
"""The migration whose layout is that of v0.4."""

V04_ROWS = """
INSERT INTO continuum_runs (id, workflow, version, version_hash, runtime, state, input, result,
                            incarnation, started_at, updated_at, completed_at)
VALUES ('018f0000-0000-7000-8000-000000000001', 'shop:order', 1, 'abc', '1-py3.11', 'completed',
        '["o1"]', '"paid"', 1, '2026-01-01Z', '2026-01-01Z', '2026-01-01Z'),
       ('018f0000-0000-7000-8000-000000000002', 'shop:order', 1, 'abc', '1-py3.11', 'suspended',
        '["o2"]', NULL, 1, '2026-01-02Z', '2026-01-02Z', NULL);
INSERT INTO continuum_leases (run_id, version_id, lease_token, next_seq, ready, waiting_on)
VALUES ('018f0000-0000-7000-8000-000000000002', 7, 3, 2, false, 'signal fraud_review');
INSERT INTO continuum_events (run_id, seq, incarnation, type, payload, at)
VALUES ('018f0000-0000-7000-8000-000000000002', 1, 1, 'run_started', '{}', '2026-01-02Z');
INSERT INTO continuum_inbox (run_id, kind, name, payload)
VALUES ('018f0000-0000-7000-8000-000000000002', 'signal', 'fraud_review', '"approved"');
"""


CHANGES = {
    "columns": [
        "ALTER TABLE continuum_runs ALTER COLUMN depth SET DEFAULT 1",
        "ALTER TABLE continuum_runs ALTER COLUMN parent_id SET NOT NULL",
        "ALTER TABLE continuum_leases ALTER COLUMN version_id SET STATISTICS 500",
        "ALTER TABLE continuum_runs ALTER COLUMN input SET STORAGE EXTERNAL",
        "ALTER TABLE continuum_runs ALTER COLUMN parent_id SET (n_distinct = 7)",
        "GRANT UPDATE (state) ON continuum_runs TO PUBLIC",
    ],
    "column order": [
        "ALTER TABLE continuum_runs DROP depth, ADD depth integer NOT NULL DEFAULT 0",
    ],
    "indexes": [
        "CREATE INDEX more ON continuum_runs (state)",
        "ALTER TABLE continuum_runs CLUSTER ON continuum_runs_started_idx",
    ],
    "constraints": [
        "ALTER TABLE continuum_runs ADD CHECK (depth >= 0)",
        "ALTER TABLE continuum_inbox ALTER CONSTRAINT continuum_inbox_run_id_fkey DEFERRABLE",
    ],
    "relations": [
        "ALTER TABLE continuum_leases SET (fillfactor = 80)",
        "ALTER TABLE continuum_runs ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE continuum_runs REPLICA IDENTITY FULL",
        "ALTER TABLE continuum_activity_results SET UNLOGGED",
        "GRANT SELECT ON continuum_runs TO PUBLIC",
        "ALTER TABLE continuum_events DETACH PARTITION continuum_events_default",
    ],
    "sequences": ["ALTER SEQUENCE continuum_lease_token_seq CACHE 10"],
    "functions": ["CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
    "triggers": [
        (
            "CREATE TRIGGER same BEFORE UPDATE ON continuum_runs FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        ),
    ],
    "policies": ["CREATE POLICY everyone ON continuum_runs USING (true)"],
    "statistics": ["CREATE STATISTICS pair ON namespace, state FROM continuum_runs"],
    "types": ["CREATE TYPE mood AS ENUM ('good')"],
    "comments": ["COMMENT ON COLUMN continuum_runs.state IS 'of the run'"],
    "default grants": [
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
    ],
    "rules": ["CREATE RULE nothing AS ON DELETE TO continuum_runs DO INSTEAD NOTHING"],
}
"""By kind, statements after which a schema is not the one we ship."""


@pytest.fixture
async def empty(empty_dsn: str) -> AsyncIterator[AsyncConnection]:
    """A connection to an empty database."""
    async with await connect(PostgresSettings(empty_dsn)) as connection:
        yield connection


@pytest.fixture
async def migrated(dsn: str) -> AsyncIterator[AsyncConnection]:
    """A connection to a migrated database."""
    async with await connect(PostgresSettings(dsn)) as connection:
        yield connection


async def test_fresh_database_fits(migrated: AsyncConnection) -> None:
    """A freshly migrated database passes the check, and every migration has its time."""
    await migrate.check(migrated)
    assert all(row.applied_at is not None for row in await migrate.status(migrated))
    assert await migrate.migrate(migrated) == []


async def test_v04_rows_answer_for_namespace_and_attributes(empty: AsyncConnection) -> None:
    """Rows written under v0.4 keep their values and read as namespace `default`, attributes {}."""
    await migrate.migrate(empty, target=V04)
    await empty.execute(V04_ROWS)
    before = await (await empty.execute("SELECT * FROM continuum_runs ORDER BY id")).fetchall()
    await migrate.migrate(empty)
    rows = await (
        await empty.execute("SELECT namespace, attributes FROM continuum_runs ORDER BY id")
    ).fetchall()
    assert rows == [("default", {}), ("default", {})]
    after = await (await empty.execute("SELECT * FROM continuum_runs ORDER BY id")).fetchall()
    assert [row[: len(before[0])] for row in after] == before
    waiting = await (await empty.execute("SELECT waiting_on FROM continuum_leases")).fetchall()
    assert waiting == [("signal fraud_review",)]
    unread = await (await empty.execute("SELECT name, payload FROM continuum_inbox")).fetchall()
    assert unread == [("fraud_review", b'"approved"')]
    await migrate.check(empty)


async def test_fresh_and_upgraded_schemas_are_identical(
    dsn: str, empty: AsyncConnection, empty_dsn: str
) -> None:
    """Column by column, index by index: a v0.4 database upgraded with rows in it is a fresh one."""
    await migrate.migrate(empty, target=V04)
    await empty.execute(V04_ROWS)
    for migration in migrate.migrations()[V04:]:
        await migrate.migrate(empty, target=migration.version)
    assert differences(dsn, empty_dsn) == set()
    fresh = schema(dsn)
    assert any("continuum_runs_attributes_gin_idx" in row for row in fresh["indexes"])
    assert any("continuum_runs_namespace_state_started_idx" in row for row in fresh["indexes"])


def test_no_difference_between_two_schemas_is_missed(new_dsn: Callable[[], str]) -> None:
    """Each kind of change to a migrated database shows as a difference of its kind."""
    shipped, changed = new_dsn(), new_dsn()
    assert set(CHANGES) == set(QUERIES)
    assert differences(shipped, changed) == set()
    ours = schema(shipped)
    for kind, statements in CHANGES.items():
        for statement in statements:
            with psycopg.connect(changed) as connection:
                connection.execute(statement.encode())
                assert ours[kind] != rows_of(connection, kind), statement
                connection.rollback()


def rows_of(connection: psycopg.Connection, kind: str) -> list[str]:
    """One kind of thing as a transaction that will be rolled back sees it."""
    return sorted(repr(row) for row in connection.execute(QUERIES[kind].encode()))


async def test_printed_script_makes_the_same_schema(dsn: str, empty_dsn: str) -> None:
    """What `continuum migrate --sql` prints, run by hand, gives the same database."""
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute(migrate.sql().encode())
    assert differences(dsn, empty_dsn) == set()
    async with await connect(PostgresSettings(empty_dsn)) as connection:
        await migrate.check(connection)


async def test_printed_script_upgrades(dsn: str, empty: AsyncConnection, empty_dsn: str) -> None:
    """The script for a database at v0.4 holds the rest only."""
    await migrate.migrate(empty, target=V04)
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute(migrate.sql(after=V04).encode())
    assert differences(dsn, empty_dsn) == set()
    await migrate.check(empty)


async def test_concurrent_migrations_apply_each_file_once(empty_dsn: str) -> None:
    """Of eight processes' worth of connections, each migration is applied by exactly one."""
    applied: list[int] = []

    async def one() -> None:
        async with await connect(PostgresSettings(empty_dsn)) as connection:
            applied.extend(m.version for m in await migrate.migrate(connection))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(one)
    assert sorted(applied) == [migration.version for migration in migrate.migrations()]


async def test_unmigrated_database_names_the_command(empty: AsyncConnection) -> None:
    """An empty database is refused with the command to run, and stays empty."""
    with pytest.raises(SchemaOutOfDate, match="continuum migrate"):
        await migrate.check(empty)
    tables = await (
        await empty.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
    ).fetchall()
    assert tables == []
    assert all(row.applied_at is None for row in await migrate.status(empty))


async def test_half_migrated_database_names_the_command(empty: AsyncConnection) -> None:
    """A v0.4 database is refused with both versions and the command."""
    await migrate.migrate(empty, target=V04)
    with pytest.raises(SchemaOutOfDate, match=r"version 1,.*continuum migrate"):
        await migrate.check(empty)
    assert [row.applied_at is not None for row in await migrate.status(empty)][:2] == [True, False]


async def test_newer_database_is_refused(migrated: AsyncConnection) -> None:
    """A database of a newer release is refused by check and migrate, and shown by status."""
    await migrated.execute(
        "INSERT INTO continuum_schema (version, name, checksum) VALUES (9999, 'future', 'x')"
    )
    with pytest.raises(SchemaTooNew, match=r"version 9999.*upgrade continuum-engine"):
        await migrate.check(migrated)
    with pytest.raises(SchemaTooNew):
        await migrate.migrate(migrated)
    assert (await migrate.status(migrated))[-1].version == 9999


async def test_edited_migration_is_refused(migrated: AsyncConnection) -> None:
    """A checksum that is not this release's is a clear error everywhere."""
    await migrated.execute("UPDATE continuum_schema SET checksum = 'edited' WHERE version = 2")
    for call in (migrate.check, migrate.status, migrate.migrate):
        with pytest.raises(SchemaError, match=r"migration 2 .*edited, expected"):
            await call(migrated)


async def test_tables_of_others_are_left_alone(empty: AsyncConnection) -> None:
    """A database shared with an application keeps the application's tables and rows."""
    await empty.execute("CREATE TABLE orders AS SELECT generate_series(1, 3) AS id")
    await empty.execute("CREATE TABLE continuum_notes AS SELECT 'mine' AS text")
    await migrate.migrate(empty)
    assert await (await empty.execute("SELECT count(*) FROM orders")).fetchone() == (3,)
    assert await (await empty.execute("SELECT text FROM continuum_notes")).fetchone() == ("mine",)


async def test_foreign_table_with_our_name_is_a_clear_error(empty: AsyncConnection) -> None:
    """A table of another application under one of our names stops everything, unharmed."""
    await empty.execute("CREATE TABLE continuum_events AS SELECT 'foreign' AS text")
    with pytest.raises(SchemaError, match=r"continuum_events.*another database"):
        await migrate.migrate(empty)
    row = await (await empty.execute("SELECT text FROM continuum_events")).fetchone()
    assert row == ("foreign",)
    row = await (await empty.execute("SELECT to_regclass('public.continuum_runs')")).fetchone()
    assert row == (None,)


async def test_search_path_of_the_role_does_not_matter(
    empty: AsyncConnection, empty_dsn: str
) -> None:
    """Tables go to schema public even if the session looks elsewhere first."""
    await empty.execute("CREATE SCHEMA elsewhere")
    await empty.execute("SET search_path = elsewhere")
    await migrate.migrate(empty)
    row = await (await empty.execute("SELECT to_regclass('public.continuum_runs')")).fetchone()
    assert row is not None
    assert row[0] is not None


async def test_role_without_rights_is_a_clear_error(empty: AsyncConnection) -> None:
    """A role that may not create tables is told what to do instead."""
    role = f"continuum_test_{uuid4().hex[:16]}"
    await empty.execute(f"CREATE ROLE {role}".encode())
    try:
        await empty.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        await empty.execute(f"SET ROLE {role}".encode())
        with pytest.raises(SchemaError, match="may not create tables"):
            await migrate.migrate(empty)
    finally:
        await empty.execute("RESET ROLE")
        await empty.execute(f"DROP ROLE {role}".encode())


def test_numbers_are_gapless_and_names_tell() -> None:
    """Files are numbered 1, 2, 3 without gaps, and each begins by saying what it is."""
    found = migrate.migrations()
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    assert all(migration.name and migration.text.startswith("-- ") for migration in found)
