"""Pauses, as workers keep them: nothing begins, nothing that was done is lost."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from continuum.operators.acts import Act, Operator
from continuum.store.pauses import Scope
from tests.worker import activity_flows, flows, pause_flows
from tests.worker.cluster import Cluster, Member, eventually, new_run

ACT = Act(Operator("ann", "desk", "pytest"), "pause")
HERE = Scope(namespace="default")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()
    activity_flows.reset()


async def pause(cluster: Cluster, run_id: UUID, *, hint: bool = True) -> None:
    outcome = await cluster.store.pauses.pause_run(run_id, None)
    assert outcome.refusal is None
    if hint:
        cluster.hints.runs_changed([run_id])


async def resume(cluster: Cluster, run_id: UUID, *, hint: bool = True) -> None:
    outcome = await cluster.store.pauses.resume_run(run_id, None)
    assert outcome.refusal is None
    if hint:
        cluster.hints.runs_changed([run_id])


async def pause_all(cluster: Cluster, scope: Scope) -> None:
    assert await cluster.store.pauses.pause_scope(scope, ACT)
    cluster.hints.poll_now()


async def resume_all(cluster: Cluster, scope: Scope) -> None:
    assert await cluster.store.pauses.lift(scope, ACT)
    await cluster.store.pauses.let_go(1000)
    cluster.hints.poll_now()


async def lease(cluster: Cluster, run_id: UUID, columns: str) -> Any:
    [row] = await cluster.rows(f"SELECT {columns} FROM continuum_leases WHERE run_id = %s", run_id)
    return row[0] if len(row) == 1 else row


async def let_go(cluster: Cluster, run_id: UUID) -> None:
    """Until no worker has it, and none may."""
    await eventually(lambda: lease(cluster, run_id, "lease_owner IS NULL AND version_id < 0"))


async def looked_again(*members: Member) -> None:
    """Until each has polled once more, beginning from now."""
    for member in members:
        polled = member.worker.wake.polled.listen()
        while not polled.empty():
            polled.get_nowait()
        for _ in range(2):
            member.worker.wake.poll_now()
            await asyncio.wait_for(polled.get(), 5)


async def test_a_waiting_run_is_let_go_and_its_mail_waits(cluster: Cluster) -> None:
    """It leaves the memory; a signal is accepted, read by nobody, and handled after the resume."""
    member = await cluster.join(flows.waiting)
    run_id = await cluster.start(flows.waiting, 1)
    await cluster.suspended(run_id)
    await pause(cluster, run_id)
    await let_go(cluster, run_id)
    assert run_id not in member.worker.runner.runs
    before = await cluster.events(run_id)
    await cluster.signal(run_id, "go", "a")
    other = await cluster.start(flows.three_steps, 1)
    await cluster.join(flows.waiting, flows.three_steps)
    await cluster.result(other)
    assert await cluster.events(run_id) == before
    await resume(cluster, run_id)
    assert await cluster.result(run_id) == ["a"]


async def test_what_an_activity_returned_is_kept_and_nothing_begins(cluster: Cluster) -> None:
    """It ends, its outcome waits in the inbox, and the code hears of it after the resume."""
    gate = flows.gate("a")
    member = await cluster.join(flows.hold_two)
    run_id = await cluster.start(flows.hold_two, "a", "b")
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    await pause(cluster, run_id)
    await eventually(lambda: member.worker.runner.runs[run_id].pausing)
    assert await lease(cluster, run_id, "lease_owner IS NOT NULL AND version_id < 0")
    gate.set()
    await let_go(cluster, run_id)
    assert await cluster.events(run_id) == ["run_started", "activity_scheduled"]
    assert await cluster.rows("SELECT kind FROM continuum_inbox") == [("activity_result",)]
    assert flows.calls == {"a": 1}
    await resume(cluster, run_id)
    assert await cluster.result(run_id) == ["a done", "b done"]
    assert flows.calls == {"a": 1, "b": 1}
    assert "activity_attempt_crashed" not in await cluster.events(run_id)


async def test_a_failed_attempt_is_kept_too(cluster: Cluster) -> None:
    """It counts once, and the next one begins after the resume."""
    gate = flows.gate("f")
    await cluster.join(pause_flows.fails_then_steps)
    run_id = await cluster.start(pause_flows.fails_then_steps, "f")
    await asyncio.wait_for(flows.entered["f"].wait(), 5)
    await pause(cluster, run_id)
    await cluster.signal(run_id, "unheard")
    gate.set()
    await let_go(cluster, run_id)
    await resume(cluster, run_id)
    assert await cluster.result(run_id) == "f done"
    assert flows.calls["f"] == 2
    assert (await cluster.events(run_id)).count("activity_attempt_failed") == 1


async def test_a_run_that_is_resumed_in_time_stays_where_it_is(cluster: Cluster) -> None:
    """Its worker never gave it back: what had arrived meanwhile is handled, in this memory."""
    gate = flows.gate("slow")
    member = await cluster.join(pause_flows.side_by_side)
    run_id = await cluster.start(pause_flows.side_by_side, "slow", "quick")
    await asyncio.wait_for(flows.entered["slow"].wait(), 5)
    token = await lease(cluster, run_id, "lease_token")
    await pause(cluster, run_id)
    await eventually(lambda: member.worker.runner.runs[run_id].pausing)
    await cluster.signal(run_id, "go")
    await looked_again(member)
    assert "signal_received" not in await cluster.events(run_id)
    await resume(cluster, run_id)
    await eventually(lambda: flows.calls["quick"])
    assert await lease(cluster, run_id, "lease_token") == token
    gate.set()
    assert await cluster.result(run_id) == ["slow done", "quick done"]
    assert flows.calls == {"slow": 1, "quick": 1}
    assert await cluster.rows("SELECT kind FROM continuum_inbox") == []


async def test_attempts_that_had_not_begun_are_no_crashes(cluster: Cluster) -> None:
    """Queued behind the concurrency, then paused: begun once, after the resume."""
    gate = flows.gate("first")
    member = await cluster.join(pause_flows.crowded, concurrency=1)
    run_id = await cluster.start(pause_flows.crowded, "first", "second")
    await asyncio.wait_for(flows.entered["first"].wait(), 5)
    await pause(cluster, run_id)
    await eventually(lambda: member.worker.runner.runs[run_id].pausing)
    gate.set()
    await let_go(cluster, run_id)
    assert flows.calls == {"first": 1}
    await resume(cluster, run_id)
    assert await cluster.result(run_id) == ["first done", "second done"]
    assert flows.calls == {"first": 1, "second": 1}


async def test_withheld_attempts_begin_when_the_run_stays(cluster: Cluster) -> None:
    """The same, resumed before the first has ended."""
    gate = flows.gate("first")
    member = await cluster.join(pause_flows.crowded, concurrency=1)
    run_id = await cluster.start(pause_flows.crowded, "first", "second")
    await asyncio.wait_for(flows.entered["first"].wait(), 5)
    await pause(cluster, run_id)
    await eventually(lambda: member.worker.runner.runs[run_id].withheld)
    await resume(cluster, run_id)
    await eventually(lambda: not member.worker.runner.runs[run_id].withheld)
    gate.set()
    assert await cluster.result(run_id) == ["first done", "second done"]
    assert flows.calls == {"first": 1, "second": 1}
    assert "activity_released" not in await cluster.events(run_id)


async def test_the_end_of_its_worker_does_not_resume_it(cluster: Cluster) -> None:
    """Freed from a dead owner, with the pause unread in its inbox, nobody takes it."""
    flows.gate("a")
    first = await cluster.join(flows.hold_two, hints=False)
    run_id = await cluster.start(flows.hold_two, "a", "b")
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    await first.worker.wake.stop()
    await pause(cluster, run_id, hint=False)
    second = await cluster.join(flows.hold_two)
    await first.die()
    await let_go(cluster, run_id)
    await looked_again(second)
    assert run_id not in second.worker.runner.runs
    flows.gates.clear()
    await resume(cluster, run_id)
    assert await cluster.result(run_id) == ["a done", "b done"]
    assert flows.calls == {"a": 2, "b": 1}
    assert await cluster.rows("SELECT kind FROM continuum_inbox") == []


async def test_a_pause_is_seen_with_every_hint_lost(cluster: Cluster) -> None:
    """The message in the inbox is the evidence; the poll finds it, as it finds the resume."""
    await cluster.join(flows.waiting, hints=False, poll=0.05)
    run_id = await cluster.start(flows.waiting, 1, hint=False)
    await cluster.suspended(run_id)
    await pause(cluster, run_id, hint=False)
    await let_go(cluster, run_id)
    await cluster.signal(run_id, "go", "a", hint=False)
    await resume(cluster, run_id, hint=False)
    assert await cluster.result(run_id) == ["a"]


async def test_the_next_incarnation_waits(cluster: Cluster) -> None:
    """`continue_as_new` in the turn that is committed while the run is paused: it begins later."""
    gate = flows.gate("k2")
    member = await cluster.join(pause_flows.again)
    run_id = await cluster.start(pause_flows.again, 2, "k")
    await asyncio.wait_for(flows.entered["k2"].wait(), 5)
    stopped = member.worker.committer
    await stopped.stop()  # the turn is decided, and not written yet
    gate.set()
    await eventually(lambda: member.worker.runner.runs[run_id].in_flight)
    await pause(cluster, run_id)
    await eventually(lambda: member.worker.runner.runs[run_id].pausing)
    stopped.start()
    await let_go(cluster, run_id)
    [(incarnation, version)] = await cluster.rows(
        "SELECT incarnation, version_hash FROM continuum_runs"
    )
    assert (incarnation, version) == (2, "")
    assert "k1" not in flows.calls
    await resume(cluster, run_id)
    assert await cluster.result(run_id) == "last round"
    assert flows.calls == {"k2": 1, "k1": 1}


async def test_a_drain_keeps_what_paused_runs_have_not_heard(cluster: Cluster) -> None:
    """The worker leaves while it waits for a paused run's activity."""
    gate = flows.gate("a")
    member = await cluster.join(flows.hold_two)
    run_id = await cluster.start(flows.hold_two, "a", "b")
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    await pause(cluster, run_id)
    await eventually(lambda: member.worker.runner.runs[run_id].pausing)
    drain = asyncio.create_task(member.close())
    await eventually(lambda: not member.worker.accepting)
    gate.set()
    await drain
    member.dead = True
    assert await lease(cluster, run_id, "lease_owner IS NULL AND version_id < 0")
    await cluster.join(flows.hold_two)
    await resume(cluster, run_id)
    assert await cluster.result(run_id) == ["a done", "b done"]
    assert flows.calls == {"a": 1, "b": 1}


