"""The worker's housekeeping: run counters are put together in bounded batches, outages or not."""

from __future__ import annotations

import asyncio
from random import Random

from continuum.store.protocol import StoreUnavailable
from continuum.worker.upkeep import BATCH, Upkeep
from tests.worker import flows
from tests.worker.cluster import Cluster


class Backlog:
    """An `UpkeepStore` with so many changes to put together, away for the first call."""

    def __init__(self, changes: int) -> None:
        self.changes = changes
        self.calls = 0

    async def compact_counts(self, limit: int) -> int:
        self.calls += 1
        if self.calls == 1:
            raise StoreUnavailable("away")
        moved = min(limit, self.changes)
        self.changes -= moved
        return moved


async def test_a_backlog_is_worked_off_in_batches() -> None:
    """Batch after batch until less than a batch was left, though the store was away at first."""
    store = Backlog(2 * BATCH + 5)
    upkeep = Upkeep(store, Random(1), every=0.001)
    looks = upkeep.compacted.listen()
    upkeep.start()
    assert await asyncio.wait_for(looks.get(), 10) == 2 * BATCH + 5
    assert store.calls == 4
    await upkeep.stop()


async def test_a_worker_keeps_the_counters_short(cluster: Cluster) -> None:
    """What a run's start and end appended is put together by the worker that ran it."""
    member = await cluster.join(flows.three_steps)
    looks = member.worker.housekeeping.upkeep.compacted.listen()
    await cluster.result(await cluster.start(flows.three_steps, 1))
    while await cluster.rows("SELECT FROM continuum_count_deltas"):
        await asyncio.wait_for(looks.get(), 10)
    totals = await cluster.rows("SELECT state, n FROM continuum_counts WHERE n <> 0")
    assert totals == [("completed", 1)]
