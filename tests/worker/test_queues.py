"""Named queues: any subscribed worker, limits, priorities, crashes, cancellation, drain."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

import pytest

from continuum import Queue
from continuum.errors import ConfigurationError
from tests.worker import activity_flows as flows
from tests.worker.cluster import Cluster, Member, eventually, new_run

GPU = [flows.render, flows.render_once, flows.flaky_render, flows.beat_in_queue, flows.charge,
       flows.book]  # fmt: skip


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def serve(cluster: Cluster, *queues: Any, **options: Any) -> Member:
    """A worker that serves the queue and runs no workflow."""
    return await cluster.join(activities=GPU, queues=queues or ["gpu"], **options)


async def tasks(cluster: Cluster, columns: str = "command") -> list[tuple[Any, ...]]:
    return await cluster.rows(f"SELECT {columns} FROM continuum_tasks ORDER BY run_id, command")


async def test_a_worker_without_the_workflow_serves_the_queue(cluster: Cluster) -> None:
    """The run's worker has no such queue; the queue's worker has no such workflow."""
    await cluster.join(flows.rendering)
    run_id = await cluster.start(flows.rendering, "a")
    await serve(cluster)
    assert await cluster.result(run_id) == "a rendered"
    assert await tasks(cluster) == []
    assert await cluster.events(run_id) == [
        "run_started", "activity_scheduled", "activity_completed", "run_completed",
    ]  # fmt: skip


async def test_the_task_is_in_the_commit_that_scheduled_it(cluster: Cluster) -> None:
    """Journal and queue never disagree, and the waiting run needs no memory."""
    await cluster.join(flows.rendering, max_cached_runs=1)
    run_id = await cluster.start(flows.rendering, "a")
    waiting_on = await cluster.suspended(run_id)
    assert waiting_on == f"activity {flows.render.name} in queue gpu"
    other = await cluster.start(flows.rendering, "b")
    await cluster.suspended(other)
    same = await cluster.rows(
        "SELECT e.xmin::text = t.xmin::text FROM continuum_tasks t JOIN continuum_events e"
        " USING (run_id, command) WHERE e.type = 'activity_scheduled'"
    )
    assert same == [(True,), (True,)]
    await serve(cluster)
    assert await cluster.result(run_id) == "a rendered"
    assert await cluster.result(other) == "b rendered"


async def test_higher_priority_is_claimed_first(cluster: Cluster) -> None:
    """One slot: attempts run in the order of their priority, not of their scheduling."""
    await cluster.join(flows.rendering_many)
    keys, priorities = ["low", "high", "middle"], [-5, 10, 0]
    run_id = await cluster.start(flows.rendering_many, keys, priorities)
    await cluster.suspended(run_id)
    await serve(cluster, Queue("gpu", concurrency=1))
    assert await cluster.result(run_id) == [f"{key} rendered" for key in keys]
    assert flows.seen == ["high", "middle", "low"]


async def test_no_more_tasks_are_claimed_than_there_are_slots(cluster: Cluster) -> None:
    """What a worker cannot start it leaves to the others."""
    for key in "abc":
        flows.gate(key)
    await cluster.join(flows.rendering)
    for key in "abc":
        await cluster.suspended(await cluster.start(flows.rendering, key))
    first = await serve(cluster, concurrency=2)
    await eventually(lambda: first.worker.activities.running == 2)
    await asyncio.wait_for(first.worker.serving.tasks.swept.listen().get(), 5)
    owned = await tasks(cluster, "lease_owner IS NOT NULL")
    assert sorted(owned) == [(False,), (True,), (True,)]
    second = await serve(cluster)
    await eventually(lambda: second.worker.activities.running == 1)
    for event in flows.gates.values():
        event.set()


async def test_fleet_concurrency_holds_for_all_workers(cluster: Cluster) -> None:
    """Two workers with free slots together run no more than the queue's limit."""
    keys = [f"k{n}" for n in range(5)]
    for key in keys:
        flows.gate(key)
    await cluster.join(flows.rendering)
    ids = [await cluster.start(flows.rendering, key) for key in keys]
    for run_id in ids:
        await cluster.suspended(run_id)
    workers = [await serve(cluster, Queue("gpu", fleet_concurrency=2)) for _ in range(2)]
    for worker in workers:
        swept = worker.worker.serving.tasks.swept.listen()
        await asyncio.wait_for(swept.get(), 5)
        await asyncio.wait_for(swept.get(), 5)
    assert len([key for key in keys if flows.calls[key]]) == 2
    for event in flows.gates.values():
        event.set()
    for key, run_id in zip(keys, ids, strict=True):
        assert await cluster.result(run_id) == f"{key} rendered"


