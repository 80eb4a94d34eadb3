"""What outlives a lease: long activities, many parked runs, timers that two owners fire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from continuum.store.protocol import ClaimedRun, CommitResult, Turn
from tests.worker import flows
from tests.worker.cluster import Between, Cluster, eventually, new_run


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def expiry(cluster: Cluster, node_id: UUID) -> datetime:
    """Until when a node counts as alive."""
    [(expires_at,)] = await cluster.rows(
        "SELECT expires_at FROM continuum_nodes WHERE id = %s", node_id
    )
    return expires_at


async def test_an_activity_longer_than_the_ttl_commits(cluster: Cluster) -> None:
    """Twice the lease later it is still the first attempt, though another worker looks on."""
    gate = flows.gate("long")
    first = await cluster.join(flows.holding, ttl=1.0, heartbeat=0.2)
    run_id = await first.worker.create_local(new_run(flows.holding, "long"))
    await asyncio.wait_for(flows.entered["long"].wait(), 10)
    await cluster.join(flows.holding, ttl=1.0, heartbeat=0.2)
    begun = await expiry(cluster, first.worker.node_id)

    async def twice_as_long() -> bool:
        return (await expiry(cluster, first.worker.node_id) - begun).total_seconds() > 2.0

    await eventually(twice_as_long)
    gate.set()
    assert await cluster.result(run_id) == "long done"
    assert flows.calls["long"] == 1


async def test_a_heartbeat_writes_one_row_however_many_runs_there_are(cluster: Cluster) -> None:
    """While the node's row moves on, no lease is written."""
    member = await cluster.join(flows.waiting, heartbeat=0.05)
    for _ in range(20):
        await member.worker.create_local(new_run(flows.waiting, 1))
    leases = "SELECT run_id, xmin::text, ctid::text FROM continuum_leases ORDER BY run_id"
    written = await cluster.rows(leases)
    begun = await expiry(cluster, member.worker.node_id)

    async def beaten() -> bool:
        return await expiry(cluster, member.worker.node_id) > begun

    for _ in range(3):
        await eventually(beaten)
        begun = await expiry(cluster, member.worker.node_id)
    assert await cluster.rows(leases) == written
    assert len(written) == 20


async def test_a_timer_that_two_owners_fire_is_journaled_once(cluster: Cluster) -> None:
    """The old owner's firing is still unwritten when its node is dead and the new owner fires."""

    class HoldFiring(Between):
        open = asyncio.Event()
        reached = asyncio.Event()

        async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
            if any(entry.kind == "timer_fired" for turn in turns for entry in turn.entries):
                HoldFiring.reached.set()
                await HoldFiring.open.wait()
            return await self.inner.commit_turns(node_id, turns)

        async def claim(self, *args: Any) -> list[ClaimedRun]:
            return []  # it joins again: the run is to go to the other

    old = await cluster.join(flows.sleeping, wrap=HoldFiring)
    run_id = await old.worker.create_local(new_run(flows.sleeping, 0.1))
    fenced = old.worker.runner.fenced.listen()
    rejoined = old.worker.membership.rejoined.listen()
    await asyncio.wait_for(HoldFiring.reached.wait(), 10)
    await cluster.execute("UPDATE continuum_nodes SET dead_at = clock_timestamp()")
    await cluster.join(flows.sleeping, poll=0.05)
    assert await cluster.result(run_id) == "awake"
    HoldFiring.open.set()
    await asyncio.wait_for(rejoined.get(), 10)
    assert (await cluster.events(run_id)).count("timer_fired") == 1
    assert fenced.empty() or await fenced.get() == run_id


async def test_a_run_that_nobody_can_run_is_cancelled(cluster: Cluster) -> None:
    """By force at once, though no worker has its version; asked politely it waits."""
    run_id = await cluster.start(flows.waiting, 1)
    await cluster.join(flows.three_steps)
    await cluster.cancel(run_id)
    assert await cluster.state(run_id) == "running"
    assert (await cluster.store.force_cancel(run_id, "given up", None)) is not None
    assert await cluster.state(run_id) == "cancelled"
    assert await cluster.rows("SELECT FROM continuum_leases") == []
