"""Who owns a run: claims, takeover, eviction, drift, drain, and epochs that end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

import continuum
from continuum import workflow
from continuum.store.postgres.nodes import lock_key
from continuum.store.protocol import ClaimedRun, CommitResult, Release, StoreUnavailable
from continuum.system import monotonic
from tests.worker import flows
from tests.worker.cluster import Between, Cluster, eventually, new_run


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def test_a_dead_workers_runs_are_taken_over(cluster: Cluster) -> None:
    """A second worker notices the missing locks, replays the runs and completes them."""
    flows.gate("t")
    first = await cluster.join(flows.holding, flows.waiting)
    working = await first.worker.create_local(new_run(flows.holding, "t"))
    parked = await first.worker.create_local(new_run(flows.waiting, 1))
    await asyncio.wait_for(flows.entered["t"].wait(), 5)
    second = await cluster.join(flows.holding, flows.waiting)
    declared = second.worker.deaths.declared.listen()
    old = first.worker.node_id
    del flows.gates["t"]
    await first.die()
    assert await asyncio.wait_for(declared.get(), 15) == old
    assert await cluster.result(working) == "t done"
    assert flows.calls["t"] == 2
    assert "activity_attempt_crashed" in await cluster.events(working)
    # A parked run was merely freed: nobody owns it until something wakes it.
    assert parked not in second.worker.runner.runs
    await cluster.signal(parked, "go", "a")
    assert await cluster.result(parked) == ["a"]


async def test_the_ttl_does_not_slow_takeover(cluster: Cluster) -> None:
    """Death is seen by the missing locks: the run is done long before the TTL is over."""
    flows.gate("fast")
    timing = {"ttl": 6.0, "heartbeat": 0.5}
    first = await cluster.join(flows.holding, **timing)
    run_id = await first.worker.create_local(new_run(flows.holding, "fast"))
    await asyncio.wait_for(flows.entered["fast"].wait(), 5)
    second = await cluster.join(flows.holding, **timing)
    await eventually(second.worker.membership.may_judge)
    await eventually(lambda: server_is_older_than(cluster, timing["ttl"]))
    del flows.gates["fast"]
    await first.die()
    assert await cluster.result(run_id, within=3.0) == "fast done"


async def test_rule_8_whoever_was_away_judges_nobody_for_a_ttl(cluster: Cluster) -> None:
    """A promoted replica is old and has no locks: the others may need longer to connect."""
    member = await cluster.join(flows.holding, ttl=60.0, heartbeat=0.05)
    membership = member.worker.membership
    await eventually(membership.may_judge)
    lock = lock_key(membership.node_id)
    ended = await cluster.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        " AND (classid::bigint << 32) | objid::bigint = %s",
        lock,
    )
    assert ended == [(True,), (True,)]
    await eventually(lambda: not membership.may_judge())
    assert membership.judging_from - monotonic() > 50.0


class Waiting(Between):
    """Sentences wait, as for a connection of a pool while the primary fails over."""

    entered: asyncio.Event

    async def declare_dead(self, node_ids: Sequence[UUID]) -> list[UUID]:
        """Never gets a connection; says when it began."""
        self.entered.set()
        await asyncio.Event().wait()
        return await self.inner.declare_dead(node_ids)


async def test_rule_8_a_sentence_that_had_to_wait_is_not_passed(cluster: Cluster) -> None:
    """What was decided before an outage is given up, and the judge judges nobody for a TTL."""
    Waiting.entered = asyncio.Event()
    member = await cluster.join(flows.holding, wrap=Waiting, ttl=1.0, heartbeat=0.3)
    membership = member.worker.membership
    await asyncio.wait_for(Waiting.entered.wait(), 10)
    assert membership.may_judge()
    await eventually(lambda: not membership.may_judge())


async def test_rule_8_who_may_judge_nobody_still_frees_what_the_dead_own(cluster: Cluster) -> None:
    """A sentence in the database needs no judge: a node that has just joined again acts on it."""
    flows.gate("left")
    first = await cluster.join(flows.holding)
    run_id = await first.worker.create_local(new_run(flows.holding, "left"))
    await asyncio.wait_for(flows.entered["left"].wait(), 5)
    second = await cluster.join(flows.holding, ttl=60.0)
    second.worker.membership.distrust()
    del flows.gates["left"]
    await first.die()
    dead = "UPDATE continuum_nodes SET dead_at = clock_timestamp() WHERE id = %s RETURNING 1"
    assert await cluster.rows(dead, first.worker.node_id) == [(1,)]
    assert await cluster.result(run_id) == "left done"
    assert not second.worker.membership.may_judge()


async def server_is_older_than(cluster: Cluster, seconds: float) -> bool:
    [(old,)] = await cluster.rows(
        "SELECT clock_timestamp() - pg_postmaster_start_time() > %s * interval '1 second'", seconds
    )
    return old


async def test_takeover_goes_on_inside_the_workflow(cluster: Cluster) -> None:
    """The new owner replays: completed steps are not repeated, values drawn stay the same."""
    flows.gate("b")
    first = await cluster.join(flows.hold_two)
    run_id = await first.worker.create_local(new_run(flows.hold_two, "a", "b"))
    await asyncio.wait_for(flows.entered["b"].wait(), 5)
    del flows.gates["b"]
    await first.die()
    await cluster.join(flows.hold_two)
    assert await cluster.result(run_id) == ["a done", "b done"]
    assert flows.calls == {"a": 1, "b": 2}


async def test_everything_works_with_every_hint_lost(cluster: Cluster) -> None:
    """With no hints at all starts, signals and timers are found by the poll (rules 9, 24)."""
    await cluster.join(flows.waiting, flows.sleeping, hints=False, poll=0.2)
    run_id = await cluster.start(flows.waiting, 1, hint=False)
    asleep = await cluster.start(flows.sleeping, 0.1, hint=False)
    await cluster.suspended(run_id)
    await cluster.signal(run_id, "go", "found", hint=False)
    assert await cluster.result(run_id) == ["found"]
    assert await cluster.result(asleep) == "awake"


async def test_an_overdue_timer_fires_though_the_host_clock_stands_still(cluster: Cluster) -> None:
    """Rule 24: the poll's list of overdue runs overrides the in-memory timers."""
    member = await cluster.join(flows.sleeping, poll=0.2)
    member.worker.timers.stop()
    run_id = await member.worker.create_local(new_run(flows.sleeping, 0.3))
    assert await cluster.result(run_id) == "awake"


