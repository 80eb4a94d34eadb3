"""Versions with real runs: which worker continues what, and what a patch decides."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from tests.worker import version_flows as flows
from tests.worker.cluster import Cluster, Member, eventually
from tests.worker.version_flows import NEW, OLD


async def parked_at(cluster: Cluster, run_ids: list[UUID], name: str) -> None:
    """Wait until all of these runs wait for this signal."""

    async def look() -> bool:
        query = "SELECT count(*) FROM continuum_leases WHERE run_id = ANY (%s) AND waiting_on = %s"
        return await cluster.rows(query, run_ids, f"signal {name}") == [(len(run_ids),)]

    await eventually(look)


async def hashes(cluster: Cluster, run_ids: list[UUID]) -> set[str]:
    """The version hashes of these runs."""
    query = "SELECT DISTINCT version_hash FROM continuum_runs WHERE id = ANY (%s)"
    return {found for (found,) in await cluster.rows(query, run_ids)}


async def signal_all(cluster: Cluster, run_ids: list[UUID], name: str) -> None:
    """Send one signal to each."""
    for run_id in run_ids:
        await cluster.signal(run_id, name)


async def results(cluster: Cluster, run_ids: list[UUID]) -> list[str]:
    """The kinds of check that these runs did, which have to complete."""
    done = [await cluster.result(run_id) for run_id in run_ids]
    return [checks[0].split()[0] for checks in done]


async def leave(member: Member) -> None:
    """Give everything back, as a deployment does."""
    await member.worker.drain()


async def polled(member: Member, times: int) -> None:
    """Wait until the worker has looked for work so often."""
    polls = member.worker.wake.polled.listen()
    for _ in range(times):
        await asyncio.wait_for(polls.get(), 10)


async def test_the_life_of_a_patch_with_real_runs(cluster: Cluster) -> None:
    """Deployed, rolled back, deployed again, removed: each run stays on the branch it took."""
    assert (flows.between.pin.version_hash, flows.between.version_hash) == (OLD, NEW)
    first = await cluster.join(flows.before)
    runs = [await cluster.start(flows.before, n) for n in range(20)]
    past, crossing, waiting = runs[:5], runs[5:15], runs[15:]
    await parked_at(cluster, runs, "check")
    await signal_all(cluster, past, "check")
    await parked_at(cluster, past, "end")
    await leave(first)
    assert await hashes(cluster, runs) == {OLD}

    patched = await cluster.join(flows.between)
    await signal_all(cluster, crossing, "check")
    await parked_at(cluster, crossing, "end")
    fresh = await cluster.start(flows.between, 20)
    await parked_at(cluster, [fresh], "check")
    await cluster.signal(fresh, "check")
    await parked_at(cluster, [fresh], "end")
    await signal_all(cluster, past[:1], "end")
    assert await results(cluster, past[:1]) == ["cheap"]
    await leave(patched)
    taken = [*crossing, fresh]
    assert await hashes(cluster, taken) == {NEW}
    assert await hashes(cluster, [*past, *waiting]) == {OLD}

    back = await cluster.join(flows.before, poll=0.05)
    await signal_all(cluster, [*taken, *past[1:], *waiting[:2]], "end")
    await signal_all(cluster, waiting[:2], "check")
    assert await results(cluster, [*past[1:], *waiting[:2]]) == ["cheap"] * 6
    await polled(back, 3)
    query = "SELECT count(*) FROM continuum_leases WHERE run_id = ANY (%s) AND ready"
    assert await cluster.rows(query, taken) == [(11,)]
    assert not set(taken) & set(back.worker.runner.runs)
    await leave(back)

    again = await cluster.join(flows.between)
    assert await results(cluster, crossing) == ["thorough"] * 10
    await signal_all(cluster, waiting[2:], "check")
    await parked_at(cluster, waiting[2:], "end")
    await leave(again)
    assert await hashes(cluster, waiting[2:]) == {NEW}

    await cluster.join(flows.after)
    await signal_all(cluster, waiting[2:], "end")
    assert await results(cluster, [fresh, *waiting[2:]]) == ["thorough"] * 4


async def test_the_decision_and_the_version_are_one_commit(cluster: Cluster) -> None:
    """No moment shows a run that took a branch under the version of code without it."""
    seen: list[tuple[bool, str | None]] = []
    member = await cluster.join(flows.between)
    commit = member.store.commit_turns

    async def watched(node_id: UUID, turns: Any) -> Any:
        for turn in turns:
            decided = any(entry.kind == "patch_decided" for entry in turn.entries)
            seen.append((decided, None if turn.pin is None else turn.pin.version_hash))
        return await commit(node_id, turns)

    member.store.commit_turns = watched
    run_id = await cluster.start(flows.between, 1)
    await parked_at(cluster, [run_id], "check")
    await cluster.signal(run_id, "check")
    await parked_at(cluster, [run_id], "end")
    assert seen[0] == (False, OLD)
    assert [pin for decided, pin in seen if decided] == [NEW]


async def test_code_without_the_patch_hands_back_to_code_with_it(cluster: Cluster) -> None:
    """A run of the new code, which recorded no decision, is on the new branch after a roll-back."""
    member = await cluster.join(flows.after)
    run_id = await cluster.start(flows.after, 1)
    await cluster.signal(run_id, "check")
    await parked_at(cluster, [run_id], "end")
    await leave(member)
    await cluster.join(flows.between)
    await cluster.signal(run_id, "end")
    assert await results(cluster, [run_id]) == ["thorough"]
    assert await hashes(cluster, [run_id]) == {NEW}


async def test_rule_16_a_loop_in_progress_keeps_its_version(cluster: Cluster) -> None:
    """A patch in a helper, in a loop: what began on the old branch ends there."""
    first = await cluster.join(flows.loop_before)
    begun = await cluster.start(flows.loop_before, 2)
    idle = await cluster.start(flows.loop_before, 2)
    await cluster.signal(begun, "next")
    await parked_at(cluster, [begun, idle], "next")

    async def stepped() -> bool:
        return (await cluster.events(begun)).count("activity_completed") == 1

    await eventually(stepped)
    await leave(first)
    second = await cluster.join(flows.loop_between)
    for run_id in (begun, idle, idle):
        await cluster.signal(run_id, "next")
    assert await cluster.result(begun) == ["cheap 0", "cheap 1"]
    assert await cluster.result(idle) == ["thorough 0", "thorough 1"]
    await leave(second)
    assert await hashes(cluster, [begun]) == {flows.loop_before.version_hash}
    assert await hashes(cluster, [idle]) == {flows.loop_between.version_hash}


async def test_each_incarnation_decides_for_itself(cluster: Cluster) -> None:
    """Two patches across continue_as_new: the next incarnation begins without any."""
    first = await cluster.join(flows.spin_before)
    run_id = await cluster.start(flows.spin_before, 2)
    await cluster.signal(run_id, "go")
    await cluster.signal(run_id, "on")

    async def incarnation() -> bool:
        query = "SELECT incarnation, version_hash FROM continuum_runs WHERE id = %s"
        return await cluster.rows(query, run_id) == [(2, flows.spin_before.version_hash)]

    await eventually(incarnation)
    await leave(first)
    second = await cluster.join(flows.spin_between)
    with_first = flows.spin_between.code.hash(["first"])
    await cluster.signal(run_id, "go")
    await parked_at(cluster, [run_id], "on")
    assert await hashes(cluster, [run_id]) == {with_first}
    await leave(second)
    await cluster.join(flows.spin_between)
    await cluster.signal(run_id, "on")
    await parked_at(cluster, [run_id], "go")
    assert await hashes(cluster, [run_id]) == {flows.spin_before.version_hash}
    await cluster.signal(run_id, "go")
    await parked_at(cluster, [run_id], "on")
    assert await hashes(cluster, [run_id]) == {with_first}
    await cluster.signal(run_id, "on")
    assert await cluster.result(run_id) == ["thorough 0"]
    query = (
        "SELECT incarnation, convert_from(payload, 'UTF8')::json FROM continuum_events"
        " WHERE run_id = %s AND type = 'patch_decided' ORDER BY seq"
    )
    decided = await cluster.rows(query, run_id)
    assert [(n, body["name"], body["taken"]) for n, body in decided] == [
        (2, "first", True), (2, "second", True), (3, "first", True), (3, "second", True),
    ]  # fmt: skip


async def test_versions_side_by_side(cluster: Cluster) -> None:
    """A worker with two versions of one workflow continues both, and begins the newest."""
    first = await cluster.join(flows.before)
    old = await cluster.start(flows.before, 1)
    await parked_at(cluster, [old], "check")
    await leave(first)
    await cluster.join(flows.before, flows.rewritten)
    new = await cluster.start(flows.before, 2)
    await parked_at(cluster, [new], "other")
    await signal_all(cluster, [old], "check")
    await signal_all(cluster, [old], "end")
    await signal_all(cluster, [new], "other")
    assert await results(cluster, [old, new]) == ["cheap", "rewritten"]


async def test_two_patches_at_once(cluster: Cluster) -> None:
    """Taken in one turn they are one step to one version; each is removed by itself."""
    seen: list[str] = []
    first = await cluster.join(flows.pair_before)
    runs = [await cluster.start(flows.pair_before, n) for n in range(4)]
    past, crossing = runs[:1], runs[1:]
    await signal_all(cluster, past, "check")
    await parked_at(cluster, past, "end")
    await parked_at(cluster, crossing, "check")
    await leave(first)

    second = await cluster.join(flows.pair_between)
    commit = second.store.commit_turns

    async def watched(node_id: UUID, turns: Any) -> Any:
        seen.extend(turn.pin.version_hash for turn in turns if turn.pin is not None)
        return await commit(node_id, turns)

    second.store.commit_turns = watched
    await signal_all(cluster, crossing, "check")
    await parked_at(cluster, crossing, "end")
    assert seen == [flows.pair_after.version_hash] * 3
    await signal_all(cluster, past, "end")
    assert await results(cluster, past) == ["cheap"]
    await leave(second)

    for flow, run_id in zip((flows.pair_half, flows.pair_after), crossing, strict=False):
        member = await cluster.join(flow)
        await cluster.signal(run_id, "end")
        assert await cluster.result(run_id) == [f"thorough {runs.index(run_id)}"] * 2
        await leave(member)
    await cluster.join(flows.pair_between)  # brought back by a roll-back
    await cluster.signal(crossing[2], "end")
    assert await cluster.result(crossing[2]) == ["thorough 3"] * 2


async def test_a_patch_in_a_child(cluster: Cluster) -> None:
    """The child takes it and has another version; its parent, which only waits, keeps its own."""
    first = await cluster.join(flows.parent, flows.before)
    runs = [await cluster.start(flows.parent, n) for n in range(2)]
    children = await eventually(lambda: children_of(cluster, runs))
    await parked_at(cluster, children, "check")
    await leave(first)
    parents = await hashes(cluster, runs)

    second = await cluster.join(flows.parent, flows.between)
    await cluster.signal(children[0], "check")
    await parked_at(cluster, children[:1], "end")
    await leave(second)
    assert await hashes(cluster, children[:1]) == {NEW}
    assert await hashes(cluster, children[1:]) == {OLD}
    assert await hashes(cluster, runs) == parents

    back = await cluster.join(flows.parent, flows.before, poll=0.05)
    await cluster.signal(children[0], "end")
    await signal_all(cluster, children[1:], "check")
    await signal_all(cluster, children[1:], "end")
    assert await results(cluster, runs[1:]) == ["cheap"]
    await polled(back, 3)
    assert children[0] not in back.worker.runner.runs
    await leave(back)

    await cluster.join(flows.parent, flows.after)
    assert await results(cluster, runs[:1]) == ["thorough"]


async def children_of(cluster: Cluster, runs: list[UUID]) -> list[UUID]:
    """One child of each of these runs, in their order; nothing before all are there."""
    query = "SELECT parent_id, id FROM continuum_runs WHERE parent_id = ANY (%s)"
    found = dict(await cluster.rows(query, runs))
    return [found[run_id] for run_id in runs] if len(found) == len(runs) else []
