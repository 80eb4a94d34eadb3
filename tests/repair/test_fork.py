"""Forks: a new run with the history of another up to an event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from continuum import Continuum, RepairRefused, RunNotFound
from continuum.testing import environment
from tests.cli.processes import new_shell
from tests.repair import forking as flows
from tests.worker.cluster import eventually


@pytest.fixture
async def ct(either_store: str | None) -> AsyncIterator[Continuum]:
    """The public client; a worker runs everything of `forking`."""
    flows.reset()
    queue: dict[str, Any] = {"activities": [flows.queued], "queues": ["forks"]}
    if either_store is None:
        async with environment(flows.ALL, **queue) as env:
            yield env.client
        return
    async with Continuum(either_store) as client, client.worker(flows.ALL, **queue):
        yield client


async def seq_of(ct: Continuum, run_id: UUID, kind: str, command: int | None = None) -> int:
    """Seq of the first such event of the last incarnation, once it is there."""
    found: list[int] = []

    async def there() -> bool:
        events = [e for e in await ct.history(run_id) if e.type == kind]
        last = max((e.incarnation for e in events), default=0)
        found[:] = [
            e.seq
            for e in events
            if e.incarnation == last and (command is None or e.command == command)
        ]
        return bool(found)

    await eventually(there)
    return found[0]


async def test_a_fork_goes_its_own_way_from_the_event(ct: Continuum) -> None:
    """What had completed keeps its result; the origin is not touched; lineage is in attributes."""
    run = await ct.start(flows.decided, "a", key="k", attributes={"plan": "pro"}, namespace="n")
    await seq_of(ct, run.id, "signal_awaited")
    await run.signal("decide", "yes")
    assert await run.result(30) == ["a first 1", "yes", "a yes 1"]
    before = [(e.seq, e.type, e.data) for e in await ct.history(run.id, operators=False)]
    at = await seq_of(ct, run.id, "activity_completed", 1)
    fork = await ct.fork("k", at=at)
    assert fork.new
    await fork.signal("decide", "no")
    assert await fork.result(30) == ["a first 1", "no", "a no 1"]
    row = await fork.get()
    assert row.attributes == {"plan": "pro", "forked_from": str(run.id), "forked_at": at}
    assert (row.namespace, row.key, row.input) == ("n", None, ["a"])
    assert row.started_at == (await run.get()).started_at
    assert [(e.seq, e.type, e.data) for e in await ct.history(run.id, operators=False)] == before
    events = await ct.history(fork.id)
    awaited = await seq_of(ct, run.id, "signal_awaited")
    assert [(e.seq, e.type, e.data) for e in events[:awaited]] == before[:awaited]
    assert (events[awaited].type, events[awaited].seq) == ("run_forked", awaited + 1)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert flows.calls == {"a first": 1, "a yes": 1, "a no": 1}
    page = await ct.query(f"attributes.forked_from = '{run.id}'", namespace="n")
    assert [found.id for found in page.entries] == [fork.id]


async def test_forking_twice_is_once_and_forks_can_be_forked(ct: Continuum) -> None:
    """Repeating answers the same fork; another key makes another; a fork of a fork replays."""
    run = await ct.start(flows.decided, "a")
    at = await seq_of(ct, run.id, "signal_awaited")
    first = await ct.fork(run.id, at=at)
    again = await ct.fork(run.id, at=at)
    assert (again.id, again.new) == (first.id, False)
    other = await ct.fork(run.id, at=at, once="other")
    assert other.id not in (run.id, first.id)
    await first.signal("decide", "one")
    assert (await first.result(30))[1:] == ["one", "a one 1"]
    third = await ct.fork(first.id, at=await seq_of(ct, first.id, "signal_received"))
    assert (await third.result(30))[1:] == ["one", "a one 2"]
    for each in (run, other):
        await each.signal("decide", "two")
        assert (await each.result(30))[1] == "two"


async def test_random_values_are_shared_up_to_the_event_only(ct: Continuum) -> None:
    """Before it they are history; after it a fork draws its own, also of its own fork."""
    run = await ct.start(flows.chance, "a")
    at = await seq_of(ct, run.id, "signal_awaited")
    fork = await ct.fork(run.id, at=at)
    second = await ct.fork(fork.id, at=await seq_of(ct, fork.id, "run_forked"))
    results: list[list[str]] = []
    for each in (run, fork, second):
        await each.signal("go")
        results.append(await each.result(30))
    assert len({tuple(result[:2]) for result in results}) == 1
    assert len({result[2] for result in results}) == len({result[3] for result in results}) == 3


async def test_activities_in_flight_are_executed_again(ct: Continuum) -> None:
    """Local and queued ones, as after a crash of their worker; the origin keeps its own."""
    gate = flows.gates["a local"] = asyncio.Event()
    run = await ct.start(flows.in_flight, "a")
    await eventually(lambda: flows.calls["a local"] == 1)
    at = await seq_of(ct, run.id, "activity_scheduled", 2)
    fork = await ct.fork(run.id, at=at)
    await eventually(lambda: flows.calls["a local"] == 2)
    gate.set()
    assert await fork.result(30) == ["a local 2", "a queued 2"]
    assert (await run.result(30))[1] == "a queued 1"
    kinds = [event.type for event in await ct.history(fork.id)]
    assert kinds.count("activity_attempt_crashed") == 2


async def test_what_runs_at_most_once_does_not_run_again_in_a_fork(ct: Continuum) -> None:
    """It counts as crashed: nobody knows what the origin's attempt will have done."""
    gate = flows.gates["a"] = asyncio.Event()
    run = await ct.start(flows.risky, "a")
    await eventually(lambda: flows.calls["a"] == 1)
    fork = await ct.fork(run.id, at=await seq_of(ct, run.id, "activity_scheduled"))
    assert await fork.result(30) == "nobody knows"
    gate.set()
    assert await run.result(30) == "a"
    assert flows.calls["a"] == 1


