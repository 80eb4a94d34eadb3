"""A message is delivered once, however and however late it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from continuum.store.postgres.store import PostgresStore
from continuum.store.protocol import InboxMessage, NewMessage
from tests.worker import flows
from tests.worker.cluster import Between, Cluster, eventually, new_run


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


class SlowRead(Between):
    """Holds the answer of an inbox read back until told."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store)
        self.holding = False
        self.read = asyncio.Event()
        self.go = asyncio.Event()

    async def read_inbox(self, node_id: UUID, run_ids: Sequence[UUID]) -> list[InboxMessage]:
        messages = await self.inner.read_inbox(node_id, run_ids)
        if self.holding and messages:
            self.read.set()
            await self.go.wait()
        return messages


async def test_a_stale_read_delivers_nothing_twice(cluster: Cluster) -> None:
    """A read begun before the turn that consumed the message is answered after it."""
    wrapped: list[SlowRead] = []

    def wrap(store: PostgresStore) -> SlowRead:
        wrapped.append(SlowRead(store))
        return wrapped[0]

    member = await cluster.join(flows.waiting, wrap=wrap)
    store, worker = wrapped[0], member.worker
    run_id = await worker.create_local(new_run(flows.waiting, 2))
    store.holding = True
    message_id = await cluster.signal(run_id, "go", "a")
    await asyncio.wait_for(store.read.wait(), 5)
    # Meanwhile the client of this process delivers the same message, and its turn commits.
    worker.deliver_local([InboxMessage(message_id, run_id, "signal", "go", b'"a"')])
    await eventually(lambda: cluster_consumed(cluster))
    store.holding = False
    store.go.set()
    await cluster.signal(run_id, "go", "b")
    assert await cluster.result(run_id) == ["a", "b"]


async def cluster_consumed(cluster: Cluster) -> bool:
    return await cluster.rows("SELECT * FROM continuum_inbox") == []


async def test_a_late_local_delivery_is_ignored(cluster: Cluster) -> None:
    """The poll was faster than the client of this process: the message counts once."""
    member = await cluster.join(flows.waiting)
    run_id = await member.worker.create_local(new_run(flows.waiting, 2))
    message_id = await cluster.signal(run_id, "go", "a")
    await eventually(lambda: cluster_consumed(cluster))
    member.worker.deliver_local([InboxMessage(message_id, run_id, "signal", "go", b'"a"')])
    await cluster.signal(run_id, "go", "b")
    assert await cluster.result(run_id) == ["a", "b"]


async def test_a_local_delivery_needs_no_hint(cluster: Cluster) -> None:
    """A message posted in this process reaches its run though hints and poll are silent."""
    member = await cluster.join(flows.waiting, hints=False, poll=3600.0)
    run_id = await member.worker.create_local(new_run(flows.waiting, 1))
    [outcome] = await cluster.store.post([NewMessage(run_id, "signal", "go", b'"here"')])
    assert outcome.posted is not None
    member.worker.deliver_local([outcome.posted])
    assert await cluster.result(run_id) == ["here"]


async def test_a_message_for_a_run_elsewhere_is_hinted(cluster: Cluster) -> None:
    """`deliver_local` for a run of another worker sends a hint there."""
    first = await cluster.join(flows.waiting, poll=3600.0)
    second = await cluster.join(flows.waiting, poll=3600.0)
    run_id = await first.worker.create_local(new_run(flows.waiting, 1))
    [outcome] = await cluster.store.post([NewMessage(run_id, "signal", "go", b'"there"')])
    assert outcome.posted is not None
    second.worker.deliver_local([outcome.posted])
    assert await cluster.result(run_id) == ["there"]
