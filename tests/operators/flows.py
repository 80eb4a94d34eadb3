"""Workflows to act upon."""

from __future__ import annotations

from collections import Counter

import continuum
from continuum import activity, workflow

answered: Counter[str] = Counter()
broken: set[str] = set()


@activity
async def ask(service: str) -> str:
    answered[service] += 1
    if service in broken:
        raise ConnectionError(f"{service} refused")
    return service


@workflow
async def waiting(name: str = "x") -> str:
    """Waits for `go`, and says what it got."""
    return str(await continuum.wait_signal("go"))


@workflow
async def asking(service: str) -> str:
    """Fails while the service is broken."""
    return await ask(service)


@workflow
async def asked() -> int:
    """Adds up what it is asked, until that is nothing."""
    total = 0
    while (question := await continuum.wait_question("add", type=int)).value:
        total += question.value
        question.answer(total)
    return total


@workflow
async def counting() -> int:
    """How many `tick` came before `end`."""
    ticks = 0
    while await continuum.wait_signal("tick") != "end":
        ticks += 1
    return ticks


ALL = [waiting, asking, asked, counting]