async def test_rate_limits_starts_of_the_whole_fleet(cluster: Cluster) -> None:
    """The bucket is kept by the database's clock: an empty one gives nothing, time refills it."""
    await cluster.join(flows.rendering)
    for key in "abc":
        await cluster.suspended(await cluster.start(flows.rendering, key))
    store = cluster.store.activities
    node, names = cluster.members[0].worker.node_id, [flows.render.name]
    await store.set_queues([Queue("gpu", rate=2)])
    await cluster.execute("UPDATE continuum_queues SET tokens = 2, refilled_at = clock_timestamp()")
    assert len(await store.claim_tasks(node, "gpu", names, 10)) == 2
    assert await store.claim_tasks(node, "gpu", names, 10) == []
    await cluster.execute("UPDATE continuum_queues SET refilled_at = refilled_at - interval '1 s'")
    assert len(await store.claim_tasks(node, "gpu", names, 10)) == 1


async def test_failures_are_retried_by_the_run(cluster: Cluster) -> None:
    """Back-off and attempts are the run's; each attempt is a task; details travel with them."""
    await cluster.join(flows.flaky_rendering)
    await serve(cluster)
    run_id = await cluster.start(flows.flaky_rendering, "x", 2, "ValueError")
    assert await cluster.result(run_id) == "3"
    assert flows.seen == [None, 1, 2]
    kinds = await cluster.events(run_id)
    assert kinds.count("activity_attempt_failed") == kinds.count("activity_started") == 2


async def test_non_retryable_errors_of_a_queue_are_not_retried(cluster: Cluster) -> None:
    """The policy is applied to the class of the error, in the worker that saw it."""
    await cluster.join(flows.flaky_rendering)
    await serve(cluster)
    run_id = await cluster.start(flows.flaky_rendering, "x", 1, "KeyError")
    assert await cluster.result(run_id) == "KeyError after 1"


async def test_tasks_of_a_dead_worker_are_swept(cluster: Cluster) -> None:
    """Its attempt is journaled as crashed, with its progress, and another worker runs the next."""
    flows.gate("scan")
    await cluster.join(flows.beating_in_queue)
    first = await serve(cluster)
    run_id = await cluster.start(flows.beating_in_queue, "scan")
    await asyncio.wait_for(flows.entered["scan"].wait(), 5)
    await first.worker.serving.heartbeats.flush()
    del flows.gates["scan"]
    await first.die()
    await serve(cluster)
    assert await cluster.result(run_id) == 41
    kinds = await cluster.events(run_id)
    assert kinds.count("activity_attempt_crashed") == kinds.count("activity_started") == 1


async def test_rule_8_who_may_judge_nobody_still_sweeps_what_the_dead_hold(
    cluster: Cluster,
) -> None:
    """A sentence in the database needs no judge."""
    flows.gate("scan")
    runner = await cluster.join(flows.beating_in_queue)
    first = await serve(cluster)
    run_id = await cluster.start(flows.beating_in_queue, "scan")
    await asyncio.wait_for(flows.entered["scan"].wait(), 5)
    second = await serve(cluster)
    for member in (runner, second):
        member.worker.membership.judging_from = inf
    del flows.gates["scan"]
    await first.die()
    dead = "UPDATE continuum_nodes SET dead_at = clock_timestamp() WHERE id = %s RETURNING 1"
    assert await cluster.rows(dead, first.worker.node_id) == [(1,)]
    assert await cluster.result(run_id) is not None
    assert (await cluster.events(run_id)).count("activity_attempt_crashed") == 1


async def test_at_most_once_in_a_queue_is_failed_by_its_first_crash(cluster: Cluster) -> None:
    """`on_crash="fail"` holds for queues: the second worker never runs it."""
    flows.gate("pay")
    await cluster.join(flows.rendering_once)
    first = await serve(cluster)
    run_id = await cluster.start(flows.rendering_once, "pay")
    await asyncio.wait_for(flows.entered["pay"].wait(), 5)
    del flows.gates["pay"]
    await first.die()
    await serve(cluster)
    assert await cluster.result(run_id) == "ActivityCrashed"
    assert flows.calls["pay"] == 1


async def test_a_zombie_cannot_answer_for_the_next_attempt(cluster: Cluster) -> None:
    """Every compare-and-set carries attempt and token: a late answer of attempt 1 is nothing."""
    await cluster.join(flows.rendering)
    run_id = await cluster.start(flows.rendering, "a")
    await cluster.suspended(run_id)
    store = cluster.store.activities
    node, names = cluster.members[0].worker.node_id, [flows.render.name]
    [old] = await store.claim_tasks(node, "gpu", names, 1)
    await store.give_tasks_back([old.fence], 0)
    [new] = await store.claim_tasks(node, "gpu", names, 1)
    result = b'{"outcome":"completed","value":"old"}'
    assert await store.finish_tasks([(old.fence, result)]) == []
    await store.give_tasks_back([old.fence], 0)
    assert await tasks(cluster, "lease_token") == [(new.fence.token,)]
    posted = await store.finish_tasks([(new.fence, result.replace(b"old", b"new"))])
    cluster.members[0].worker.deliver_local(posted)
    assert await cluster.result(run_id) == "new"


async def test_cancel_removes_what_is_queued(cluster: Cluster) -> None:
    """Nobody has claimed it: the commit of the cancel removes it and answers the run."""
    await cluster.join(flows.rendering)
    run_id = await cluster.start(flows.rendering, "a")
    await cluster.suspended(run_id)
    await cluster.cancel(run_id)
    assert await cluster.ended(run_id) == "cancelled"
    assert flows.calls["a"] == 0
    assert await tasks(cluster) == []