async def test_force_ends_a_paused_run_and_a_request_waits(cluster: Cluster) -> None:
    """Whether or not its worker has let it go."""
    gate = flows.gate("x-cleanup")
    member = await cluster.join(flows.cleaning_up, flows.waiting)
    polite = await cluster.start(flows.cleaning_up, "x")
    forced = await cluster.start(flows.waiting, 1)
    for run_id in (polite, forced):
        await cluster.suspended(run_id)
        await pause(cluster, run_id)
        await let_go(cluster, run_id)
    await cluster.cancel(polite)
    await cluster.store.force_cancel(forced, None, None)
    assert await cluster.state(forced) == "cancelled"
    await looked_again(member)
    assert await cluster.state(polite) == "suspended"
    assert not flows.calls
    await resume(cluster, polite)
    await asyncio.wait_for(flows.entered["x-cleanup"].wait(), 5)
    gate.set()
    assert await cluster.ended(polite) == "cancelled"


async def test_a_paused_namespace_lets_everything_go(cluster: Cluster) -> None:
    """Runs under way, waiting ones whose time comes, and new ones; other namespaces go on."""
    gate = flows.gate("a")
    member = await cluster.join(flows.hold_two, pause_flows.napping_then_step, flows.three_steps)
    working = await cluster.start(flows.hold_two, "a", "b")
    napping = await cluster.start(pause_flows.napping_then_step, 0.2)
    await asyncio.wait_for(flows.entered["a"].wait(), 5)
    await cluster.suspended(napping)
    await pause_all(cluster, HERE)
    await eventually(lambda: member.worker.runner.pausing.now.scopes)
    gate.set()
    assert not member.worker.loads(flows.three_steps.name)
    fresh = await cluster.start(flows.three_steps, 1)
    elsewhere = replace(new_run(flows.three_steps, 1), namespace="other")
    await member.worker.create_local(elsewhere)
    assert await cluster.result(elsewhere.run_id) == 4
    for run_id in (working, napping, fresh):
        await let_go(cluster, run_id)
    assert flows.calls == {"a": 1, "add_one": 3}
    await resume_all(cluster, HERE)
    assert await cluster.result(working) == ["a done", "b done"]
    assert await cluster.result(napping) == 2
    assert await cluster.result(fresh) == 4
    assert flows.calls == {"a": 1, "b": 1, "add_one": 7}
    assert await cluster.rows("SELECT 1 FROM continuum_pauses") == []