async def test_parked_runs_are_evicted_and_wake_again(cluster: Cluster) -> None:
    """Beyond `max_cached_runs` the oldest parked runs are given back, and a signal wakes them."""
    member = await cluster.join(flows.waiting, max_cached_runs=3)
    released = member.worker.releases.released.listen()
    ids = [await member.worker.create_local(new_run(flows.waiting, 1)) for _ in range(8)]
    evicted = {await asyncio.wait_for(released.get(), 5) for _ in range(5)}
    assert evicted == set(ids[:5])
    assert len(member.worker.runner.runs) == 3
    free = await cluster.rows("SELECT run_id FROM continuum_leases WHERE lease_owner IS NULL")
    assert {run_id for (run_id,) in free} == evicted
    for run_id in ids:
        await cluster.signal(run_id, "go", str(run_id))
    for run_id in ids:
        assert await cluster.result(run_id) == [str(run_id)]


async def test_an_evicted_runs_timer_is_found(cluster: Cluster) -> None:
    """A run evicted while it sleeps is claimed when its timer is due."""
    member = await cluster.join(flows.sleeping, flows.waiting, max_cached_runs=1, poll=0.2)
    released = member.worker.releases.released.listen()
    run_id = await member.worker.create_local(new_run(flows.sleeping, 1.0))
    await member.worker.create_local(new_run(flows.waiting, 1))
    assert await asyncio.wait_for(released.get(), 5) == run_id
    assert await cluster.result(run_id) == "awake"


