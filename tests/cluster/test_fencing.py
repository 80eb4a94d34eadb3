"""A worker that was stopped beyond its TTL cannot write when it wakes."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.cluster.flows import five_steps, signal_then_step
from tests.cluster.harness import LONG, Cluster, wait_until

RUNS = 50 if LONG else 10
LIVENESS = ("--ttl", "3", "--heartbeat", "1")


@pytest.mark.cluster
@pytest.mark.timeout(180)
async def test_a_stopped_worker_is_fenced_and_serves_again(dsn: str) -> None:
    """SIGSTOP past the TTL, takeover, SIGCONT: no write, runs dropped, a node again."""
    with Cluster(dsn) as cluster:
        async with cluster.client() as ct:
            sleeper = cluster.start_worker(*LIVENESS)
            await cluster.wait_serving(ct, sleeper)
            parked = await asyncio.gather(*(ct.start(signal_then_step) for _ in range(RUNS)))
            runs = await asyncio.gather(*(ct.start(five_steps, 0.8) for _ in range(RUNS)))

            async def all_begun() -> bool:
                return len(cluster.executions()) >= RUNS

            await wait_until(all_begun, "activities to be in progress")
            sleeper.send(signal.SIGSTOP)
            other = cluster.start_worker(*LIVENESS)
            results = await asyncio.gather(*(run.result(timeout=60) for run in runs))
            assert results == [[0, 1, 2, 3, 4]] * RUNS
            before = cluster.rows(
                "SELECT count(*) FROM continuum_events WHERE run_id = ANY(%s)",
                [run.id for run in runs],
            )
            old_nodes = {node.id for node in await ct.nodes() if node.pid == sleeper.pid}
            sleeper.send(signal.SIGCONT)

            async def registered_again() -> bool:
                return any(
                    node.alive and node.pid == sleeper.pid and node.id not in old_nodes
                    for node in await ct.nodes()
                )

            await wait_until(registered_again, "the woken worker to register under a new id")
            assert before == cluster.rows(
                "SELECT count(*) FROM continuum_events WHERE run_id = ANY(%s)",
                [run.id for run in runs],
            )
            other.send(signal.SIGTERM)
            await asyncio.to_thread(other.process.wait, 30)
            await asyncio.gather(*(run.signal("go", "yes") for run in parked))
            verdicts = await asyncio.gather(*(run.result(timeout=60) for run in parked))
            assert verdicts == ["yes"] * RUNS
            assert sleeper.process.poll() is None
        cluster.check_journals()
