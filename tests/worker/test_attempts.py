"""Rule 13: attempts, back-off and "begun" are durable, whoever owns the run."""

from __future__ import annotations

import asyncio

import pytest

from tests.worker import flows
from tests.worker.cluster import Cluster, eventually, new_run


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def test_at_most_once_is_failed_by_its_first_crash(cluster: Cluster) -> None:
    """`on_crash="fail"`: the intent is committed first, and after a crash it never runs again."""
    flows.gate("pay")
    first = await cluster.join(flows.holding_once)
    run_id = await first.worker.create_local(new_run(flows.holding_once, "pay"))
    await asyncio.wait_for(flows.entered["pay"].wait(), 5)
    assert "activity_started" in await cluster.events(run_id)
    del flows.gates["pay"]
    await first.die()
    await cluster.join(flows.holding_once)
    kind, message = await cluster.error(run_id)
    assert "ActivityCrashed" in kind
    assert flows.calls["pay"] == 1, message


async def test_an_attempt_that_never_began_is_no_crash(cluster: Cluster) -> None:
    """Queued behind the concurrency limit and given back: it runs once, even at most once."""
    gate = flows.gate("first")
    first = await cluster.join(flows.holding, flows.holding_once, concurrency=1)
    blocker = await first.worker.create_local(new_run(flows.holding, "first"))
    await asyncio.wait_for(flows.entered["first"].wait(), 5)
    queued = await first.worker.create_local(new_run(flows.holding_once, "second"))
    draining = asyncio.ensure_future(first.worker.drain())
    await eventually(lambda: not first.worker.loads(flows.holding.name))
    gate.set()
    await asyncio.wait_for(draining, 10)
    assert "activity_released" in await cluster.events(queued)
    assert flows.calls["second"] == 0
    await cluster.join(flows.holding, flows.holding_once)
    assert await cluster.result(queued) == "second done"
    assert await cluster.result(blocker) == "first done"
    assert flows.calls == {"first": 1, "second": 1}


async def test_failed_attempts_count_across_workers(cluster: Cluster) -> None:
    """An attempt that raised before the takeover counts, and its back-off is not lost."""
    first = await cluster.join(flows.retrying_later)
    run_id = await first.worker.create_local(new_run(flows.retrying_later, "far"))

    async def backing_off() -> bool:
        return "activity_attempt_failed" in await cluster.events(run_id)

    await eventually(backing_off)
    [(wake_at, waiting_on)] = await cluster.rows("SELECT wake_at, waiting_on FROM continuum_leases")
    assert "attempt 2 of 3, retry at" in waiting_on
    await first.die()
    second = await cluster.join(flows.retrying_later)
    await cluster.signal(run_id, "look at it")
    await eventually(lambda: run_id in second.worker.runner.runs)

    async def parked_again() -> bool:
        rows = await cluster.rows(
            "SELECT wake_at FROM continuum_leases WHERE lease_owner = %s AND parked",
            second.worker.node_id,
        )
        return rows == [(wake_at,)]

    await eventually(parked_again)
    assert flows.calls["far"] == 1
    assert "activity_attempt_crashed" not in await cluster.events(run_id)


async def test_each_further_attempt_is_committed_before_it_begins(cluster: Cluster) -> None:
    """Attempt n > 1 follows a committed `activity_started` with its number."""
    member = await cluster.join(flows.retrying)
    started = member.worker.activities.started.listen()
    run_id = await member.worker.create_local(new_run(flows.retrying, "n", 2))
    for attempt in (1, 2, 3):
        call = await asyncio.wait_for(started.get(), 5)
        assert call.attempt == attempt
        rows = await cluster.rows(
            "SELECT convert_from(payload, 'UTF8')::json->>'attempt' FROM continuum_events"
            " WHERE run_id = %s AND type = 'activity_started' ORDER BY seq",
            run_id,
        )
        assert [int(number) for (number,) in rows][: attempt - 1] == list(range(2, attempt + 1))
    assert await cluster.result(run_id) == 3


async def test_concurrency_is_a_limit(cluster: Cluster) -> None:
    """With two slots no more than two activities run at once, and all of them run."""
    keys = [f"k{n}" for n in range(5)]
    gates = [flows.gate(key) for key in keys]
    member = await cluster.join(flows.holding, concurrency=2)
    ids = [await member.worker.create_local(new_run(flows.holding, key)) for key in keys]
    await asyncio.wait_for(flows.entered["k1"].wait(), 5)
    assert member.worker.activities.running == 2
    assert [flows.calls[key] for key in keys] == [1, 1, 0, 0, 0]
    for gate in gates:
        gate.set()
    for key, run_id in zip(keys, ids, strict=True):
        assert await cluster.result(run_id) == f"{key} done"