async def test_a_busy_run_is_never_evicted(cluster: Cluster) -> None:
    """Rule 13: a run with an attempt in progress stays, whatever the limit."""
    gate = flows.gate("busy")
    member = await cluster.join(flows.holding, flows.waiting, max_cached_runs=1)
    released = member.worker.releases.released.listen()
    busy = await member.worker.create_local(new_run(flows.holding, "busy"))
    await asyncio.wait_for(flows.entered["busy"].wait(), 5)
    parked = [await member.worker.create_local(new_run(flows.waiting, 1)) for _ in range(2)]
    assert {await asyncio.wait_for(released.get(), 5) for _ in range(2)} == set(parked)
    assert busy in member.worker.runner.runs
    gate.set()
    assert await cluster.result(busy) == "busy done"
    assert flows.calls["busy"] == 1


def drifting(step: str) -> object:
    """Two deployments under one name and hash whose code differs where the hash cannot see."""

    @workflow(name="drifting")
    async def flow() -> str:
        if step == "two signals":
            await continuum.wait_signal("other")
        await continuum.wait_signal("go")
        return step

    flow.version_hash = "same"
    flow.pin = type(flow.pin)("drifting", 1, "same", flow.pin.runtime)
    return flow


async def test_drift_parks_and_another_build_goes_on(cluster: Cluster) -> None:
    """Rule 19: drift blocks the run for this build with a message; the next build resumes it."""
    old, new = drifting("one signal"), drifting("two signals")
    first = await cluster.join(old, build="b1")  # type: ignore[arg-type]
    run_id = await first.worker.create_local(new_run(old))  # type: ignore[arg-type]
    await first.worker.drain()
    second = await cluster.join(new, build="b2", poll=0.2)  # type: ignore[arg-type]
    released = second.worker.releases.released.listen()
    await cluster.signal(run_id, "go")
    assert await asyncio.wait_for(released.get(), 5) == run_id
    [(blocked, waiting_on, owner)] = await cluster.rows(
        "SELECT blocked_build, waiting_on, lease_owner FROM continuum_leases"
    )
    assert (blocked, owner) == ("b2", None)
    assert waiting_on.startswith("blocked: ")
    assert "other" in waiting_on
    # The same build polls on and does not touch it again.
    polled = second.worker.wake.polled.listen()
    for _ in range(3):
        await asyncio.wait_for(polled.get(), 5)
    assert released.empty()
    assert await cluster.state(run_id) == "suspended"
    await cluster.join(old, build="b3")  # type: ignore[arg-type]
    assert await cluster.result(run_id) == "one signal"


async def test_drain_gives_everything_back(cluster: Cluster) -> None:
    """Running activities finish, parked and working runs go back, the node row is removed."""
    gate = flows.gate("d1")
    first = await cluster.join(flows.hold_two, flows.waiting)
    working = await first.worker.create_local(new_run(flows.hold_two, "d1", "d2"))
    parked = await first.worker.create_local(new_run(flows.waiting, 1))
    await asyncio.wait_for(flows.entered["d1"].wait(), 5)
    draining = asyncio.ensure_future(first.worker.drain())
    await eventually(lambda: not first.worker.loads(flows.waiting.name))
    gate.set()
    await asyncio.wait_for(draining, 10)
    leases = await cluster.rows("SELECT run_id, lease_owner, ready FROM continuum_leases")
    assert sorted(leases) == sorted([(working, None, True), (parked, None, False)])
    assert await cluster.rows("SELECT * FROM continuum_nodes") == []
    assert flows.calls == {"d1": 1}
    assert await cluster.state(working) == "running"
    await cluster.join(flows.hold_two, flows.waiting)
    assert await cluster.result(working) == ["d1 done", "d2 done"]
    assert flows.calls == {"d1": 1, "d2": 1}
    assert "activity_attempt_crashed" not in await cluster.events(working)


async def test_drain_is_bounded_by_a_hanging_activity(cluster: Cluster) -> None:
    """An activity that does not end is cancelled at the deadline and counts as crashed."""
    flows.gate("hang")
    member = await cluster.join(flows.holding)
    run_id = await member.worker.create_local(new_run(flows.holding, "hang"))
    await asyncio.wait_for(flows.entered["hang"].wait(), 5)
    await asyncio.wait_for(member.worker.drain(1.0), 3)
    del flows.gates["hang"]
    await cluster.join(flows.holding)
    assert await cluster.result(run_id) == "hang done"
    assert "activity_attempt_crashed" in await cluster.events(run_id)


