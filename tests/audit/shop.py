"""A workflow as text, and edits of it, as a deployment might bring them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from uuid import UUID

from continuum import Continuum
from continuum.declare.registry import load_app
from tests.unit.versions.loading import load
from tests.worker.cluster import eventually

BASE = """\
import continuum
from continuum import activity, wait_signal, workflow

@activity(name="reserve")
async def reserve(order: str) -> str:
    return order

@activity(name="charge")
async def charge(order: str, cents: int) -> str:
    return order

@activity(name="notify")
async def notify(order: str) -> str:
    return order

async def settle(order: str, total: int) -> None:
    await pay(order, total)

async def pay(order: str, total: int) -> None:
    if total > 100:
        await charge(order, total)
        await notify(order)
    else:
        await notify(order)  # small

@workflow(name="order")
async def order(order: str, total: int) -> str:
    await reserve(order)
    await continuum.sleep(0.05)
    await settle(order, total)
    return str(await wait_signal("approved", type=str))
"""


@dataclass(frozen=True)
class Edit:
    """One change of the text; `line` is part of the line at which it shows."""

    old: str
    new: str
    line: str
    parks: bool = True

    @property
    def text(self) -> str:
        """The module after the edit."""
        assert BASE.count(self.old) == 1, self.old
        return BASE.replace(self.old, self.new)

    def number(self) -> int:
        """The number of the line at which it shows."""
        [number] = [n for n, line in enumerate(self.text.splitlines(), 1) if self.line in line]
        return number


EDITS = {
    "an inserted activity": Edit(
        "        await charge(order, total)\n",
        "        await reserve(order)  # again\n        await charge(order, total)\n",
        "# again",
    ),
    "a removed activity": Edit(
        "        await charge(order, total)\n        await notify(order)\n",
        "        await charge(order, total)\n",
        "wait_signal(",
    ),
    "a changed argument": Edit(
        "await charge(order, total)", "await charge(order, total + 1)", "total + 1", parks=False
    ),
    "swapped branches": Edit("if total > 100:", "if total <= 100:", "# small"),
    "a removed timer": Edit("    await continuum.sleep(0.05)\n", "", "await charge("),
    "a changed timer": Edit("sleep(0.05)", "sleep(0.06)", "sleep(", parks=False),
    "a changed signal name": Edit('"approved"', '"accepted"', '"accepted"'),
}


REFACTORED = BASE.replace("await pay(order, total)", "cents = total\n    await pay(order, cents)")
"""The same commands from other code."""

PATCHED = BASE.replace(
    "    return str(await wait",
    '    if continuum.patched("thanks"):\n        await notify(order)\n    return str(await wait',
)
"""A patch that runs which wait for the approval have passed: they are on its old branch."""


def shop(text: str = BASE) -> ModuleType:
    """A module with this text."""
    return load(text)


def flow(text: str = BASE) -> Any:
    """Its workflow."""
    return shop(text).order


async def park(client: Continuum, flow: Any, runs: int = 1, total: int = 500) -> list[UUID]:
    """Runs that wait for their approval, which no worker has."""
    async with client.worker([flow]):
        handles = [await client.start(flow, f"o{n}", total) for n in range(runs)]

        async def waiting() -> bool:
            found = await asyncio.gather(*(each.get() for each in handles))
            return {each.waiting_on for each in found} == {"signal approved"}

        await eventually(waiting)
    return [each.id for each in handles]


@asynccontextmanager
async def parked(dsn: str, runs: int = 1) -> AsyncIterator[tuple[Continuum, Any, list[UUID]]]:
    """A client, and runs of the workflow as it is."""
    async with Continuum(dsn) as client:
        base = flow()
        yield client, base, await park(client, base, runs)


@dataclass(frozen=True)
class Load:
    """Gives the workflows of a module in a folder, also in another process."""

    folder: str
    module: str

    def __call__(self) -> list[Any]:
        if self.folder not in sys.path:
            sys.path.insert(0, self.folder)
        return list(load_app(self.module).versions)
