"""Heartbeats: progress for the next attempt, silence noticed, cancellation heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

import continuum
from continuum import ActivityInfo, NotInActivity, activity, activity_info, heartbeat, workflow
from continuum.store.activities import Beat
from continuum.worker.heartbeats import INTERVAL
from tests.worker import activity_flows as flows
from tests.worker.cluster import Between, Cluster, new_run


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def test_the_next_attempt_goes_on_where_the_last_one_stopped(cluster: Cluster) -> None:
    """Details of a failed attempt are journaled with its failure and read by the next."""
    member = await cluster.join(flows.resuming)
    run_id = await member.worker.create_local(new_run(flows.resuming, 8))
    assert await cluster.result(run_id) == [6, 7]
    assert flows.seen == [(1, 0), (2, 3), (3, 6)]


async def test_details_survive_the_crash_of_the_worker(cluster: Cluster) -> None:
    """What was beaten a flush before the crash is journaled with it and read by the next owner."""
    flows.gate("scan")
    first = await cluster.join(flows.beating)
    run_id = await first.worker.create_local(new_run(flows.beating, "scan"))
    await asyncio.wait_for(flows.entered["scan"].wait(), 5)
    await first.worker.serving.heartbeats.flush()
    del flows.gates["scan"]
    await first.die()
    await cluster.join(flows.beating)
    assert await cluster.result(run_id) == 41
    assert flows.seen == [None, {"row": 41}]
    assert "activity_attempt_crashed" in await cluster.events(run_id)


async def test_heartbeats_write_only_what_is_new_and_forget_the_ended(cluster: Cluster) -> None:
    """A flush without news writes nothing; the row of an ended attempt goes with the next one."""
    gate = flows.gate("scan")
    member = await cluster.join(flows.beating, flows.resuming)
    run_id = await member.worker.create_local(new_run(flows.beating, "scan"))
    await asyncio.wait_for(flows.entered["scan"].wait(), 5)
    service = member.worker.serving.heartbeats
    await service.flush()
    written = await cluster.rows("SELECT details, xmin FROM continuum_heartbeats")
    assert written[0][0] == b'{"row":41}'
    await service.flush()
    assert await cluster.rows("SELECT details, xmin FROM continuum_heartbeats") == written
    gate.set()
    await cluster.result(run_id)
    assert await cluster.rows("SELECT * FROM continuum_heartbeats") == []
    await service.flush()
    assert service._stored == {}


@activity
async def beats_tightly(beats: int) -> int:
    """A loop that says after each of its many rounds where it is."""
    for at in range(beats):
        continuum.heartbeat(at + 1)
    await flows.pass_gate("done")
    return beats


@workflow
async def busy(beats: int) -> int:
    return await beats_tightly(beats)


class CountedBeats(Between):
    """Counts what is written for heartbeats."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.written: list[Sequence[Beat]] = []

    async def save_beats(self, beats: Sequence[Beat]) -> None:
        self.written.append(beats)
        await self.inner.save_beats(beats)  # type: ignore[attr-defined]


async def test_a_tight_loop_of_heartbeats_writes_once_a_flush(cluster: Cluster) -> None:
    """Fifty thousand beats cost the database one row in one statement a second."""
    gate = flows.gate("done")
    member = await cluster.join(busy)
    service = member.worker.serving.heartbeats
    service._store = counted = CountedBeats(service._store)
    assert service._interval == INTERVAL == 1.0
    await service.stop()
    run_id = await member.worker.create_local(new_run(busy, 50_000))
    await asyncio.wait_for(flows.entered["done"].wait(), 20)
    assert counted.written == []
    await service.flush()
    await service.flush()
    [beats] = counted.written
    assert [beat.details for beat in beats] == [b"50000"]
    gate.set()
    assert await cluster.result(run_id) == 50_000


async def test_details_of_a_stale_owner_are_not_stored(cluster: Cluster) -> None:
    """The write is fenced: after a takeover the former owner's details change nothing."""
    flows.gate("scan")
    first = await cluster.join(flows.beating)
    await first.worker.create_local(new_run(flows.beating, "scan"))
    await asyncio.wait_for(flows.entered["scan"].wait(), 5)
    await cluster.execute("UPDATE continuum_leases SET lease_token = lease_token + 100000")
    await first.worker.serving.heartbeats.flush()
    assert await cluster.rows("SELECT * FROM continuum_heartbeats") == []


async def test_silence_beyond_the_heartbeat_timeout_ends_the_attempt(cluster: Cluster) -> None:
    """An attempt that stops beating times out, though it has no timeout of its own."""
    member = await cluster.join(flows.silent)
    run_id = await member.worker.create_local(new_run(flows.silent))
    assert "no heartbeat for 0.1 s" in await cluster.result(run_id)


async def test_beating_keeps_a_long_attempt_alive(cluster: Cluster) -> None:
    """An attempt may take longer than its heartbeat timeout as long as it beats."""
    member = await cluster.join(flows.patient)
    run_id = await member.worker.create_local(new_run(flows.patient))
    assert await cluster.result(run_id) == 10


async def test_a_cancelled_run_ends_synchronous_code_at_its_heartbeat(cluster: Cluster) -> None:
    """Cooperative: the thread hears `ActivityCancelled`, ends, and only then the run does."""
    member = await cluster.join(flows.endless)
    run_id = await member.worker.create_local(new_run(flows.endless, "loop"))
    assert await asyncio.to_thread(flows.thread_gate.wait, 5)
    await cluster.cancel(run_id)
    assert await asyncio.to_thread(flows.cancelled.wait, 5)
    assert await cluster.ended(run_id) == "cancelled"
    assert "given up by its workflow" in flows.seen[0]


async def test_a_lost_lease_ends_synchronous_code_at_its_heartbeat(cluster: Cluster) -> None:
    """A worker that lost its runs does not go on with their effects."""
    member = await cluster.join(flows.endless)
    await member.worker.create_local(new_run(flows.endless, "loop"))
    assert await asyncio.to_thread(flows.thread_gate.wait, 5)
    await member.die()
    assert await asyncio.to_thread(flows.cancelled.wait, 5)
    assert "not of this worker" in flows.seen[0]


@pytest.mark.parametrize("large", [False, True])
async def test_unstorable_details_are_an_error_in_the_activity(
    cluster: Cluster, large: bool
) -> None:
    """No JSON, or above 16 KiB: raised at the call, so nothing half-stored is ever read."""
    member = await cluster.join(flows.badly_beating)
    run_id = await member.worker.create_local(new_run(flows.badly_beating, large))
    assert await cluster.result(run_id) == "continuum.errors.PayloadError"


def test_outside_an_activity_there_is_no_attempt() -> None:
    """Called from a plain function, the calls say what is wrong."""
    with pytest.raises(NotInActivity, match="activity_info"):
        activity_info()
    with pytest.raises(NotInActivity, match="heartbeat"):
        heartbeat(1)
    assert ActivityInfo.__doc__
