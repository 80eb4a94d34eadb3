"""Runs of versions that nobody has loaded: what they cost those who work, and what helps them."""

from __future__ import annotations

import asyncio

from tests.worker import version_flows as flows
from tests.worker.cluster import Cluster

STUCK = 100_000
LOAD = """
INSERT INTO continuum_leases (run_id, version_id, lease_token, ready, wake_at, takeovers)
SELECT lpad(to_hex(n), 32, '0')::uuid, -1 - n %% 3, 1, n %% 2 = 0,
       clock_timestamp() - interval '1 s' * (n %% 1000), n %% 4
FROM generate_series(1, %s) AS n
"""
MAIL = """
INSERT INTO continuum_inbox (run_id, kind, name, payload)
SELECT run_id, 'signal', 'go', '1' FROM continuum_leases WHERE version_id < 0
"""
READ = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
FROM pg_stat_user_tables WHERE relname IN ('continuum_leases', 'continuum_inbox')
"""


async def rows_read(cluster: Cluster) -> int:
    """Rows of the live set and of the inboxes that anybody has read so far."""
    await cluster.execute("SELECT pg_stat_force_next_flush()")
    [(read,)] = await cluster.rows(READ)
    return read


async def test_a_hundred_thousand_stuck_runs_cost_a_worker_nothing(cluster: Cluster) -> None:
    """All that a worker asks in its life reads no more than what is its own, and claims only that.

    The stuck runs are overdue, have mail, and some have lost owners.
    """
    async with cluster.pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(LOAD, [STUCK])
        await connection.execute(MAIL)
    await cluster.execute("ANALYZE continuum_leases, continuum_inbox")
    before = await rows_read(cluster)
    member = await cluster.join(flows.before, poll=0.05, look=0.05, heartbeat=0.1)
    polls = member.worker.wake.polled.listen()
    run_id = await cluster.start(flows.before, 1)
    for name in ("check", "end"):
        await cluster.signal(run_id, name)
    assert await cluster.result(run_id) == ["cheap 1"]
    for _ in range(20):
        await asyncio.wait_for(polls.get(), 10)
    assert [run for run in member.worker.runner.runs if run != run_id] == []
    await member.worker.drain()
    await member.close_connections()
    assert await rows_read(cluster) - before < 2_000
    [(untouched,)] = await cluster.rows(
        "SELECT count(*) FROM continuum_leases WHERE version_id < 0 AND lease_owner IS NULL"
        " AND lease_token = 1"
    )
    assert untouched == STUCK
