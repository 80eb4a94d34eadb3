"""Every effect of workflow code, end to end on a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from tests.worker import flows
from tests.worker.cluster import Cluster, eventually, new_run


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def test_a_started_run_is_claimed_and_completes(cluster: Cluster) -> None:
    """A run inserted by a client runs its three activities and leaves no lease behind."""
    await cluster.join(flows.three_steps)
    run_id = await cluster.start(flows.three_steps, 1)
    assert await cluster.result(run_id) == 4
    assert await cluster.events(run_id) == [
        "run_started",
        *["activity_scheduled", "activity_completed"] * 3,
        "run_completed",
    ]
    assert await cluster.rows("SELECT * FROM continuum_leases") == []


async def test_a_local_start_is_one_commit_with_the_first_turn(cluster: Cluster) -> None:
    """`create_local` answers after the commit that inserted the run and its first events."""
    member = await cluster.join(flows.waiting)
    run = new_run(flows.waiting, 1)
    assert await member.worker.create_local(run) == run.run_id
    assert await cluster.events(run.run_id) == ["run_started", "signal_awaited", "timer_started"]
    [(owner, parked)] = await cluster.rows("SELECT lease_owner, parked FROM continuum_leases")
    assert (owner, parked) == (member.worker.node_id, True)


async def test_the_end_is_told_to_callbacks_after_its_commit(cluster: Cluster) -> None:
    """`on_end` hears of a run's end with its value, once, when it is durable."""
    member = await cluster.join(flows.three_steps)
    ends: asyncio.Queue[tuple[object, object]] = asyncio.Queue()
    member.worker.on_end(lambda run_id, end: ends.put_nowait((run_id, end.result)))
    run_id = await member.worker.create_local(new_run(flows.three_steps, 0))
    assert await asyncio.wait_for(ends.get(), 5) == (run_id, b"3")
    assert await cluster.state(run_id) == "completed"
    assert ends.empty()


async def test_sync_activities_run_in_threads(cluster: Cluster) -> None:
    """A synchronous function works like an asynchronous one."""
    await cluster.join(flows.threaded)
    assert await cluster.result(await cluster.start(flows.threaded, 1)) == 2
    assert flows.calls["thread"] == 1


async def test_activities_run_at_the_same_time(cluster: Cluster) -> None:
    """`gather` over twenty activities gives their results in order."""
    await cluster.join(flows.fan_out)
    assert await cluster.result(await cluster.start(flows.fan_out, 20)) == list(range(1, 21))


async def test_dataclasses_cross_the_journal(cluster: Cluster) -> None:
    """Arguments and results are restored from the annotations."""
    await cluster.join(flows.dataclasses_cross)
    run_id = await cluster.start(flows.dataclasses_cross, flows.Order("o1", 21))
    assert await cluster.result(run_id) == {"id": "o1", "cents": 42}


async def test_failed_attempts_are_repeated_and_journaled(cluster: Cluster) -> None:
    """Two failures, then success on the third attempt; each failure is an event."""
    await cluster.join(flows.retrying)
    run_id = await cluster.start(flows.retrying, "retry", 2)
    assert await cluster.result(run_id) == 3
    kinds = await cluster.events(run_id)
    assert kinds.count("activity_attempt_failed") == 2
    assert kinds.count("activity_started") == 2


async def test_attempts_end_at_the_limit(cluster: Cluster) -> None:
    """After `max_attempts` raises the activity fails and so does the run that does not catch it."""
    await cluster.join(flows.retrying)
    kind, message = await cluster.error(await cluster.start(flows.retrying, "limit", 99))
    assert "ActivityFailed" in kind
    assert "attempt 4" in message
    assert flows.calls["limit"] == 4


@pytest.mark.parametrize("flow", [flows.timing_out, flows.timing_out_in_thread])
async def test_an_attempt_ends_at_its_timeout(cluster: Cluster, flow: object) -> None:
    """An activity that takes too long raises `ActivityTimeout`, a TimeoutError, in the workflow."""
    await cluster.join(flow)  # type: ignore[arg-type]
    assert await cluster.result(await cluster.start(flow, "slow")) == "ActivityTimeout"  # type: ignore[arg-type]


