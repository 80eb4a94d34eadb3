"""The workflows whose recorded journals are kept beside this file. Never change their bodies."""

from __future__ import annotations

import asyncio
from typing import Any

import continuum
from continuum import Retry, activity, workflow


@activity(name="history:charge", retry=Retry(max_attempts=3, initial=10))
async def charge(order: str) -> str:
    """Answered by the recording."""
    raise AssertionError


@activity(name="history:refund")
async def refund(order: str) -> None:
    """Answered by the recording."""
    raise AssertionError


@workflow(name="history:order")
async def order(name: str) -> list[Any]:
    """Every effect once: activities, retry, timers, signals, draws, side effects."""
    payments = await asyncio.gather(charge(name), charge(name + "-gift"))
    token = continuum.side_effect(lambda: "token")
    try:
        verdict = await continuum.wait_signal("review", timeout=60, type=str)
    except TimeoutError:
        verdict = "approved"
    async with asyncio.timeout(30):
        await continuum.sleep(5)
    return [payments, token, verdict, continuum.rng().randint(1, 10**6), str(continuum.uuid4())]


@workflow(name="history:cancelled")
async def cancelled(name: str) -> str:
    """A cancel with a compensation."""
    try:
        return await charge(name)
    except asyncio.CancelledError:
        await refund(name)
        raise


@workflow(name="history:quoting")
async def quoting(name: str) -> float:
    """A child of `telling`; never executed here."""
    raise AssertionError


@workflow(name="history:telling")
async def telling(name: str) -> list[Any]:
    """A child that is signalled, one that is cancelled, and both results."""
    quote = await continuum.start_child(quoting, name)
    late = await continuum.start_child(quoting, name)
    quote.signal("rate", {"currency": "EUR"})
    price = await quote.result()
    late.cancel("too late")
    try:
        await late.result()
    except continuum.ChildCancelled as error:
        return [price, error.reason, len(continuum.children(quoting))]
    return [price]