async def test_a_worker_that_joins_later_keeps_the_pause(cluster: Cluster) -> None:
    """It learns of pauses before it claims; a paused child keeps its parent waiting."""
    await pause_all(cluster, Scope(workflow=pause_flows.child.name))
    member = await cluster.join(pause_flows.parent, pause_flows.child)
    run_id = await cluster.start(pause_flows.parent, 4)
    [child] = await eventually(
        lambda: cluster.rows("SELECT id FROM continuum_runs WHERE parent_id = %s", run_id)
    )
    await let_go(cluster, child[0])
    await looked_again(member)
    assert await cluster.events(child[0]) == []
    assert flows.calls == {}
    await resume_all(cluster, Scope(workflow=pause_flows.child.name))
    assert await cluster.result(run_id) == 5


async def test_two_pauses_of_one_run_are_taken_back_one_by_one(cluster: Cluster) -> None:
    """Its own and its namespace's, in either order."""
    await cluster.join(flows.waiting)
    runs = [await cluster.start(flows.waiting, 1) for _ in range(2)]
    for run_id in runs:
        await cluster.suspended(run_id)
        await pause(cluster, run_id)
        await let_go(cluster, run_id)
        await cluster.signal(run_id, "go", "a")
    await pause_all(cluster, HERE)
    await resume(cluster, runs[0])  # claimed, and held for the namespace
    await eventually(lambda: lease(cluster, runs[0], "version_id < 0 AND paused_at IS NULL"))
    await resume_all(cluster, HERE)
    assert await cluster.result(runs[0]) == ["a"]
    assert await lease(cluster, runs[1], "version_id < 0 AND lease_owner IS NULL")
    await resume(cluster, runs[1])
    assert await cluster.result(runs[1]) == ["a"]


