"""Replays of live runs against other code."""

from __future__ import annotations

from typing import Any

from continuum import Continuum
from continuum.audit.replay import replay_live
from continuum.audit.replayed import Replayed
from tests.audit import deploys
from tests.worker.cluster import eventually


async def parked(client: Continuum, flow: Any, runs: int = 1) -> None:
    """Runs that wait for the approval, whose worker has gone."""
    async with client.worker([flow]):
        handles = [await client.start(flow, f"o{n}") for n in range(runs)]

        async def waiting() -> bool:
            return {(await each.get()).waiting_on for each in handles} == {"signal approved"}

        await eventually(waiting)


async def replayed(client: Continuum, *flows: Any, **options: Any) -> list[Replayed]:
    """What a replay says of all live runs."""
    return [each async for each in replay_live(client._backend, flows, **options)]


async def test_same_code_replays_alike(dsn: str) -> None:
    """Nothing differs, and the run keeps its version."""
    async with Continuum(dsn) as client:
        await parked(client, deploys.order, 3)
        found = await replayed(client, deploys.order)
    assert [each.verdict for each in found] == ["same"] * 3
    assert {each.stamp for each in found} == {deploys.order.pin}


async def test_a_refactoring_replays_alike(dsn: str) -> None:
    """Code with another hash that does the same is the same, and says which version it would be."""
    async with Continuum(dsn) as client:
        await parked(client, deploys.order)
        [found] = await replayed(client, deploys.refactored)
    assert (found.verdict, found.stamp) == ("same", deploys.refactored.pin)
    assert found.version_hash == deploys.order.pin.version_hash
    assert found.origin == deploys.order.source


async def test_an_inserted_activity_is_drift(dsn: str) -> None:
    """Both sides and the line."""
    async with Continuum(dsn) as client:
        await parked(client, deploys.order)
        [found] = await replayed(client, deploys.inserted)
    assert found.verdict == "drift"
    assert found.drift is not None
    assert found.drift.recorded == "timer_started"
    assert found.drift.issued == "activity_scheduled tests.audit.deploys:reserve"
    assert found.drift.location == "deploys.py:53"
