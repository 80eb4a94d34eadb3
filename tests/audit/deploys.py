"""One workflow as several deployments would have it, each with one edit or none."""

from __future__ import annotations

import continuum
from continuum import activity, patched, wait_signal, workflow


@activity
async def reserve(order: str) -> str:
    return f"reserved {order}"


@activity
async def charge(order: str, cents: int) -> str:
    return f"charged {order} {cents}"


@workflow(name="order")
async def order(order: str) -> str:
    await reserve(order)
    await continuum.sleep(0.1)
    await charge(order, 100)
    return await wait_signal("approved", type=str)


@workflow(name="order")
async def refactored(order: str) -> str:
    await _prepare(order)
    return str(await wait_signal("approved", type=str))


async def _prepare(order: str) -> None:
    await reserve(order)
    await continuum.sleep(0.1)
    await charge(order, 100)


@workflow(name="order")
async def patched_end(order: str) -> str:
    await reserve(order)
    await continuum.sleep(0.1)
    await charge(order, 100)
    verdict = await wait_signal("approved", type=str)
    if patched("again"):
        await charge(order, 1)
    return verdict


@workflow(name="order")
async def inserted(order: str) -> str:
    await reserve(order)
    await reserve(order)
    await continuum.sleep(0.1)
    await charge(order, 100)
    return await wait_signal("approved", type=str)