async def test_cancel_stops_what_runs_elsewhere(cluster: Cluster) -> None:
    """The attempt is interrupted in its worker, and the run ends when it has ended."""
    flows.gate("a")
    await cluster.join(flows.rendering)
    other = await serve(cluster)
    run_id = await cluster.start(flows.rendering, "a")
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    await cluster.cancel(run_id)
    assert await cluster.ended(run_id) == "cancelled"
    await other.worker.activities.wait_quiet()
    assert "activity_failed" in await cluster.events(run_id)


async def test_a_stop_that_meets_a_claim_is_not_lost(cluster: Cluster) -> None:
    """The stop waits for the claim in flight and then marks the task instead of removing it."""
    await cluster.join(flows.rendering)
    run_id = await cluster.start(flows.rendering, "a")
    await cluster.suspended(run_id)
    async with cluster.pool.connection() as claimer, claimer.transaction():
        await claimer.execute(
            "UPDATE continuum_tasks SET lease_owner = gen_random_uuid(), lease_token = 1"
        )
        await cluster.cancel(run_id)

        async def blocked() -> bool:
            [(count,)] = await cluster.rows(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            )
            return count > 0

        await eventually(blocked)
    assert await eventually(lambda: tasks(cluster, "stopping, lease_owner IS NOT NULL")) is not None

    async def swept() -> bool:
        return await cluster.state(run_id) == "cancelled"

    await eventually(swept)  # the claimer is no living node: its task is answered as crashed


async def test_drain_stops_claiming_and_finishes_what_runs(cluster: Cluster) -> None:
    """A draining worker takes nothing new from queues; its running attempt is answered."""
    gate = flows.gate("a")
    await cluster.join(flows.rendering)
    first = await serve(cluster)
    run_id = await cluster.start(flows.rendering, "a")
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    draining = asyncio.ensure_future(first.worker.drain())
    await eventually(lambda: first.worker.serving.tasks._claiming is False)
    later = await cluster.start(flows.rendering, "b")
    await cluster.suspended(later)
    gate.set()
    await asyncio.wait_for(draining, 10)
    assert await cluster.result(run_id) == "a rendered"
    assert flows.calls["b"] == 0
    await serve(cluster)
    assert await cluster.result(later) == "b rendered"


async def test_a_drain_that_runs_out_of_time_answers_crashed(cluster: Cluster) -> None:
    """The attempt that would not end is handed on at once, not after the death of the node."""
    flows.gate("a")
    await cluster.join(flows.rendering)
    first = await serve(cluster)
    run_id = await cluster.start(flows.rendering, "a")
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    del flows.gates["a"]
    await first.worker.drain(0.5)
    await serve(cluster)
    assert await cluster.result(run_id) == "a rendered"
    assert "activity_attempt_crashed" in await cluster.events(run_id)


async def test_the_answer_survives_the_death_of_the_runs_worker(cluster: Cluster) -> None:
    """The result waits in the inbox; the next owner takes it and nothing runs twice."""
    gate = flows.gate("a")
    first = await cluster.join(flows.rendering)
    await serve(cluster)
    run_id = await cluster.start(flows.rendering, "a")
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    await first.die()
    gate.set()

    async def answered() -> bool:
        return await tasks(cluster) == []

    await eventually(answered)
    await cluster.join(flows.rendering)
    assert await cluster.result(run_id) == "a rendered"
    assert flows.calls["a"] == 1


async def test_the_end_of_a_run_stops_its_tasks(cluster: Cluster) -> None:
    """Force-cancel removes them with the lease; who runs one notices and interrupts it."""
    flows.gate("a")
    await cluster.join(flows.rendering)
    other = await serve(cluster)
    run_id = await cluster.start(flows.rendering, "a")
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    await cluster.store.force_cancel(run_id, None, None)
    assert await tasks(cluster) == []
    await asyncio.wait_for(other.worker.activities.wait_quiet(), 10)


async def test_queues_work_with_every_hint_lost(cluster: Cluster) -> None:
    """Evidence first, the poll behind it: no notification is needed."""
    await cluster.join(flows.rendering, hints=False)
    await serve(cluster, hints=False)
    run_id = await cluster.start(flows.rendering, "a", hint=False)
    assert await cluster.result(run_id) == "a rendered"


async def test_wrong_queues_are_refused(cluster: Cluster) -> None:
    """A limit out of bounds, a queue named twice, or nothing to run on it."""
    with pytest.raises(ConfigurationError, match="concurrency"):
        Queue("gpu", concurrency=0)
    with pytest.raises(ConfigurationError, match="rate"):
        Queue("gpu", rate=0)
    with pytest.raises(ConfigurationError, match="printable"):
        Queue("")
    with pytest.raises(ConfigurationError, match="twice"):
        await serve(cluster, "gpu", Queue("gpu"))
    with pytest.raises(ConfigurationError, match="needs activities"):
        await cluster.join(flows.rendering, queues=["gpu"])
    assert new_run(flows.rendering, "x").workflow == flows.rendering.name
