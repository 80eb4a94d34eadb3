"""Workers killed with SIGKILL lose nothing and repeat only what was in flight."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from continuum.client.handle import RunHandle
from tests.cluster.flows import five_steps
from tests.cluster.harness import LONG, Cluster, wait_until

RUNS, KILLS, EVERY = (200, 10, 2.0) if LONG else (39, 3, 1.0)


@dataclass(frozen=True)
class Pattern:
    """How work and kills meet.

    Args:
        step: seconds of an activity, as a part of the time between two kills.
        batches: parts in which the runs start, one before each of the first kills.
        same: kills in a row that hit the workers of one place.
    """

    step: float
    batches: int
    same: int


# A run that is amid one activity at all ten kills fails by the default `max_crashes`, as it should:
# either an activity fits between two kills, or the kills leave each worker alone every other time.
PATTERNS = {
    "in turn, while runs start": Pattern(step=0.5, batches=KILLS, same=1),
    "in pairs, amid long activities": Pattern(step=1.25, batches=1, same=2),
}


@pytest.mark.cluster
@pytest.mark.timeout(300)
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS.keys())
async def test_killed_workers_lose_nothing(dsn: str, pattern: Pattern) -> None:
    """All runs end right, journals are gapless, repeats only for activities in flight at a kill.

    The counters of runs are exact then, and once some runs are deleted.
    """
    with Cluster(dsn) as cluster:
        killed: set[int] = set()
        runs: list[RunHandle[list[int]]] = []

        async def amid_work() -> bool:
            return len({run for run, _ in cluster.executions()}) > len(runs) - batch

        async with cluster.client() as ct:
            workers = [cluster.start_worker(), cluster.start_worker()]
            await cluster.wait_serving(ct, *workers)
            batch = RUNS // pattern.batches
            for kill in range(KILLS):
                if kill < pattern.batches:
                    starts = (ct.start(five_steps, pattern.step * EVERY) for _ in range(batch))
                    runs += await asyncio.gather(*starts)
                    await wait_until(amid_work, "a run of this batch to begin", every=0.02)
                place = kill // pattern.same % 2
                killed.add(workers[place].pid)
                workers[place].kill()
                workers[place] = cluster.start_worker()
                await asyncio.sleep(EVERY)
            results = await asyncio.gather(*(run.result(timeout=200) for run in runs))
        assert results == [[0, 1, 2, 3, 4]] * len(runs)
        executions = cluster.executions()
        assert set(executions) == {(run.id, step) for run in runs for step in range(5)}
        assert any(len(pids) > 1 for pids in executions.values()), "no kill hit an activity"
        cluster.check_repeats(killed)
        cluster.check_journals()
        cluster.check_counts()
        cluster.rows("DELETE FROM continuum_runs WHERE id < %s RETURNING id", runs[RUNS // 2].id)
        cluster.check_counts()
        assert cluster.rows("SELECT count(*) FROM continuum_leases") == [(0,)]
