"""What workers tell the registry of versions, and what it refuses."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from continuum.errors import PatchNameReused
from continuum.store.protocol import StoreUnavailable
from tests.unit.versions.loading import load
from tests.worker import version_flows as flows
from tests.worker.cluster import Cluster, Member, eventually, new_run
from tests.worker.version_flows import NEW, OLD

MANY = [flows.many.pin_of(frozenset(f"p{n}" for n in range(taken))) for taken in range(7)]
"""The versions that runs of the workflow with many patches come to, one after the other."""


class Around:
    """A store with something of its own before or after a call."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class Waiting(Around):
    """Lets no registration of further versions through at first."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.held = asyncio.Event()
        self.go = asyncio.Event()

    async def register_versions(self, *given: Any) -> None:
        self.held.set()
        await self.go.wait()
        await self.store.register_versions(*given)


async def leave(member: Member) -> None:
    """Give everything back, as a deployment does."""
    await member.worker.drain()


async def known(cluster: Cluster, version_id: int) -> bool:
    """Whether the registry has a version."""
    query = "SELECT FROM continuum_workflow_versions WHERE version_id = %s"
    return bool(await cluster.rows(query, version_id))


async def test_rule_20_sets_of_many_patches_are_learnt(cluster: Cluster) -> None:
    """A worker need not try all sets: what a run comes to is registered, and others learn it."""
    second = await cluster.join(flows.many, heartbeat=0.1)
    learnt = second.worker.recipes.registered.listen()
    first = await cluster.join(flows.many, heartbeat=60.0, ttl=90.0)
    assert len(first.worker.membership.version_ids) == 3  # none yet, none taken, all taken
    run_id = await first.worker.create_local(new_run(flows.many, 6))
    for taken in range(3):
        await cluster.signal(run_id, "next")
        while MANY[taken + 1].version_id not in second.worker.membership.version_ids:
            await asyncio.wait_for(learnt.get(), 10)
    await leave(second)
    await first.die()
    await cluster.execute("UPDATE continuum_nodes SET expires_at = clock_timestamp()")
    await cluster.join(flows.many, look=0.1)  # learns before it joins
    for _ in range(3):
        await cluster.signal(run_id, "next")
    assert await cluster.result(run_id) == 6


async def test_the_registry_knows_the_code_of_each_version(cluster: Cluster) -> None:
    """Source, patches taken, patch sites with places; what several codes tell is kept."""
    for flow in (flows.before, flows.after, flows.between):
        await leave(await cluster.join(flow))
    query = (
        "SELECT version_hash, taken, patch_sites, opaque, source FROM continuum_workflow_versions"
        " WHERE workflow = 'life' AND version_hash <> ''"
    )
    rows = {version_hash: rest for version_hash, *rest in await cluster.rows(query)}
    assert rows.keys() == {OLD, NEW}
    [site] = flows.between.code.sites
    places = [{"name": "thorough", "file": "tests/worker/version_flows.py", "line": site.line}]
    assert rows[OLD] == [[], places, [], flows.between.source]
    assert rows[NEW] == [["thorough"], places, [], flows.between.source]
    await leave(await cluster.join(flows.after))
    rows = {version_hash: rest for version_hash, *rest in await cluster.rows(query)}
    assert rows[NEW] == [["thorough"], [], [], flows.after.source]


async def test_a_set_is_registered_before_a_run_has_it(cluster: Cluster) -> None:
    """A worker that dies between the two commits leaves a run that any other goes on with."""
    committed = asyncio.Event()

    class Dying(Around):
        """Vanishes as soon as a turn is committed by which a run has taken a patch."""

        async def commit_turns(self, node_id: UUID, turns: Any) -> Any:
            stamped = any(each.pin is not None and each.pin == MANY[1] for each in turns)
            assert not stamped or await known(cluster, MANY[1].version_id)
            result = await self.store.commit_turns(node_id, turns)
            if stamped:
                committed.set()
                await asyncio.Event().wait()
            return result

    member = await cluster.join(flows.many, wrap=Dying)
    run_id = await member.worker.create_local(new_run(flows.many, 2))
    await cluster.signal(run_id, "next")
    await asyncio.wait_for(committed.wait(), 10)
    await member.die()
    await cluster.execute("UPDATE continuum_nodes SET expires_at = clock_timestamp()")
    await cluster.join(flows.many, look=0.1)
    await cluster.signal(run_id, "next")
    assert await cluster.result(run_id) == 2


async def test_a_turn_waits_for_the_registration_of_its_set(cluster: Cluster) -> None:
    """While the registry cannot be written the run keeps its version; then it goes on by itself."""
    tries: list[int] = []

    class Failing(Around):
        """Fails the first three registrations of further versions."""

        async def register_versions(self, *given: Any) -> None:
            query = "SELECT version_hash FROM continuum_runs WHERE id = %s"
            assert await cluster.rows(query, run_id) == [(MANY[len(tries) // 4].version_hash,)]
            tries.append(1)
            if len(tries) < 4:
                raise StoreUnavailable("not now")
            await self.store.register_versions(*given)

    member = await cluster.join(flows.many, wrap=Failing, heartbeat=60.0, ttl=90.0)
    run_id = await member.worker.create_local(new_run(flows.many, 1))
    await cluster.signal(run_id, "next")
    assert await cluster.result(run_id) == 1
    assert len(tries) == 4


async def test_a_start_that_takes_a_patch_is_held_too_and_survives_the_epoch(
    cluster: Cluster,
) -> None:
    """The first turn comes to a new set while its node is declared dead: it begins in the next."""
    member = await cluster.join(flows.at_once, wrap=Waiting)
    rejoined = member.worker.membership.rejoined.listen()
    starting = asyncio.create_task(member.worker.create_local(new_run(flows.at_once)))
    await asyncio.wait_for(member.store.held.wait(), 10)
    await cluster.execute("UPDATE continuum_nodes SET dead_at = clock_timestamp()")
    await asyncio.wait_for(rejoined.get(), 10)
    member.store.go.set()
    run_id = await asyncio.wait_for(starting, 10)
    await cluster.signal(run_id, "next")
    assert await cluster.result(run_id) == ["p0", "p1", "all"]


async def test_draining_waits_for_held_turns(cluster: Cluster) -> None:
    """A turn that is held when the worker leaves is registered and committed first."""
    member = await cluster.join(flows.many, wrap=Waiting)
    run_id = await member.worker.create_local(new_run(flows.many, 6))
    await cluster.signal(run_id, "next")
    await asyncio.wait_for(member.store.held.wait(), 10)
    leaving = asyncio.create_task(leave(member))
    await eventually(lambda: not member.worker.wake.running)
    member.store.go.set()
    await leaving
    query = "SELECT version_hash FROM continuum_runs WHERE id = %s"
    assert await cluster.rows(query, run_id) == [(MANY[1].version_hash,)]


async def test_a_reused_name_is_refused_at_the_start(cluster: Cluster) -> None:
    """A worker does not join with another patch under a removed one's name, and nothing is left."""
    for flow in (flows.before, flows.between, flows.before, flows.between, flows.after):
        await leave(await cluster.join(flow))
    await leave(await cluster.join(flows.between))
    for flow in (flows.reused, flows.reused_elsewhere):
        with pytest.raises(PatchNameReused) as raised:
            await cluster.join(flow)
        (site,) = flow.code.sites
        (first,) = flows.between.code.sites
        assert raised.value.message.startswith(
            f"tests/worker/version_flows.py:{site.line}: patch 'thorough' of workflow life has a"
            f" name that was used before: by tests/worker/version_flows.py:{first.line}, last seen"
        )
        assert f" by {flows.after.source}" in raised.value.message
        await cluster.members.pop().close()
    assert await cluster.rows("SELECT FROM continuum_nodes") == []
    hashes = "SELECT DISTINCT version_hash FROM continuum_workflow_versions"
    assert {found for (found,) in await cluster.rows(hashes)} == {"", OLD, NEW}
    await leave(await cluster.join(flows.between))
    await leave(await cluster.join(flows.after))


