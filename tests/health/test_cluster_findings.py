"""Findings about workers and about runs that do not go on, each from the real condition."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from continuum import Continuum, RepairRefused
from continuum.health.report import Severity
from tests.cluster.harness import Cluster as Processes
from tests.health.looking import codes, finding, report
from tests.postgres.scene import open_scene
from tests.worker import activity_flows, flows
from tests.worker.cluster import Cluster, eventually, new_run
from tests.worker.test_builds import deployment


async def test_a_database_that_nobody_uses_is_well(ct: Continuum) -> None:
    """No runs, no workers: nothing to report, and nothing unknown."""
    found = await report(ct)
    assert (found.findings, found.status, found.needs_attention) == ((), None, False)
    assert found.at is not None
    assert found.facts.unknown == {}


async def test_a_cluster_at_work_is_well(cluster: Cluster, ct: Continuum) -> None:
    """A worker, a parked run and an ended one are no findings; the facts show them."""
    await cluster.join(flows.three_steps, flows.waiting)
    await cluster.result(await cluster.start(flows.three_steps, 1))
    await cluster.suspended(await cluster.start(flows.waiting, 1))
    found = await report(ct)
    assert found.findings == ()
    assert found.facts.cluster is not None
    assert [node.alive for node in found.facts.cluster.nodes] == [True]
    assert {k: n for k, n in found.facts.cluster.runs.items() if n} == {
        "completed": 1,
        "suspended": 1,
    }


async def test_runs_without_any_worker(cluster: Cluster, ct: Continuum) -> None:
    """A started run that no worker is there for is an error, said once."""
    await cluster.start(flows.three_steps, 1)
    found = await finding(ct, "no-worker")
    assert found.severity is Severity.ERROR
    assert "1 runs" in found.message
    assert await codes(ct) == ["no-worker"]


async def test_a_killed_worker_is_silent_then_dead(dsn: str, ct: Continuum) -> None:
    """SIGKILL: nobody notices while there is no other worker; then one does and says so."""
    with Processes(dsn) as processes:
        lost = processes.start_worker("--ttl", "1", "--heartbeat", "0.3")
        await processes.wait_serving(ct, lost)
        run = await ct.start("tests.cluster.flows:signal_then_step")
        await asyncio.sleep(0.3)
        lost.kill()
        silent = await finding(ct, "worker-silent")
        assert silent.severity is Severity.ERROR
        assert f"process {lost.pid}" in silent.message
        assert "no-worker" in await codes(ct)
        from tests.cluster import flows as app

        async with (
            Continuum(dsn) as host,
            host.worker([app.signal_then_step], ttl=2, heartbeat=0.5),
        ):
            died = await finding(ct, "worker-died")
            assert f"process {lost.pid}" in died.message
            assert "worker-died" not in await codes(ct, worker_died=0)
        await run.cancel(force=True)


async def test_runs_of_a_worker_that_is_not_there(cluster: Cluster, ct: Continuum) -> None:
    """Leases whose owner has no row in the cluster are reported, as long as nobody frees them."""
    member = await cluster.join(flows.waiting)
    await cluster.suspended(await cluster.start(flows.waiting, 1))
    await member.die()
    await cluster.execute("DELETE FROM continuum_nodes")
    found = await finding(ct, "orphaned-runs")
    assert found.severity is Severity.ERROR
    assert found.message.startswith("1 runs are owned")


async def test_a_worker_whose_lock_nobody_sees(dsn: str, ct: Continuum) -> None:
    """A worker that registered without a visible session lock (a pooler) is a warning."""
    async with open_scene(dsn) as scene:
        await scene.register()
        found = await finding(ct, "worker-unlocked")
    assert found.severity is Severity.WARNING
    assert "not at once" in found.message


async def test_runs_wait_too_long_for_a_worker_that_could_run_them(dsn: str, ct: Continuum) -> None:
    """New runs, runs with mail and overdue timers: the oldest wait counts, and is in the report."""
    async with open_scene(dsn) as scene:
        await scene.register(ttl=600)
        run_id = await scene.create_free()
        assert "wake-lag" not in await codes(ct, wake_lag=600)
        found = await finding(ct, "wake-lag", wake_lag=0)
        assert (found.severity, found.runs) == (Severity.ERROR, (run_id,))
        await scene.claim()
        turn = await scene.create_owned()
        past = await scene.value("SELECT clock_timestamp() - interval '1 hour'")
        await scene.observer.execute(
            "UPDATE continuum_leases SET lease_owner = NULL, ready = false, wake_at = %s"
            " WHERE run_id = %s",
            [past, turn.run_id],
        )
        found = await finding(ct, "wake-lag")
        assert found.runs == (turn.run_id,)
        assert "60 min" in found.message
        lag = (await report(ct)).wake_lag
        assert lag is not None
        assert 3600 <= lag.total_seconds() < 3700


async def test_runs_of_a_version_that_nobody_has_loaded(cluster: Cluster, ct: Continuum) -> None:
    """Waiting now is an error, a timer ahead a warning; both end with a worker that has it."""
    member = await cluster.join(flows.sleeping)
    asleep = await cluster.start(flows.sleeping, 3600.0)
    await cluster.suspended(asleep)
    await member.worker.drain()
    await cluster.join(flows.three_steps)
    found = await finding(ct, "version-not-loaded")
    assert (found.severity, found.runs) == (Severity.WARNING, (asleep,))
    waiting = await cluster.start(flows.waiting, 1)
    errors = [each for each in (await report(ct)).findings if each.severity is Severity.ERROR]
    assert [(each.code, each.runs) for each in errors] == [("version-not-loaded", (waiting,))]
    await cluster.join(flows.sleeping, flows.waiting)
    await cluster.suspended(waiting)
    assert await codes(ct) == []


async def test_runs_parked_by_drift(cluster: Cluster, ct: Continuum) -> None:
    """A run whose code does not fit its journal is an error that says what differs."""
    old = deployment("go")
    first = await cluster.join(old, build="b1")  # type: ignore[arg-type]
    run_id = await first.worker.create_local(new_run(old))  # type: ignore[arg-type]
    await first.worker.drain()
    second = await cluster.join(deployment("other"), build="b2")  # type: ignore[arg-type]
    released = second.worker.releases.released.listen()
    await cluster.signal(run_id, "go")
    await asyncio.wait_for(released.get(), 10)
    found = await finding(ct, "drift")
    assert (found.severity, found.runs) == (Severity.ERROR, (run_id,))
    assert "drift at command 1" in found.message
    assert found.fix == f"continuum show {run_id} --history"


async def test_a_run_in_quarantine(cluster: Cluster, ct: Continuum) -> None:
    """A run that lost four workers without a commit is an error until an operator acts."""
    run_id = await cluster.start(flows.three_steps, 1)
    await lose_workers(cluster, run_id, 4)
    await cluster.join(flows.three_steps)
    found = await finding(ct, "quarantine")
    assert (found.severity, found.runs) == (Severity.ERROR, (run_id,))
    assert "4 workers were lost with it" in found.message
    assert found.fix == f"continuum release {run_id}"
    await ct.release(run_id)
    assert await cluster.result(run_id) == 4
    with pytest.raises(RepairRefused, match="not in quarantine"):
        await ct.release(run_id)
    assert "quarantine" not in await codes(ct)


async def lose_workers(cluster: Cluster, run_id: UUID, times: int) -> None:
    """Nodes claim the run and vanish, one after the other, before they commit anything."""
    pin = flows.three_steps.pin
    ids = [type(pin)(pin.workflow).version_id]
    async with open_scene(cluster.dsn) as scene:
        for taken in range(times):
            node = await scene.register(node=type(run_id)(int=run_id.int + 1 + taken), ttl=0)
            claim = scene.store.claim_suspect if taken >= 2 else scene.store.claim
            more = (10,) if taken < 2 else ()
            assert [run.run_id for run in await claim(node, ids, "b", *more)] == [run_id]
            await scene.store.declare_dead(())
            assert await scene.store.free_dead(10) == 1


async def test_a_queue_that_nobody_serves(cluster: Cluster, ct: Continuum) -> None:
    """Attempts wait in a queue without a worker: an error that names the queue."""
    activity_flows.reset()
    await cluster.join(activity_flows.rendering)
    await cluster.suspended(await cluster.start(activity_flows.rendering, "a"))
    found = await finding(ct, "queue-unserved")
    assert found.severity is Severity.ERROR
    assert found.fix == "continuum worker --app MODULE --queues gpu"
    facts = (await report(ct)).facts
    assert facts.queues is not None
    [queue] = facts.queues
    assert (queue.queue, queue.waiting, queue.running, queue.workers) == ("gpu", 1, 0, 0)
    assert queue.head_at is not None


async def test_a_queue_whose_workers_are_too_few(dsn: str, ct: Continuum) -> None:
    """Attempts wait although a worker serves their queue: a warning with the age of the first."""
    async with open_scene(dsn) as scene:
        await scene.register(ttl=600)
        await scene.observer.execute("UPDATE continuum_nodes SET queues = '{gpu}'")
        turn = await scene.create_owned()
        await scene.observer.execute(
            "INSERT INTO continuum_tasks (run_id, incarnation, command, queue, activity, payload,"
            " available_at) VALUES (%s, 1, 1, 'gpu', 'a', '', clock_timestamp() - interval '3h')",
            [turn.run_id],
        )
        found = await finding(ct, "queue-waiting")
        assert found.severity is Severity.WARNING
        assert "the first for 3 h" in found.message
        assert "queue-waiting" not in await codes(ct, queue_wait=4 * 3600)


async def test_messages_that_nobody_reads(cluster: Cluster, ct: Continuum) -> None:
    """Mail for a run that nobody owns is a warning, from the limit on."""
    run_id = await cluster.start(flows.waiting, 1)
    await cluster.signal(run_id, "go", "on")
    found = await finding(ct, "inbox-unread", inbox_wait=0)
    assert (found.severity, found.runs) == (Severity.WARNING, (run_id,))
    assert "1 messages are unread" in found.message
    assert "inbox-unread" not in await codes(ct, inbox_wait=60)


async def test_what_is_paused_is_told_and_is_no_fault(cluster: Cluster, ct: Continuum) -> None:
    """Neither the run that waits, nor its unread mail, nor the queue's attempts need attention."""
    await cluster.join(flows.waiting, activity_flows.rendering)
    member = await cluster.join(activities=[activity_flows.render], queues=["gpu"])
    run_id = await cluster.start(flows.waiting, 1)
    await cluster.suspended(run_id)
    await ct.pause(run_id)
    await eventually(lambda: run_id not in cluster.members[0].worker.runner.runs)
    await cluster.signal(run_id, "go")
    await ct.pause(queue="gpu", reason="too hot")
    await ct.pause(workflow="it's mine", namespace="billing")
    await eventually(lambda: member.worker.runner.pausing.now.queues)
    await cluster.suspended(await cluster.start(activity_flows.rendering, "a"))
    found = await report(ct, inbox_wait=0.0, queue_wait=0.0, wake_lag=0.0)
    assert not found.needs_attention
    assert [(each.code, each.fix) for each in found.findings] == [
        ("paused", "continuum resume --queue gpu"),
        ("paused", "continuum resume --workflow 'it'\"'\"'s mine' --namespace billing"),
        ("runs-paused", 'continuum query -A "paused"'),
    ]
    assert found.findings[0].message.endswith(": too hot")
    assert found.facts.paused is not None
    assert (found.facts.paused.runs, found.facts.paused.held) == (1, 0)
    await ct.pause(namespace="default")
    other = await cluster.start(flows.waiting, 1)
    held = await eventually(lambda: held_runs(ct))
    assert held == 1
    assert (await ct.get_run(other)).paused


async def held_runs(ct: Continuum) -> int:
    facts = (await report(ct)).facts.paused
    return 0 if facts is None else facts.held
