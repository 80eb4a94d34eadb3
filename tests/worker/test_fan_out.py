"""A thousand at once: activities, queued activities and children of one run."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

import continuum
from continuum import activity, workflow
from tests.worker.cluster import Cluster, CommitGate, eventually

WIDTH = 1000
SUM = sum(range(WIDTH))
LONG = 60.0

calls: Counter[int] = Counter()


@activity
async def part(number: int) -> int:
    calls[number] += 1
    return number


@activity(queue="wide")
async def queued_part(number: int) -> int:
    calls[number] += 1
    return number


@workflow
async def parts(width: int) -> int:
    return sum(await asyncio.gather(*(part(n) for n in range(width))))


@workflow
async def queued_parts(width: int) -> int:
    return sum(await asyncio.gather(*(queued_part(n) for n in range(width))))


@workflow
async def member(number: int) -> int:
    return await part(number)


@workflow
async def family(width: int) -> int:
    return sum(await asyncio.gather(*(continuum.run_child(member, n) for n in range(width))))


FLOWS = (parts, queued_parts, member, family)
SERVING: dict[str, Any] = {"activities": [queued_part], "queues": ["wide"], "poll": 0.1}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    calls.clear()


async def check_journal(cluster: Cluster, run_id: UUID, command: str, outcome: str) -> None:
    """One command and one outcome each, and nothing else but the two ends."""
    kinds = Counter(await cluster.events(run_id))
    assert (kinds[command], kinds[outcome]) == (WIDTH, WIDTH)
    assert (kinds["run_started"], kinds["run_completed"]) == (1, 1)


async def test_a_thousand_activities_of_one_run(cluster: Cluster) -> None:
    """Their outcomes share commits: far fewer than there are activities."""
    worker = await cluster.join(*FLOWS, wrap=CommitGate)
    run_id = await cluster.start(parts, WIDTH)
    assert await cluster.result(run_id, within=LONG) == SUM
    await check_journal(cluster, run_id, "activity_scheduled", "activity_completed")
    assert set(calls.values()) == {1}
    assert len(worker.store.sizes) < WIDTH / 4


async def test_a_thousand_queued_activities_of_one_run(cluster: Cluster) -> None:
    """Two workers share the queue; each attempt runs once."""
    await cluster.join(*FLOWS, **SERVING)
    await cluster.join(**SERVING)
    run_id = await cluster.start(queued_parts, WIDTH)
    assert await cluster.result(run_id, within=LONG) == SUM
    await check_journal(cluster, run_id, "activity_scheduled", "activity_completed")
    assert set(calls.values()) == {1}
    assert await cluster.rows("SELECT count(*) FROM continuum_tasks") == [(0,)]


async def test_a_worker_dies_amid_a_thousand_activities(cluster: Cluster) -> None:
    """What was journaled is not done again; the rest is, by the next worker."""
    first = await cluster.join(*FLOWS, concurrency=20)
    run_id = await cluster.start(parts, WIDTH)

    async def begun() -> list[int]:
        rows = await cluster.rows(
            "SELECT command FROM continuum_events WHERE type = 'activity_completed'"
        )
        return [number - 1 for (number,) in rows]

    await eventually(begun)
    await first.die()
    kept = await begun()
    await cluster.join(*FLOWS)
    assert await cluster.result(run_id, within=LONG) == SUM
    assert all(calls[number] == 1 for number in kept)
    assert set(calls.values()) <= {1, 2}
    kinds = Counter(await cluster.events(run_id))
    assert kinds["activity_completed"] == WIDTH


async def test_a_worker_dies_amid_a_thousand_children(cluster: Cluster) -> None:
    """Its children and their parent go on elsewhere; each result arrives once."""
    first = await cluster.join(*FLOWS)
    run_id = await cluster.start(family, WIDTH)

    async def ended() -> bool:
        [(count,)] = await cluster.rows(
            "SELECT count(*) FROM continuum_runs WHERE state = 'completed'"
        )
        return count > 0

    await eventually(ended)
    await first.die()
    await cluster.join(*FLOWS)
    assert await cluster.result(run_id, within=LONG) == SUM
    await check_journal(cluster, run_id, "child_started", "child_completed")
    assert await cluster.rows("SELECT count(*) FROM continuum_leases") == [(0,)]
