"""Workers behind PgBouncer in transaction mode; CONTINUUM_TEST_POOLER=1 puts all tests there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests import poolers
from tests.cluster.flows import five_steps, signal_then_step
from tests.cluster.harness import LONG, Cluster, wait_until

RUNS = 100 if LONG else 15


@pytest.fixture
def pooled(dsn: str) -> Iterator[str]:
    """The database of the test behind a pooler that has fewer sessions than its clients."""
    if dsn in poolers.AROUND:
        yield dsn
        return
    with poolers.pooler(dsn, sessions=4) as pooled:
        yield pooled


@pytest.mark.cluster
@pytest.mark.timeout(180)
async def test_killed_workers_lose_nothing_behind_a_pooler(pooled: str) -> None:
    """Three processes on four sessions: all runs end right, also those of the killed one."""
    with Cluster(pooled) as cluster:
        async with cluster.client() as ct:
            first, second = cluster.start_worker(), cluster.start_worker()
            await cluster.wait_serving(ct, first, second)
            waiting = await asyncio.gather(*(ct.start(signal_then_step) for _ in range(RUNS)))
            working = await asyncio.gather(*(ct.start(five_steps, 0.3) for _ in range(RUNS)))

            async def some_work() -> bool:
                return bool(cluster.executions())

            await wait_until(some_work, "a worker to be amid activities")
            [busy, *_] = next(iter(cluster.executions().values()))
            victim, heir = (first, second) if busy == first.pid else (second, first)
            victim.kill()
            await asyncio.gather(*(run.signal("go", "through") for run in waiting))
            answers = await asyncio.gather(*(run.result(timeout=120) for run in working))
            verdicts = await asyncio.gather(*(run.result(timeout=60) for run in waiting))
            assert (answers, verdicts) == ([[0, 1, 2, 3, 4]] * RUNS, ["through"] * RUNS)
            assert "do not reach this node" not in heir.output()
        cluster.check_repeats({victim.pid})
        cluster.check_journals()
