"""Workers killed with SIGKILL lose nothing and repeat only what was in flight."""

from __future__ import annotations

import asyncio

import pytest

from tests.cluster.flows import five_steps
from tests.cluster.harness import LONG, Cluster, wait_until

RUNS, KILLS, EVERY, SECONDS = (200, 10, 2.0, 2.5) if LONG else (40, 3, 1.0, 0.5)


@pytest.mark.cluster
@pytest.mark.timeout(300)
async def test_killed_workers_lose_nothing(dsn: str) -> None:
    """All runs end right, journals are gapless, repeats only for activities in flight at a kill.

    The counters of runs are exact then, and once some runs are deleted.
    """
    with Cluster(dsn) as cluster:
        killed: set[int] = set()
        async with cluster.client() as ct:
            workers = [cluster.start_worker(), cluster.start_worker()]
            await cluster.wait_serving(ct, *workers)
            runs = await asyncio.gather(*(ct.start(five_steps, SECONDS) for _ in range(RUNS)))

            async def some_work() -> bool:
                return bool(cluster.executions())

            await wait_until(some_work, "a worker to be amid an activity", every=0.02)
            busy = {pid for pids in cluster.executions().values() for pid in pids}
            workers.sort(key=lambda worker: worker.pid not in busy)
            for kill in range(KILLS):
                place = kill // 2 % 2  # by pairs: a run that each kill hits fails at its tenth
                victim = workers[place]
                killed.add(victim.pid)
                victim.kill()
                workers[place] = cluster.start_worker()
                await asyncio.sleep(EVERY)
            results = await asyncio.gather(*(run.result(timeout=200) for run in runs))
        assert results == [[0, 1, 2, 3, 4]] * RUNS
        executions = cluster.executions()
        assert set(executions) == {(run.id, step) for run in runs for step in range(5)}
        assert any(len(pids) > 1 for pids in executions.values()), "no kill hit an activity"
        cluster.check_repeats(killed)
        cluster.check_journals()
        cluster.check_counts()
        cluster.rows("DELETE FROM continuum_runs WHERE id < %s RETURNING id", runs[RUNS // 2].id)
        cluster.check_counts()
        assert cluster.rows("SELECT count(*) FROM continuum_leases") == [(0,)]
