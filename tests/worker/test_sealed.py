"""A payload that the codec cannot open concerns its run, and no other."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

import continuum
from continuum import Continuum, activity, workflow
from continuum.codec.hooks import IDENTITY, PayloadCodec
from tests.worker.cluster import Cluster, eventually

GARBAGE = b"\x01sealed by another codec"


class Strict:
    """Opens only what it has sealed, and says so in an exception of its own."""

    def seal(self, data: bytes) -> bytes:
        return b"S" + data

    def open(self, data: bytes) -> bytes:
        if data[:1] != b"S":
            raise ValueError("no key\0 or one that\nis wrong")
        return data[1:]


@workflow
async def listener(name: str) -> str:
    return f"{name} {await continuum.wait_signal('go', type=str)}"


@activity
async def measured() -> str:
    began.set()
    await finish.wait()
    calls.append(1)
    return "measured"


began, finish = asyncio.Event(), asyncio.Event()
calls: list[int] = []


@workflow
async def measuring() -> str:
    found = await measured()
    return f"{found} {await continuum.wait_signal('go', type=str)}"


async def blocked(cluster: Cluster, run_id: UUID) -> str | None:
    """Why a run is blocked, once it is nobody's."""
    rows = await cluster.rows(
        "SELECT waiting_on FROM continuum_leases WHERE run_id = %s AND lease_owner IS NULL"
        " AND blocked_build IS NOT NULL",
        run_id,
    )
    return rows[0][0] if rows else None


async def claimable_again(cluster: Cluster) -> None:
    """The rest of blocked runs is over."""
    await cluster.execute(
        "UPDATE continuum_leases SET wake_at = clock_timestamp() WHERE blocked_build IS NOT NULL"
    )


async def unreadable(cluster: Cluster, run_id: UUID, kind: str = "signal") -> None:
    """Put a message into its inbox that nobody can open."""
    await cluster.execute(
        "INSERT INTO continuum_inbox (run_id, kind, name, payload) VALUES (%s, %s, 'go', %s)",
        run_id,
        kind,
        GARBAGE,
    )
    await cluster.execute(
        "UPDATE continuum_leases SET ready = true WHERE run_id = %s AND lease_owner IS NULL", run_id
    )


async def readable(cluster: Cluster, run_id: UUID) -> None:
    """As if the worker had got the right codec."""
    await cluster.execute(
        "UPDATE continuum_inbox SET payload = '\"you\"' WHERE run_id = %s AND kind = 'signal'",
        run_id,
    )


@pytest.mark.parametrize("kind", ["signal", "cancel", "pause"])
async def test_mail_of_an_owned_run_concerns_that_run_only(cluster: Cluster, kind: str) -> None:
    """Twenty neighbours whose mail is read in the same batch get it; the run is parked."""
    member = await cluster.join(listener, poll=0.05)
    runs = [await cluster.start(listener, str(n)) for n in range(21)]
    for run_id in runs:
        assert await cluster.suspended(run_id)
    sick, *healthy = runs
    await unreadable(cluster, sick, kind)
    for run_id in healthy:
        await cluster.signal(run_id, "go", "you", hint=False)
    member.worker.wake.hint([sick, *healthy])
    for n, run_id in enumerate(healthy, 1):
        assert await cluster.result(run_id) == f"{n} you"
    why = await eventually(lambda: blocked(cluster, sick))
    assert why.startswith(f"blocked: cannot open {kind} 'go' in its inbox")
    assert await cluster.state(sick) == "suspended"
    assert len(await cluster.rows("SELECT FROM continuum_inbox")) == 1
    if kind == "signal":
        await readable(cluster, sick)
        assert await cluster.rows("SELECT FROM continuum_leases WHERE wake_at > now()")
        async with Continuum(cluster.dsn) as client:
            await client.release(sick)
        assert await cluster.result(sick) == "0 you"


async def test_a_run_that_waits_for_an_activity_keeps_its_outcome(cluster: Cluster) -> None:
    """It is not interrupted, and not repeated: the outcome is there when the run goes on."""
    began.clear()
    finish.clear()
    calls.clear()
    member = await cluster.join(measuring, poll=0.05, activities=[measured])
    run_id = await cluster.start(measuring)
    await asyncio.wait_for(began.wait(), 10)
    await unreadable(cluster, run_id)
    member.worker.wake.hint([run_id])
    run = member.worker.runner.runs[run_id]
    await eventually(lambda: run.unreadable)
    finish.set()
    assert "signal 'go'" in await eventually(lambda: blocked(cluster, run_id))
    await readable(cluster, run_id)
    await claimable_again(cluster)
    assert await cluster.result(run_id) == "measured you"
    assert len(calls) == 1


SICKNESSES = {
    "its input": "UPDATE continuum_runs SET input = %s WHERE id = %s",
    "event 1 of its journal": (
        "UPDATE continuum_events SET payload = %s WHERE run_id = %s AND seq = 1"
    ),
    "signal 'go' in its inbox": (
        "INSERT INTO continuum_inbox (kind, name, payload, run_id) VALUES ('signal', 'go', %s, %s)"
    ),
    "the heartbeat of an attempt": (
        "INSERT INTO continuum_heartbeats (incarnation, command, attempt, details, run_id)"
        " VALUES (1, 1, 1, %s, %s)"
    ),
}


@pytest.mark.parametrize("codec", [IDENTITY, Strict()], ids=["garbage", "raises"])
@pytest.mark.parametrize("what", SICKNESSES)
async def test_a_claimed_run_that_cannot_be_opened_is_parked_alone(
    cluster: Cluster, what: str, codec: PayloadCodec
) -> None:
    """Its neighbours of the same claim go on, it is named what could not be opened."""
    cluster.seal_with(codec)
    first = await cluster.join(listener)
    runs = [await cluster.start(listener, str(n)) for n in range(21)]
    for run_id in runs:
        assert await cluster.suspended(run_id)
    await first.close()
    first.dead = True
    sick, *healthy = runs
    await cluster.execute(SICKNESSES[what], GARBAGE, sick)
    for run_id in healthy:
        await cluster.signal(run_id, "go", "you", hint=False)
    await cluster.execute("UPDATE continuum_leases SET ready = true")
    await cluster.join(listener, poll=0.05)
    for run_id in healthy:
        assert await cluster.ended(run_id) == "completed"
    why = await eventually(lambda: blocked(cluster, sick))
    assert why.startswith(f"blocked: cannot open {what}")
    assert await cluster.state(sick) == "suspended"
