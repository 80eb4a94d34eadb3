"""Activities that go on after their end keep their slot, and the worker says so."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from continuum import ActivityTimeout, activity, workflow
from continuum.worker import activities
from tests.worker.cluster import Cluster, eventually

released = threading.Event()
let_go = asyncio.Event()


@activity(timeout=0.05)
def endless() -> None:
    """A thread that nothing interrupts."""
    released.wait(30)


@activity(timeout=0.05)
async def stubborn() -> None:
    """A coroutine that swallows its cancellation."""
    while not let_go.is_set():
        try:
            await let_go.wait()
        except asyncio.CancelledError:
            continue


@activity
async def quick() -> str:
    """Needs a slot."""
    return "done"


@workflow
async def stuck(kind: str) -> str:
    """Gives up on an activity that goes on."""
    try:
        await (endless() if kind == "thread" else stubborn())
    except ActivityTimeout:
        return "timeout"
    return "returned"


@workflow
async def next_in_line() -> str:
    """Waits for a slot."""
    return await quick()


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
async def test_code_that_goes_on_after_its_end_keeps_its_slot(
    cluster: Cluster, kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run goes on; the slot is free when the code returns; both are logged, once."""
    monkeypatch.setattr(activities, "STUBBORN", 0.05)
    caplog.set_level(logging.INFO, "continuum.worker")
    released.clear()
    let_go.clear()
    member = await cluster.join(stuck, next_in_line, concurrency=1)
    served = member.worker.runner._activities
    run_id = await cluster.start(stuck, kind)
    assert await cluster.result(run_id) == "timeout"
    assert (served.free, served.running) == (0, 1)
    [warning] = [r.getMessage() for r in caplog.records if "goes on although" in r.message]
    assert f"run {run_id}" in warning
    assert "out of time" in warning
    assert "1 of 1 slots" in warning
    waiting = await cluster.start(next_in_line)

    async def queued() -> Any:
        return len(served._waiting) == 1

    await eventually(queued)
    released.set()
    let_go.set()
    assert await cluster.result(waiting) == "done"
    assert "its slot is free again" in caplog.text
    assert served.free == 1
