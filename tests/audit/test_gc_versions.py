"""Cleaning the registry: only what nothing needs, also beside a worker that registers just then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from psycopg import AsyncConnection

from continuum.store.postgres import pool as pools
from continuum.store.postgres.auditing import PostgresAudit
from continuum.store.postgres.statements import statements
from tests.audit import releases
from tests.audit.conftest import Shop
from tests.worker.cluster import Cluster, eventually

UNUSED = releases.rewritten.pin.version_id


@asynccontextmanager
async def opened(dsn: str) -> AsyncGenerator[PostgresAudit]:
    """The audit's half of a store of its own."""
    pool = await pools.open_pool(pools.PostgresSettings(dsn, max_size=2))
    try:
        yield PostgresAudit(pool)
    finally:
        await pool.close()


async def test_only_versions_that_nothing_needs_go(shop: Shop) -> None:
    """A dry run deletes nothing; a live run, or a live worker, keeps its version."""
    async with shop.release(releases.before):
        run_id = await shop.start(releases.before, 1, waits="signal check")
    async with shop.release(releases.rewritten):
        pass
    async with shop.release(releases.nap):
        unused = await shop.client.gc_versions()
        assert {(each.workflow, each.version_hash, each.deleted) for each in unused} == {
            ("order", releases.rewritten.version_hash, False), ("order", "", False),
        }  # fmt: skip
        assert len(await shop.client.gc_versions()) == 2
        assert all(each.deleted for each in await shop.client.gc_versions(execute=True))
        assert list(await shop.client.gc_versions(execute=True)) == []
    await shop.client.cancel(run_id, force=True)
    gone = await shop.client.gc_versions(execute=True)
    assert {each.version_hash for each in gone if each.deleted} == {
        releases.before.version_hash, releases.nap.version_hash, "",
    }  # fmt: skip
    assert await shop.client.versions() == []


async def test_a_registration_in_flight_keeps_its_version(shop: Shop, cluster: Cluster) -> None:
    """A worker has written its rows and not committed: cleaning waits for it, and then sees it."""
    async with shop.release(releases.rewritten):
        pass
    connection = await AsyncConnection.connect(shop.dsn)
    async with opened(shop.dsn) as audits:
        async with connection, connection.transaction():
            await connection.execute(statements("registry")["lock_registry"])
            node = (
                "INSERT INTO continuum_nodes (id, host, pid, version, build, capacity, expires_at)"
            )
            await connection.execute(
                f"{node} VALUES (gen_random_uuid(), 'h', 1, '0', 'b', 1, now() + interval '1 day')"
            )
            await connection.execute(
                "UPDATE continuum_workflow_versions SET last_seen_at = now() WHERE version_id = %s",
                [UNUSED],
            )
            await connection.execute(
                "INSERT INTO continuum_node_versions SELECT id, %s FROM continuum_nodes", [UNUSED]
            )
            cleaning = asyncio.create_task(audits.delete_versions([UNUSED]))
            await eventually(partial(blocked, cluster))
        assert await cleaning == []
    [entry] = await shop.client.versions()
    assert entry.loaded


async def test_a_worker_that_meets_the_cleaning_registers_anew(
    shop: Shop, cluster: Cluster
) -> None:
    """Cleaning holds the rows: the worker waits, finds them gone, and inserts them again."""
    async with shop.release(releases.rewritten):
        pass
    delete = statements("audit")["delete_versions"].decode()
    connection = await AsyncConnection.connect(shop.dsn)
    async with connection:
        async with connection.transaction():
            await connection.execute(statements("registry")["lock_registry"])
            text = delete.replace("$1::bigint[]", f"'{{{UNUSED}}}'::bigint[]")
            await connection.execute(text.encode())
            joining = asyncio.create_task(cluster.join(releases.rewritten))
            await eventually(partial(blocked, cluster))
        member = await joining
    [entry] = await shop.client.versions()
    assert (entry.version_hash, entry.loaded) == (releases.rewritten.version_hash, True)
    assert list(await shop.client.gc_versions(execute=True)) == []
    await member.worker.drain()


async def blocked(cluster: Cluster) -> bool:
    """Whether somebody waits for a lock in this database."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    [(waiting,)] = await cluster.rows(query)
    return waiting == 1