async def test_a_fork_owns_no_key_of_its_origin(ct: Continuum) -> None:
    """The charge of the origin is answered to the fork, not made twice, and stays the origin's."""
    run = await ct.start(flows.paying, 7)
    assert await run.result(30) == 7
    fork = await ct.fork(run.id, at=await seq_of(ct, run.id, "activity_completed", 1) - 1)
    assert await fork.result(30) == 7
    assert flows.calls["charge"] == 1
    assert flows.calls["before charge"] == 2


async def test_where_a_run_cannot_be_forked(ct: Continuum) -> None:
    """At its end, outside of its journal or its incarnation, while a child is open."""
    run = await ct.start(flows.decided, "a")
    await run.signal("decide", "yes")
    await run.result(30)
    last = (await ct.history(run.id))[-1].seq
    for at, why in ((last, "is the end"), (last - 1, "is the end"), (last + 1, "not"), (0, "not")):
        with pytest.raises(RepairRefused, match=why):
            await ct.fork(run.id, at=at)
    long = await ct.start(flows.chapters, 1)
    awaited = await seq_of(ct, long.id, "signal_awaited")
    with pytest.raises(RepairRefused, match="an earlier incarnation"):
        await ct.fork(long.id, at=2)
    fork = await ct.fork(long.id, at=awaited)
    for each in (long, fork):
        await each.signal("end")
        assert await each.result(30) == 2
    family = await ct.start(flows.parent, "b")
    born = await seq_of(ct, family.id, "child_started")
    with pytest.raises(RepairRefused, match="had not ended there"):
        await ct.fork(family.id, at=born)
    [child] = (await ct.query(where=[("eq", "parent_id", family.id)])).entries
    await ct.signal(child.id, "decide", "yes")
    assert await family.result(30) == "yes, b after 1"
    told = await ct.fork(family.id, at=await seq_of(ct, family.id, "child_completed"))
    assert await told.result(30) == "yes, b after 2"
    assert flows.calls["b before"] == 1
    with pytest.raises(RunNotFound):
        await ct.fork(run.id, at=1, namespace="other")


async def test_a_fork_may_go_on_with_the_newest_code(ct: Continuum) -> None:
    """It is bound to it with its first turn, and replays the history first."""
    run = await ct.start(flows.decided, "a")
    at = await seq_of(ct, run.id, "signal_awaited")
    fork = await ct.fork(run.id, at=at, latest=True)
    await fork.signal("decide", "yes")
    assert (await fork.result(30))[0] == "a first 1"
    assert (await fork.get()).version_hash == (await run.get()).version_hash
    await run.cancel(force=True)


async def test_forks_on_the_command_line(dsn: str, tmp_path: Path) -> None:
    """Prints the id; refuses with one line; repeating it forks nothing twice."""
    shell = new_shell(tmp_path, dsn)
    flows.reset()
    async with Continuum(dsn) as ct, ct.worker(flows.ALL):
        run = await ct.start(flows.decided, "a", key="k")
        at = str(await seq_of(ct, run.id, "signal_awaited"))
        forked = await asyncio.to_thread(shell.run, "fork", "k", "--at", at)
        again = await asyncio.to_thread(shell.run, "fork", "k", "--at", at, "--format", "json")
        assert json.loads(again.stdout)["id"] == forked.stdout.strip() != str(run.id)
        wrong = await asyncio.to_thread(shell.run, "fork", "k", "--at", "99")
        assert (wrong.returncode, "not 99" in wrong.stderr) == (1, True)
        await run.cancel(force=True)


async def test_a_fork_shows_what_was_published_up_to_the_event(ct: Continuum) -> None:
    """Not what the origin published later; what earlier incarnations showed, too."""
    run = await ct.start(flows.showing)
    at = await seq_of(ct, run.id, "signal_awaited")
    await run.signal("go")
    assert await run.result(30) == "shown"
    shown = {"first": "kept", "round": 1, "stage": "gone"}
    assert await ct.published(run.id) == shown
    fork = await ct.fork(run.id, at=at)
    await seq_of(ct, fork.id, "run_forked")
    assert await ct.published(fork.id) == shown | {"stage": "waiting"}
    await fork.signal("go")
    assert await fork.result(30) == "shown"
    assert await ct.published(fork.id) == shown
    with pytest.raises(RunNotFound):
        await ct.published(fork.id, namespace="other")
