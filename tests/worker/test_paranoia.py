"""CONTINUUM_PARANOID=1: each turn is replayed, and a difference is logged with both sides."""

from __future__ import annotations

import asyncio
import logging

import pytest

import continuum
from continuum import workflow
from tests.worker import flows
from tests.worker.cluster import Cluster, new_run

_passes = [0]


@workflow
async def forgetful() -> int:
    """Waits for another signal each time it is executed."""
    _passes[0] += 1
    await continuum.wait_signal(f"signal {_passes[0]}")
    return 0


@pytest.fixture(autouse=True)
def _paranoid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUUM_PARANOID", "1")
    flows.reset()


async def test_code_that_repeats_itself_is_silent(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Activities, retries, timers and signals replay alike at every turn."""
    with caplog.at_level(logging.ERROR):
        await cluster.join(flows.three_steps, flows.waiting)
        assert await cluster.result(await cluster.start(flows.three_steps, 1)) == 4
    assert caplog.records == []


@pytest.mark.drifts
async def test_code_that_does_not_is_named_with_both_sides(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the run, the command, what the journal records and what the replay issued."""
    _passes[0] = 0
    member = await cluster.join(forgetful)
    with caplog.at_level(logging.ERROR, "continuum.worker.paranoia"):
        run_id = await member.worker.create_local(new_run(forgetful))
    [text] = [record.getMessage() for record in caplog.records]
    assert str(run_id) in text
    assert "signal_awaited signal 1" in text
    assert "signal_awaited signal 2" in text
    assert await cluster.state(run_id) == "suspended"


@workflow
async def wavering() -> int:
    """Draws as many numbers as it was executed before, which no command shows."""
    for _ in range(_passes[0]):
        continuum.random()
    _passes[0] += 1
    await continuum.wait_signal("go")
    return 0


@pytest.mark.drifts
async def test_what_no_command_shows_is_compared_too(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """What is drawn next would differ, though all commands are the same so far."""
    _passes[0] = 1
    member = await cluster.join(wavering)
    with caplog.at_level(logging.ERROR, "continuum.worker.paranoia"):
        await member.worker.create_local(new_run(wavering))
    [text] = [record.getMessage() for record in caplog.records]
    assert "random state" in text


@workflow
async def giving_up() -> str:
    """Gives up on an activity in the turn that starts it, and on another one later."""
    now, later = asyncio.ensure_future(flows.add_one(1)), asyncio.ensure_future(flows.add_one(2))
    await asyncio.sleep(0)
    now.cancel()
    await later
    return await continuum.wait_signal("go", type=str)


async def test_attempts_that_never_began_are_no_difference(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A replay cannot know of them that they did not begin; nothing depends on it."""
    with caplog.at_level(logging.ERROR):
        await cluster.join(giving_up)
        run_id = await cluster.start(giving_up)
        await cluster.signal(run_id, "go", "on")
        assert await cluster.result(run_id) == "on"
    assert caplog.records == []


@workflow
async def renewed(n: int) -> int:
    """Goes on as new with a signal that nobody took."""
    await continuum.wait_signal("go")
    if n:
        continuum.continue_as_new(n - 1)
    return n


async def test_incarnations_are_compared_each_by_itself(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The events that an incarnation carries along are part of its journal."""
    with caplog.at_level(logging.ERROR):
        await cluster.join(renewed)
        run_id = await cluster.start(renewed, 2)
        await cluster.suspended(run_id)
        for _ in range(3):
            await cluster.signal(run_id, "go")
        assert await cluster.result(run_id) == 0
    assert caplog.records == []
