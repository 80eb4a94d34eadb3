"""Rule 22: idempotency keys are reserved, shared within a namespace, and outlive history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from continuum.journal.turn import Turn
from continuum.store.protocol import CommitResult
from tests.worker import activity_flows as flows
from tests.worker.cluster import Between, Cluster, eventually, new_run


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def start(cluster: Cluster, order: str, cents: int, namespace: str = "default") -> UUID:
    run = replace(new_run(flows.charging, order, cents), namespace=namespace)
    assert await cluster.store.insert_runs([run]) == [None]
    cluster.hints.runs_changed([run.run_id])
    return run.run_id


async def holding(cluster: Cluster, order: str) -> UUID:
    """A run whose charge of this order has begun and waits."""
    run_id = await start(cluster, order, 1)
    await asyncio.wait_for(flows.entered[order].wait(), 5)
    return run_id


async def waits(cluster: Cluster, run_id: UUID) -> bool:
    rows = await cluster.rows(
        "SELECT waiting_on LIKE '%%for the key%%' FROM continuum_leases WHERE run_id = %s", run_id
    )
    return rows == [(True,)]


async def test_rule_22_two_runs_racing_with_one_key_charge_once(cluster: Cluster) -> None:
    """The second waits for the outcome of the first, on another worker, and takes its result."""
    gate = flows.gate("o1")
    await cluster.join(flows.charging)
    await cluster.join(flows.charging)
    first = await holding(cluster, "o1")
    second = await start(cluster, "o1", 2)
    await eventually(lambda: waits(cluster, second))
    assert flows.calls["o1"] == 1
    gate.set()
    assert await cluster.result(first) == "payment 1 of 1"
    assert await cluster.result(second) == "payment 1 of 1"
    assert flows.calls["o1"] == 1


async def test_rule_22_the_result_outlives_the_run(cluster: Cluster) -> None:
    """With the first run and its journal gone, the key still answers."""
    await cluster.join(flows.charging)
    first = await start(cluster, "o1", 1)
    assert await cluster.result(first) == "payment 1 of 1"
    await cluster.execute("DELETE FROM continuum_events")
    await cluster.execute("DELETE FROM continuum_runs")
    second = await start(cluster, "o1", 2)
    assert await cluster.result(second) == "payment 1 of 1"
    assert flows.calls["o1"] == 1


async def test_rule_22_another_namespace_is_another_key(cluster: Cluster) -> None:
    """One tenant never receives the result of another."""
    await cluster.join(flows.charging)
    assert await cluster.result(await start(cluster, "o1", 1, "a")) == "payment 1 of 1"
    assert await cluster.result(await start(cluster, "o1", 2, "b")) == "payment 2 of 2"


async def test_rule_22_a_failure_releases_the_key(cluster: Cluster) -> None:
    """Only a return is a result: who waits for a call that fails makes the call itself."""
    gate = flows.gate("o1")
    flows.gates["o1 fails"] = asyncio.Event()
    await cluster.join(flows.charging)
    first = await holding(cluster, "o1")
    second = await start(cluster, "o1", 2)
    await eventually(lambda: waits(cluster, second))
    flows.entered["o1"].clear()
    gate.set()
    assert await cluster.result(first) == "failed: declined"
    assert await cluster.result(second) == "failed: declined"
    assert flows.calls["o1"] == 2
    assert await cluster.rows("SELECT * FROM continuum_activity_results") == []


async def test_rule_22_a_crashed_holder_keeps_its_turn(cluster: Cluster) -> None:
    """The next attempt of the same call takes the reservation over; the waiter goes on waiting."""
    flows.gate("o1")
    first = await cluster.join(flows.charging)
    holder = await holding(cluster, "o1")
    gate = flows.gate("o1")
    await first.die()
    await cluster.join(flows.charging)
    await asyncio.wait_for(flows.entered["o1"].wait(), 10)
    second = await start(cluster, "o1", 2)
    await eventually(lambda: waits(cluster, second))
    [(attempt,)] = await cluster.rows("SELECT attempt FROM continuum_activity_results")
    assert attempt == 2
    gate.set()
    assert await cluster.result(holder) == await cluster.result(second) == "payment 2 of 1"


async def test_rule_22_a_holder_that_ended_by_force_blocks_nobody(cluster: Cluster) -> None:
    """Its run is gone without a word: the sweep wakes the waiter, which takes the key over."""
    flows.gate("o1")
    await cluster.join(flows.charging)
    holder = await holding(cluster, "o1")
    second = await start(cluster, "o1", 2)
    await eventually(lambda: waits(cluster, second))
    del flows.gates["o1"]
    await cluster.store.force_cancel(holder, None, None)
    assert await cluster.result(second) == "payment 2 of 2"


async def test_a_crash_after_the_result_was_stored_charges_once(cluster: Cluster) -> None:
    """Between the result under the key and the journal: the next attempt finds the result."""
    cut: list[Any] = []

    class NeverJournals(Between):
        """The worker's turns with a completion are lost, as if it died before the commit."""

        async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
            if any(e.kind == "activity_completed" for turn in turns for e in turn.entries):
                cut.append(turns)
                await asyncio.Event().wait()
            return await self.inner.commit_turns(node_id, turns)

    first = await cluster.join(flows.charging, wrap=NeverJournals)
    run_id = await start(cluster, "o1", 1)
    await eventually(lambda: cut)
    await first.die()
    await cluster.join(flows.charging)
    assert await cluster.result(run_id) == "payment 1 of 1"
    assert flows.calls["o1"] == 1
    assert "activity_attempt_crashed" in await cluster.events(run_id)


async def test_a_cancelled_waiter_leaves_quietly(cluster: Cluster) -> None:
    """Cancelling a run that waits for a key ends it and charges nothing."""
    gate = flows.gate("o1")
    await cluster.join(flows.charging)
    holder = await holding(cluster, "o1")
    second = await start(cluster, "o1", 2)
    await eventually(lambda: waits(cluster, second))
    await cluster.cancel(second)
    assert await cluster.ended(second) == "cancelled"
    gate.set()
    assert await cluster.result(holder) == "payment 1 of 1"


async def test_a_waiter_whose_worker_dies_is_no_crash(cluster: Cluster) -> None:
    """Its attempt has not begun: the next owner tries the key again without counting anything."""
    gate = flows.gate("o1")
    await cluster.join(flows.charging)
    holder = await holding(cluster, "o1")
    other = await cluster.join(flows.charging)
    second = await other.worker.create_local(new_run(flows.charging, "o1", 2))
    await eventually(lambda: waits(cluster, second))
    await other.die()
    gate.set()
    assert await cluster.result(holder) == "payment 1 of 1"
    assert await cluster.result(second) == "payment 1 of 1"
    assert "activity_attempt_crashed" not in await cluster.events(second)


async def test_keys_of_threads_and_queues(cluster: Cluster) -> None:
    """Synchronous code and queued attempts share results alike."""
    await cluster.join(flows.charging, flows.charging_in_thread, flows.charging_in_queue)
    await cluster.join(activities=[flows.charge], queues=["gpu"])
    for _ in range(2):
        run_id = await cluster.start(flows.charging_in_thread, "t")
        assert await cluster.result(run_id) == 1
    gate = flows.gate("o1")
    holder = await holding(cluster, "o1")
    queued = await cluster.start(flows.charging_in_queue, "o1", 2)
    gate.set()
    assert await cluster.result(holder) == await cluster.result(queued) == "payment 1 of 1"
    assert flows.calls["o1"] == 1