async def test_sleep_is_a_durable_timer(cluster: Cluster) -> None:
    """A sleep suspends the run with a timer and goes on after it."""
    await cluster.join(flows.sleeping)
    run_id = await cluster.start(flows.sleeping, 0.2)
    assert await cluster.result(run_id) == "awake"
    assert "timer_fired" in await cluster.events(run_id)


async def test_asyncio_timeout_is_durable(cluster: Cluster) -> None:
    """`asyncio.timeout` around a wait fires."""
    await cluster.join(flows.impatient)
    assert await cluster.result(await cluster.start(flows.impatient)) == "timeout"


async def test_signals_arrive_in_order(cluster: Cluster) -> None:
    """Signals of one name are received first in, first out."""
    await cluster.join(flows.waiting)
    run_id = await cluster.start(flows.waiting, 3)
    assert (await cluster.suspended(run_id)).startswith("signal go until ")
    for word in ("a", "b", "c"):
        await cluster.signal(run_id, "go", word)
    assert await cluster.result(run_id) == ["a", "b", "c"]
    assert await cluster.rows("SELECT * FROM continuum_inbox") == []


async def test_early_signals_wait_in_the_journal(cluster: Cluster) -> None:
    """A signal nobody awaits yet is journaled at once and its inbox row is gone (rule 9)."""
    gate = flows.gate("early")
    await cluster.join(flows.hold_two)
    run_id = await cluster.start(flows.hold_two, "early", "late")
    await asyncio.wait_for(flows.entered["early"].wait(), 5)
    await cluster.signal(run_id, "unawaited", 1)

    async def consumed() -> bool:
        return "signal_received" in await cluster.events(run_id)

    await eventually(consumed)
    assert await cluster.rows("SELECT * FROM continuum_inbox") == []
    gate.set()
    assert await cluster.result(run_id) == ["early done", "late done"]


async def test_values_drawn_inside_survive_replay(cluster: Cluster) -> None:
    """Side effect, uuid4 and random are the same for a second owner, who replays them."""
    first = await cluster.join(flows.observing)
    run_id = await cluster.start(flows.observing)
    result = await cluster.result(run_id)
    assert result[0] == "42"
    assert result[3] == "True"
    assert not first.worker.runner.runs


async def test_cancel_lets_the_run_clean_up(cluster: Cluster) -> None:
    """Cancel arrives at the await; `finally` may run an activity; the run ends cancelled."""
    await cluster.join(flows.cleaning_up)
    run_id = await cluster.start(flows.cleaning_up, "c")
    await cluster.suspended(run_id)
    await cluster.cancel(run_id, "enough")
    assert await cluster.ended(run_id) == "cancelled"
    assert flows.calls["c-cleanup"] == 1


async def test_cancel_stops_an_activity_in_flight(cluster: Cluster) -> None:
    """A cancel asks the running activity to stop, and the run ends cancelled."""
    flows.gate("stuck")
    member = await cluster.join(flows.holding)
    run_id = await cluster.start(flows.holding, "stuck")
    await asyncio.wait_for(flows.entered["stuck"].wait(), 5)
    await cluster.cancel(run_id)
    assert await cluster.ended(run_id) == "cancelled"
    await asyncio.wait_for(member.worker.activities.wait_quiet(), 5)


async def test_an_exception_fails_the_run(cluster: Cluster) -> None:
    """The type and text of an uncaught exception are stored."""
    await cluster.join(flows.failing)
    kind, message = await cluster.error(await cluster.start(flows.failing))
    assert kind.endswith("ValueError")
    assert message == "as asked"


async def test_a_result_nothing_can_store_fails_without_retry(cluster: Cluster) -> None:
    """An activity returning an object outside its annotation fails once, as a PayloadError."""
    await cluster.join(flows.losing_result)
    _, message = await cluster.error(await cluster.start(flows.losing_result))
    assert "PayloadError" in message
    assert flows.calls["unstorable"] == 1


async def test_sys_exit_in_an_activity_is_a_failure(cluster: Cluster) -> None:
    """SystemExit fails the activity; the worker goes on."""
    await cluster.join(flows.exiting, flows.three_steps)
    _, message = await cluster.error(await cluster.start(flows.exiting))
    assert "SystemExit" in message
    assert await cluster.result(await cluster.start(flows.three_steps, 0)) == 3
