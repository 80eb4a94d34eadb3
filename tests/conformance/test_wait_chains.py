"""`Continuum.wait_chain`: the waits of real runs, followed on every store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest

import continuum
from continuum import Continuum, Workflow, activity, workflow
from continuum.declare.queue import Queue
from continuum.errors import RunNotFound
from continuum.model import RunState, WaitNode
from continuum.testing import environment

PATIENCE = 20.0


@activity(name="chains:render", queue="gpu")
async def render() -> str:
    return "picture"


@workflow(name="chains:drawing")
async def drawing() -> str:
    return await render()


@workflow(name="chains:album")
async def album(_: str = "") -> str:
    return await continuum.run_child(drawing)


@workflow(name="chains:order")
async def order() -> list[Any]:
    return await asyncio.gather(
        continuum.run_child(album, "x"), continuum.wait_signal("go", timeout=timedelta(hours=3))
    )


@workflow(name="chains:leading")
async def leading() -> str:
    return await continuum.run_child(lonely)


@workflow(name="chains:lonely")
async def lonely() -> str:
    return str(await continuum.wait_signal("go"))


LOADED = [order, album, drawing, leading]


@asynccontextmanager
async def working(
    place: str | None, workflows: list[Workflow[..., Any]], **options: Any
) -> AsyncGenerator[Continuum]:
    """A client of the store, and one worker."""
    if place is None:
        async with environment(workflows, **options) as env:
            yield env.client
        return
    async with Continuum(place) as ct, ct.worker(workflows, **options):
        yield ct


@pytest.fixture
async def ct(place: str | None) -> AsyncIterator[Continuum]:
    """A client, and a worker that serves no queue and has not loaded `lonely`."""
    async with working(place, LOADED) as client:
        yield client


async def chain(ct: Continuum, run_id: UUID, depth: int) -> WaitNode:
    """The wait chain as soon as so many runs of it wait in a row."""
    deadline = monotonic() + PATIENCE
    while True:
        node = found = await ct.wait_chain(run_id)
        for _ in range(depth - 1):
            found = next((wait.then for wait in found.waits if wait.then is not None), None)
            if found is None:
                break
        if found is not None and found.waits:
            return node
        assert monotonic() < deadline, f"no {depth} runs that wait: {node}"
        await asyncio.sleep(0.02)


async def test_children_are_followed_to_the_queue_that_holds_them_up(ct: Continuum) -> None:
    """Order, album, drawing; the drawing's attempt waits in a queue that nobody serves."""
    handle = await ct.start(order, namespace="shop")
    node = await chain(ct, handle.id, 3)
    assert (node.run.id, node.run.state, node.stuck) == (handle.id, RunState.SUSPENDED, False)
    child, signal = node.waits
    assert (signal.kind, signal.run_id, signal.then) == ("signal", None, None)
    assert signal.text.startswith("signal go until ")
    assert signal.until is not None
    [started] = [event for event in await ct.history(handle.id) if event.type == "timer_started"]
    assert abs(signal.until - started.at - timedelta(hours=3)) < timedelta(seconds=2)
    assert child.kind == "child"
    assert child.then is not None
    assert child.run_id == child.then.run.id
    assert child.then.run.workflow == "chains:album"
    [below] = child.then.waits
    assert below.then is not None
    assert below.then.run.workflow == "chains:drawing"
    [last] = below.then.waits
    assert (last.kind, last.text) == ("activity", "activity chains:render in queue gpu")
    assert (last.run_id, last.then) == (None, None)
    assert last.queue is not None
    assert (last.queue.name, last.queue.waiting, last.queue.running) == ("gpu", 1, 0)
    assert last.queue.workers == 0
    assert not any(each.stuck for each in (node, child.then, below.then))


async def test_a_queue_says_who_serves_it(place: str | None) -> None:
    """A worker that takes one attempt at a time, and what waits behind it."""
    began, on = asyncio.Event(), asyncio.Event()

    @activity(name="chains:slow", queue="gpu")
    async def slow() -> None:
        began.set()
        await on.wait()

    @workflow(name="chains:waiting")
    async def waiting() -> None:
        await slow()

    async with working(place, [waiting], activities=[slow], queues=[Queue("gpu", 1)]) as ct:
        runs = [await ct.start(waiting) for _ in range(3)]
        await asyncio.wait_for(began.wait(), PATIENCE)
        for run in runs:
            [wait] = (await chain(ct, run.id, 1)).waits
            assert wait.queue is not None
        load = wait.queue
        on.set()
        assert (load.name, load.waiting, load.running, load.workers) == ("gpu", 2, 1, 1)
        for run in runs:
            await run.result(timeout=PATIENCE)
        assert (await ct.wait_chain(runs[0].id)).waits == ()


async def test_a_child_that_no_living_worker_can_run_is_marked(ct: Continuum) -> None:
    """The run that waits for it is not; the child waits for nothing that it could name."""
    handle = await ct.start(leading)
    node = await chain(ct, handle.id, 1)
    [wait] = node.waits
    assert wait.then is not None
    assert wait.then.run.workflow == "chains:lonely"
    assert (node.stuck, wait.then.stuck, wait.then.waits) == (False, True, ())


async def test_an_ended_run_waits_for_nothing(ct: Continuum) -> None:
    """Nor is it stuck, whatever its version."""
    handle = await ct.start(lonely)
    assert (await ct.wait_chain(handle.id)).stuck
    await handle.cancel(force=True)
    node = await ct.wait_chain(str(handle.id))
    assert (node.run.state, node.waits, node.stuck) == (RunState.CANCELLED, (), False)


async def test_a_chain_is_of_a_namespace_when_asked(ct: Continuum) -> None:
    """A run of another one is not found, and neither is one that does not exist."""
    handle = await ct.start(lonely, namespace="shop")
    assert (await ct.wait_chain(handle.id, namespace="shop")).run.namespace == "shop"
    for run_id, namespace in ((handle.id, "billing"), (uuid4(), None)):
        with pytest.raises(RunNotFound):
            await ct.wait_chain(run_id, namespace=namespace)