TYPED = """
from dataclasses import dataclass
from continuum import activity, wait_signal, workflow

@dataclass
class Order:
    {field}

@activity(name="price")
async def price(order: Order) -> {result}: ...

@workflow(name="typed")
async def typed() -> None:
    await price(await wait_signal("go", type=Order))
"""


async def test_rule_17_a_change_of_codecs_under_one_hash_is_recorded(cluster: Cluster) -> None:
    """An activity's result, and a field of what a signal carries: what they were and are."""
    module = "typed_flows"
    one: Any = load(TYPED.format(field="cents: int", result="int"), module).typed
    other: Any = load(TYPED.format(field="cents: int = 0", result="float"), module).typed
    assert one.pin == other.pin
    for flow in (one, one, other, one):
        await leave(await cluster.join(flow))
    query = (
        "SELECT codecs, codec_fingerprint, codec_changes FROM continuum_workflow_versions"
        " WHERE version_id = %s"
    )
    [(codecs, fingerprint, changes)] = await cluster.rows(query, one.pin.version_id)
    schema = one.code.codecs(one)
    assert (codecs, fingerprint) == (schema.parts, schema.fingerprint)
    was = {"activity price result": "int", "type typed_flows.Order": "object(cents: int)"}
    since = {
        "activity price result": "float",
        "type typed_flows.Order": "object(cents: int = default)",
    }
    assert [(each["was"], each["now"]) for each in changes] == [(was, since), (since, was)]
    assert [each["source"] for each in changes] == [other.source, one.source]
