"""Transactional activities: effect and result in one commit, exactly once, fenced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from continuum.store.activities import AttemptFence, AttemptTransaction
from tests.worker import activity_flows as flows
from tests.worker.cluster import Between, Cluster, eventually, new_run


@pytest.fixture(autouse=True)
async def _fresh(cluster: Cluster) -> None:
    flows.reset()
    await cluster.execute("CREATE TABLE bookings (key text NOT NULL)")


async def booked(cluster: Cluster) -> list[str]:
    return [key for (key,) in await cluster.rows("SELECT key FROM bookings ORDER BY key")]


class Intercept(Between):
    """Puts something around each transaction of an activity."""

    def __init__(self, store: Any, around: Callable[..., Any]) -> None:
        super().__init__(store)
        self.activities = _Activities(store.activities, around)


class _Activities(Between):
    def __init__(self, store: Any, around: Callable[..., Any]) -> None:
        super().__init__(store)
        self.transaction = lambda fence: around(store, fence)


async def test_effect_and_result_commit_together(cluster: Cluster) -> None:
    """The row and the message with the result come from one transaction."""
    seen: list[Any] = []

    @asynccontextmanager
    async def look(store: Any, fence: AttemptFence) -> AsyncGenerator[AttemptTransaction]:
        async with store.transaction(fence) as transaction:
            yield transaction
            rows = await transaction.connection.execute("SELECT b.xmin = m.xmin FROM bookings b,"
                                                        " continuum_inbox m")  # fmt: skip
            seen.extend(await rows.fetchall())

    member = await cluster.join(flows.booking, wrap=lambda store: Intercept(store, look))
    run_id = await member.worker.create_local(new_run(flows.booking, "a", 0))
    assert await cluster.result(run_id) == 1
    assert seen == [(True,)]
    assert await booked(cluster) == ["a"]
    assert await cluster.rows("SELECT * FROM continuum_inbox") == []


async def test_a_failed_attempt_leaves_no_effect(cluster: Cluster) -> None:
    """A raise rolls back; the retry's effect is the only one."""
    member = await cluster.join(flows.booking)
    run_id = await member.worker.create_local(new_run(flows.booking, "a", 1))
    assert await cluster.result(run_id) == 2
    assert await booked(cluster) == ["a"]


async def test_a_crash_before_the_commit_leaves_no_effect(cluster: Cluster) -> None:
    """The next owner's attempt is the only one whose effect exists."""
    flows.gate("a booked")
    first = await cluster.join(flows.booking)
    run_id = await first.worker.create_local(new_run(flows.booking, "a", 0))
    await asyncio.wait_for(flows.entered["a booked"].wait(), 5)
    del flows.gates["a booked"]
    await first.die()
    await cluster.join(flows.booking)
    assert await cluster.result(run_id) == 2
    assert await booked(cluster) == ["a"]


async def test_a_crash_after_the_commit_does_not_run_it_again(cluster: Cluster) -> None:
    """The answer is in the inbox: the next owner takes it before it calls anything crashed."""
    committed = asyncio.Event()

    @asynccontextmanager
    async def die_after(store: Any, fence: AttemptFence) -> AsyncGenerator[AttemptTransaction]:
        async with store.transaction(fence) as transaction:
            yield transaction
        committed.set()
        await asyncio.Event().wait()

    first = await cluster.join(flows.booking, wrap=lambda store: Intercept(store, die_after),
                               poll=3600.0)  # fmt: skip
    run_id = await first.worker.create_local(new_run(flows.booking, "a", 0))
    await asyncio.wait_for(committed.wait(), 5)
    assert "activity_completed" not in await cluster.events(run_id)
    await first.die()
    await cluster.join(flows.booking)
    assert await cluster.result(run_id) == 1
    assert await booked(cluster) == ["a"]
    assert "activity_attempt_crashed" not in await cluster.events(run_id)


async def test_a_stale_owner_commits_nothing(cluster: Cluster) -> None:
    """Taken over between the effect and the commit: the fence inside the transaction holds."""
    gate = flows.gate("a booked")
    member = await cluster.join(flows.booking)
    run_id = await member.worker.create_local(new_run(flows.booking, "a", 0))
    await asyncio.wait_for(flows.entered["a booked"].wait(), 5)
    await cluster.execute("UPDATE continuum_leases SET lease_token = lease_token + 100000")
    gate.set()
    await asyncio.wait_for(member.worker.activities.wait_quiet(), 5)
    assert await booked(cluster) == []
    assert "activity_completed" not in await cluster.events(run_id)


@pytest.mark.parametrize("commits", [True, False])
async def test_a_commit_with_unknown_outcome_is_found_out(cluster: Cluster, commits: bool) -> None:
    """The connection is lost around the commit: the inbox tells which, and it is exactly once."""
    lost: list[bool] = []

    @asynccontextmanager
    async def lose(store: Any, fence: AttemptFence) -> AsyncGenerator[AttemptTransaction]:
        from continuum.store.protocol import StoreUnavailable

        if lost:
            async with store.transaction(fence) as transaction:
                yield transaction
            return
        lost.append(True)
        try:
            async with store.transaction(fence) as transaction:
                yield transaction
                if not commits:
                    raise ConnectionResetError
        except ConnectionResetError:
            pass
        raise StoreUnavailable("the answer was lost")

    member = await cluster.join(flows.booking, wrap=lambda store: Intercept(store, lose))
    run_id = await member.worker.create_local(new_run(flows.booking, "a", 0))
    assert await cluster.result(run_id) == (1 if commits else 2)
    assert await booked(cluster) == ["a"]
    crashed = "activity_attempt_crashed" in await cluster.events(run_id)
    assert crashed is not commits


async def test_a_killed_connection_rolls_back_and_is_tried_again(cluster: Cluster) -> None:
    """The server ends the session while the activity works: its retry policy decides."""
    gate = flows.gate("a booked")
    member = await cluster.join(flows.booking)
    run_id = await member.worker.create_local(new_run(flows.booking, "a", 0))
    await asyncio.wait_for(flows.entered["a booked"].wait(), 5)
    await cluster.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE state = 'idle in transaction' AND datname = current_database()"
    )
    flows.gates.clear()
    gate.set()
    assert await cluster.result(run_id) == 2
    assert await booked(cluster) == ["a"]


async def test_in_a_queue_the_task_goes_with_the_effect(cluster: Cluster) -> None:
    """Effect, answer and the end of the task are one commit."""
    await cluster.join(flows.booking_in_queue)
    other = await cluster.join(activities=[flows.book], queues=["gpu"])
    run_id = await cluster.start(flows.booking_in_queue, "a", 1)
    assert await cluster.result(run_id) == 2
    assert await booked(cluster) == ["a"]
    assert other.worker.serving.tasks.held == 0


async def test_with_a_key_the_result_is_stored_in_the_same_commit(cluster: Cluster) -> None:
    """A second run with the key books nothing."""
    member = await cluster.join(flows.booking_with_key)
    for _ in range(2):
        run_id = await member.worker.create_local(new_run(flows.booking_with_key, "a"))
        assert await cluster.result(run_id) == 1
    assert await booked(cluster) == ["a"]
    assert await eventually(lambda: cluster.rows("SELECT * FROM continuum_activity_results"))
