"""Children, sagas, attributes and `continue_as_new` in the environment."""

from __future__ import annotations

import asyncio

import pytest

import continuum
from continuum import ChildFailed, WorkflowCancelled, activity, workflow
from continuum.testing import assert_replays, dump_history, environment
from continuum.testing.faults import Moment

undone: list[int] = []


@activity(name="testing:double", queue="maths")
async def double(n: int) -> int:
    return 2 * n


@activity(name="testing:undo")
async def undo(n: int) -> None:
    undone.append(n)


@workflow(name="testing:leaf")
async def leaf(n: int) -> int:
    continuum.set_attributes({"leaf": n})
    await asyncio.sleep(3600)
    if n < 0:
        raise ValueError("negative")
    return await double(n)


@workflow(name="testing:tree")
async def tree(width: int) -> list[int]:
    continuum.set_attributes({"plan": "pro"})
    return list(await asyncio.gather(*(continuum.run_child(leaf, n) for n in range(width))))


@workflow(name="testing:careful")
async def careful() -> str:
    try:
        async with continuum.saga() as saga:
            saga.undo(undo, 7)
            await continuum.run_child(leaf, -1)
    except ChildFailed as error:
        return error.type
    return "fine"


@workflow(name="testing:daily")
async def daily(day: int, seen: list[str]) -> list[str]:
    seen.append(await continuum.wait_signal("news"))
    if day < 3:
        continuum.continue_as_new(day + 1, seen)
    return seen


async def test_children_run_and_answer_while_time_is_skipped() -> None:
    """An hour passes for all of them; they inherit attributes and use queues."""
    async with environment([tree, leaf], [double], queues=["maths"]) as env:
        start = env.now
        assert await env.run(tree, 3) == [0, 2, 4]
        assert (env.now - start).total_seconds() == pytest.approx(3600, abs=1)
        runs = [run async for run in env.client.stream()]
        assert [run.attributes for run in runs if "leaf" not in run.attributes] == [{"plan": "pro"}]
        assert sorted(run.attributes["leaf"] for run in runs if run.parent_id) == [0, 1, 2]


async def test_a_failing_child_is_compensated_through_crashes() -> None:
    """Whatever the worker dies at, the compensation runs and the error is the child's."""
    async with environment([careful, leaf]) as env:
        for crash in range(1, 6):
            undone.clear()
            env.crash_at(env.commits + crash, moment="after")
            assert await env.run(careful) == "ValueError"
            assert set(undone) == {7}


async def test_cancelling_a_parent_cancels_its_children() -> None:
    """By their policy, and before time passes."""
    async with environment([tree, leaf]) as env:
        run = await env.start(tree, 2)
        await env.settle()
        await run.cancel(reason="enough")
        with pytest.raises(WorkflowCancelled):
            await run.result()
        await env.settle()
        states = [run.state async for run in env.client.stream()]
        assert states == ["cancelled"] * 3


async def test_incarnations_follow_each_other() -> None:
    """Signals that came early are carried along, in their order; the last journal replays."""
    async with environment([daily]) as env:
        run = await env.start(daily, 1, [])
        for text in ("a", "b", "c"):
            await run.signal("news", text)
        assert await run.result() == ["a", "b", "c"]
        assert_replays(daily, await dump_history(run))


@workflow(name="testing:listener")
async def listener(n: int) -> list[int]:
    heard = [await continuum.wait_signal("n", type=int) for _ in range(n)]
    await asyncio.sleep(10)
    return heard


@workflow(name="testing:telling")
async def telling(round_: int) -> list[list[int]]:
    """Signals its children in two incarnations, and collects their results in the second."""
    if round_ == 0:
        for number in (1, 2):
            handle = await continuum.start_child(listener, 2)
            handle.signal("n", number)
        await asyncio.sleep(1)
        continuum.continue_as_new(1)
    handles = continuum.children(listener)
    for handle in handles:
        handle.signal("n", 10)
    return [await handle.result() for handle in handles]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_signal_to_a_child_arrives_once_whatever_commit_the_worker_dies_at(
    moment: Moment,
) -> None:
    """Parent and child die at every commit boundary; no signal is lost, none is doubled."""
    expected = [[1, 10], [2, 10]]
    async with environment([telling, listener]) as env:
        run = await env.start(telling, 0)
        assert await run.result() == expected
        assert_replays(telling, await dump_history(run))
        boundaries = env.commits
    assert boundaries >= 5
    for commit in range(1, boundaries + 1):
        async with environment([telling, listener]) as env:
            env.crash_at(commit, moment=moment)
            assert await env.run(telling, 0) == expected, f"{moment} commit {commit}"
            assert env.store.tables.leases == {}