async def test_drain_is_bounded_without_a_database(cluster: Cluster) -> None:
    """When the store never answers, a drain still ends in about its time."""

    class Silent(Between):
        silent = False

        def __getattr__(self, name: str) -> object:
            method = getattr(self.inner, name)

            async def call(*args: object) -> object:
                if Silent.silent:
                    await asyncio.Event().wait()
                return await method(*args)

            return call

    member = await cluster.join(flows.waiting, wrap=Silent)
    await member.worker.create_local(new_run(flows.waiting, 1))
    Silent.silent = True
    await asyncio.wait_for(member.worker.drain(1.0), 5)
    assert not member.worker.runner.runs


async def test_a_node_declared_dead_joins_again(cluster: Cluster) -> None:
    """Rule 8: a dead epoch is never revived: runs dropped, activities cancelled, a new node id."""
    flows.gate("e")
    member = await cluster.join(flows.holding, flows.waiting)
    rejoined = member.worker.membership.rejoined.listen()
    run_id = await member.worker.create_local(new_run(flows.holding, "e"))
    await asyncio.wait_for(flows.entered["e"].wait(), 5)
    old = member.worker.node_id
    del flows.gates["e"]
    await cluster.execute("UPDATE continuum_nodes SET dead_at = clock_timestamp()")
    new = await asyncio.wait_for(rejoined.get(), 10)
    assert new == member.worker.node_id != old
    assert await cluster.result(run_id) == "e done"
    assert flows.calls["e"] == 2
    assert await member.worker.create_local(new_run(flows.waiting, 1))


async def test_a_node_that_leaves_does_not_join_again(cluster: Cluster) -> None:
    """A heartbeat that misses the row which was just removed is no reason to come back."""

    class Overtaken(Between):
        async def forget_node(self, node_id: UUID) -> None:
            await self.inner.forget_node(node_id)
            membership._epoch_lost(node_id)  # as the thread of the heartbeat says it

    member = await cluster.join(flows.waiting, wrap=Overtaken)
    membership = member.worker.membership
    rejoined = membership.rejoined.listen()
    await member.worker.drain(1.0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert [task for task in others if task.get_name() == "continuum:rejoin"] == []
    assert (membership.active, rejoined.empty()) == (False, True)


async def test_a_claim_whose_answer_was_lost_is_given_back(cluster: Cluster) -> None:
    """Runs that the store gave us but we never received do not stay ours."""

    class LoseClaim(Between):
        lost = 0

        async def claim(
            self, node_id: UUID, version_ids: Sequence[int], build: str, limit: int
        ) -> list[ClaimedRun]:
            claimed = await self.inner.claim(node_id, version_ids, build, limit)
            if claimed and not LoseClaim.lost:
                LoseClaim.lost += 1
                raise StoreUnavailable("lost after the commit")
            return claimed

    await cluster.join(flows.three_steps, wrap=LoseClaim)
    assert await cluster.result(await cluster.start(flows.three_steps, 1)) == 4
    assert LoseClaim.lost == 1


async def test_a_release_whose_answer_was_lost_is_sent_again(cluster: Cluster) -> None:
    """After an unknown outcome the same release is repeated; the run is free and can wake."""

    class LoseRelease(Between):
        lost = 0

        async def release(self, node_id: UUID, releases: Sequence[Release]) -> CommitResult:
            result = await self.inner.release(node_id, releases)
            if not LoseRelease.lost:
                LoseRelease.lost += 1
                raise StoreUnavailable("lost after the commit")
            return result

    member = await cluster.join(flows.waiting, wrap=LoseRelease, max_cached_runs=1)
    released = member.worker.releases.released.listen()
    first = await member.worker.create_local(new_run(flows.waiting, 1))
    await member.worker.create_local(new_run(flows.waiting, 1))
    assert await asyncio.wait_for(released.get(), 5) == first
    await cluster.signal(first, "go", "again")
    assert await cluster.result(first) == ["again"]
