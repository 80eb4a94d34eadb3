"""Rule 19: builds of an application that differ, and a run that some cannot go on with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import continuum
from continuum import workflow
from tests.worker.cluster import Cluster, eventually, new_run


def deployment(first: str) -> object:
    """A deployment of one workflow under one name and hash; what it awaits first differs."""

    @workflow(name="deployed")
    async def flow() -> str:
        await continuum.wait_signal(first)
        await continuum.wait_signal("end")
        return first

    flow.version_hash = "same"
    flow.pin = type(flow.pin)("deployed", 1, "same", flow.pin.runtime)
    return flow


async def test_rule_19_builds_do_not_hand_a_run_to_and_fro(cluster: Cluster) -> None:
    """Two builds that both drift: each tries once, then the run rests; a fitting one goes on."""
    old = deployment("go")
    first = await cluster.join(old, build="b1")  # type: ignore[arg-type]
    run_id = await first.worker.create_local(new_run(old))  # type: ignore[arg-type]
    await first.worker.drain()
    wrong = [
        await cluster.join(deployment(f"other {n}"), build=f"b{n}", poll=0.05)  # type: ignore[arg-type]
        for n in (2, 3)
    ]
    claims = [member.worker.claims.claimed.listen() for member in wrong]
    polls = [member.worker.wake.polled.listen() for member in wrong]
    await cluster.signal(run_id, "go")

    async def rests() -> datetime | None:
        query = "SELECT wake_at FROM continuum_leases WHERE lease_owner IS NULL AND NOT ready"
        rows = await cluster.rows(query)
        return rows[0][0] if rows else None

    wake_at = await eventually(rests)
    assert timedelta(seconds=30) < wake_at - datetime.now(UTC) < timedelta(seconds=90)
    for polled in polls:
        while not polled.empty():
            polled.get_nowait()
        for _ in range(5):
            await asyncio.wait_for(polled.get(), 10)
    assert [claimed.qsize() for claimed in claims] == [1, 1]
    assert await cluster.state(run_id) == "suspended"
    for member in wrong:  # or one of them may be the first to try again
        await member.worker.drain()
    await cluster.join(old, build="b4", poll=0.05)  # type: ignore[arg-type]
    await cluster.execute("UPDATE continuum_leases SET wake_at = clock_timestamp()")
    await cluster.signal(run_id, "end")
    assert await cluster.result(run_id) == "go"


async def test_rule_19_progress_ends_the_rest(cluster: Cluster) -> None:
    """A build that goes on with the run makes it as ready as any other."""
    old, new = deployment("go"), deployment("other")
    first = await cluster.join(old, build="b1")  # type: ignore[arg-type]
    run_id = await first.worker.create_local(new_run(old))  # type: ignore[arg-type]
    await first.worker.drain()
    second = await cluster.join(new, build="b2", poll=0.05)  # type: ignore[arg-type]
    released = second.worker.releases.released.listen()
    await cluster.signal(run_id, "go")
    await asyncio.wait_for(released.get(), 10)
    third = await cluster.join(old, build="b3", poll=0.05)  # type: ignore[arg-type]
    assert await cluster.suspended(run_id)

    async def went_on() -> bool:
        [(blocked,)] = await cluster.rows("SELECT blocked_build FROM continuum_leases")
        return blocked is None

    await eventually(went_on)
    run = third.worker.runner.runs[run_id]
    assert not run.blocked_before
