"""PostgreSQL restarted under load: workers reconnect by themselves, nothing fails."""

from __future__ import annotations

import asyncio

import pytest

from tests.cluster.flows import five_steps, signal_then_step
from tests.cluster.harness import LONG, Cluster, wait_until

RUNS, RESTARTS = (200, 3) if LONG else (30, 1)


@pytest.mark.cluster
@pytest.mark.timeout(240)
async def test_immediate_restart_under_load(own_server, through_pooler) -> None:
    """An immediate-mode restart fails no run and loses no journal entry."""
    dsn = through_pooler(await asyncio.to_thread(own_server.new_database))
    with Cluster(dsn) as cluster:
        async with cluster.client() as ct:
            workers = [cluster.start_worker(), cluster.start_worker()]
            await cluster.wait_serving(ct, *workers)
            working = await asyncio.gather(*(ct.start(five_steps, 0.6) for _ in range(RUNS)))
            waiting = await asyncio.gather(*(ct.start(signal_then_step) for _ in range(RUNS)))

            for _ in range(RESTARTS):
                begun = len(cluster.executions())

                async def busy(begun: int = begun) -> bool:
                    return len(cluster.executions()) > begun

                await wait_until(busy, "activities to begin")
                await asyncio.to_thread(own_server.restart_immediately)

            answers = await asyncio.gather(*(run.result(timeout=120) for run in working))
            assert answers == [[0, 1, 2, 3, 4]] * RUNS
            await asyncio.gather(*(run.signal("go", "still here") for run in waiting))
            verdicts = await asyncio.gather(*(run.result(timeout=60) for run in waiting))
            assert verdicts == ["still here"] * RUNS
            assert [worker.process.poll() for worker in workers] == [None, None]
        cluster.check_journals()
