"""Runs in flight for `bench.replay_audit`: parked, with journals of 50 events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import continuum
from continuum import activity, workflow


@dataclass
class Item:
    """What the activities are given and answer."""

    sku: str
    amount: int


@activity
async def reserve(item: Item) -> Item:
    """Never run: the recorder gives the result."""
    return item


@activity
async def pack(item: Item) -> Item:
    """Likewise."""
    return item


@workflow
async def shipment(items: int) -> int:
    """Six events for each item, then it waits: 50 for eight."""
    total = 0
    for n in range(items):
        reserved = await reserve(Item("a", n))
        packed = await pack(reserved)
        total += packed.amount if packed.sku == "a" else 0
        await continuum.sleep(timedelta(minutes=1))
    await continuum.wait_signal("shipped")
    return total