async def test_workers_free_what_an_interrupted_resume_left(cluster: Cluster) -> None:
    """Whoever lifted the pause went away before it freed anything."""
    await cluster.join(flows.three_steps)
    await pause_all(cluster, HERE)
    run_id = await cluster.start(flows.three_steps, 1)
    await let_go(cluster, run_id)
    assert await cluster.store.pauses.lift(HERE, ACT)
    assert await cluster.result(run_id) == 4
    await eventually(lambda: _none(cluster, "continuum_pauses"))


async def _none(cluster: Cluster, table: str) -> bool:
    return await cluster.rows(f"SELECT 1 FROM {table}") == []


async def test_a_paused_queue_gives_nothing_out(cluster: Cluster) -> None:
    """Its runs go on and wait; an attempt that runs already ends."""
    scope = Scope(queue="gpu")
    await cluster.join(activity_flows.rendering)
    served = await cluster.join(activities=[activity_flows.render], queues=["gpu"])
    await pause_all(cluster, scope)
    await looked_again(served)
    run_id = await cluster.start(activity_flows.rendering, "a")
    await cluster.suspended(run_id)
    await looked_again(served)
    assert await cluster.rows("SELECT lease_owner FROM continuum_tasks") == [(None,)]
    await resume_all(cluster, scope)
    assert await cluster.result(run_id) == "a rendered"
