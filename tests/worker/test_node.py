"""A worker as a process: its options, signals, local starts, and the database going away."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import datetime
from typing import Any

import pytest

from continuum import Continuum
from continuum.errors import ConfigurationError, WorkflowNotFound
from continuum.store.postgres.store import PostgresStore
from continuum.store.protocol import StoreUnavailable
from continuum.worker.node import Worker
from tests import servers
from tests.worker import flows
from tests.worker.cluster import Cluster, eventually, new_run, open_cluster


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def test_wrong_options_are_refused() -> None:
    """Each wrong option is a `ConfigurationError` before anything is opened."""
    for options in ({"concurrency": 0}, {"heartbeat": 30.0, "ttl": 10.0}, {"max_cached_runs": 0}):
        with pytest.raises(ConfigurationError):
            Worker(None, None, None, None, [flows.waiting], **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        Worker(None, None, None, None, [])  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_the_worker(cluster: Cluster, number: signal.Signals) -> None:
    """`run` ends after SIGTERM or SIGINT; leases are given back and the node row is gone."""
    member = await cluster.join(flows.waiting)
    await member.worker.create_local(new_run(flows.waiting, 1))
    running = asyncio.ensure_future(member.worker.run())
    await asyncio.sleep(0)
    os.kill(os.getpid(), number)
    await asyncio.wait_for(running, 10)
    assert await cluster.rows("SELECT lease_owner FROM continuum_leases") == [(None,)]
    assert await cluster.rows("SELECT * FROM continuum_nodes") == []


async def test_a_signal_that_comes_as_the_node_joins_drains_it(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sees the node may send one at once; a program that heeds them from then on drains."""
    join = PostgresStore.register_node

    async def noticed(store: PostgresStore, *args: Any) -> datetime:
        now = await join(store, *args)
        os.kill(os.getpid(), signal.SIGTERM)
        return now

    monkeypatch.setattr(PostgresStore, "register_node", noticed)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the tests would end
    try:
        async with Continuum(dsn) as ct:
            node = ct.worker([flows.waiting])
            with node.heeding_signals():
                async with node:
                    assert len(await ct.nodes()) == 1
                    await asyncio.wait_for(node.run(), 10)
            assert await ct.nodes() == []
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_only_loaded_workflows_start_here(cluster: Cluster) -> None:
    """`loads` says what can start; another workflow is an error; nothing after the drain."""
    member = await cluster.join(flows.waiting)
    assert member.worker.loads(flows.waiting.name)
    assert not member.worker.loads(flows.failing.name)
    with pytest.raises(WorkflowNotFound):
        await member.worker.create_local(new_run(flows.failing))
    await member.worker.drain()
    assert not member.worker.loads(flows.waiting.name)


async def test_the_node_is_listed_while_it_works(cluster: Cluster) -> None:
    """A worker is one live row with its capacity and its workflows."""
    member = await cluster.join(flows.waiting, concurrency=7)
    [node] = await cluster.store.nodes()
    assert (node.id, node.capacity, node.alive) == (member.worker.node_id, 7, True)
    assert node.workflows == (flows.waiting.name,)


async def test_a_restarted_server_loses_and_fails_nothing() -> None:
    """PostgreSQL is stopped in immediate mode under load and comes back; every run completes."""
    server = servers.open_server(servers.EMBEDDED, servers.session_directory() / "restarted")
    try:
        template = await asyncio.to_thread(server.migrated_template)
        cluster = await open_cluster(server.create_database(template))
        gates = {f"r{n}": flows.gate(f"r{n}") for n in range(20)}
        member = await cluster.join(flows.hold_two, ttl=30.0, heartbeat=1.0)
        ids = [
            await member.worker.create_local(new_run(flows.hold_two, key, f"{key}-2"))
            for key in gates
        ]
        await eventually(lambda: member.worker.activities.running == 20)
        await asyncio.to_thread(server.kill)
        for gate in gates.values():
            gate.set()
        await eventually(lambda: member.worker.activities.running == 0)
        await asyncio.to_thread(server.start)
        await asyncio.gather(*(eventually_result(cluster, run_id) for run_id in ids))
        assert all(flows.calls[key] == 1 for key in gates)
        await cluster.close()
    finally:
        server.close()


async def eventually_result(cluster: Cluster, run_id: object) -> None:
    async def done() -> bool:
        try:
            rows = await cluster.rows("SELECT state FROM continuum_runs WHERE id = %s", run_id)
        except Exception:  # the connections of the pool are found dead one by one
            return False
        return rows == [("completed",)]

    await eventually(done)


async def test_a_start_that_cannot_be_written_is_an_error_at_drain(cluster: Cluster) -> None:
    """A local start whose commit never ended is not left waiting when the worker leaves."""

    class Never:
        def __init__(self, store: object) -> None:
            self.inner = store

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        async def commit_turns(self, *args: object) -> object:
            raise StoreUnavailable("never")

    member = await cluster.join(flows.waiting, wrap=Never)  # type: ignore[arg-type]
    starting = asyncio.ensure_future(member.worker.create_local(new_run(flows.waiting, 1)))
    await asyncio.sleep(0)
    await asyncio.wait_for(member.worker.drain(0.5), 5)
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(starting, 5)
