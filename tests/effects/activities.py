"""The activities of the scenarios; each leaves a line in a file outside the engine.

A file, because it outlives every process and is the same for threads, process executors and killed
workers. Its lines say what really ran, how often, and for which scenario.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import continuum
from continuum import Retry, activity

LEDGER = "CONTINUUM_TEST_LEDGER"
"""Names the file."""

QUEUE = "effects"

BOOKINGS = "CREATE TABLE IF NOT EXISTS bookings (scene text NOT NULL)"
"""What the transactional activity writes to."""


def note(scene: str, effect: str) -> None:
    """Write down that an effect happened; one small append, so nothing gets between."""
    with Path(os.environ[LEDGER]).open("a") as ledger:
        ledger.write(f"{scene}\t{effect}\n")


def noted(scene: str) -> Counter[str]:
    """How often each effect happened in one performance."""
    ledger = Path(os.environ[LEDGER])
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return Counter(effect for line in lines for at, effect in [line.split("\t")] if at == scene)


def _scene() -> str:
    return continuum.activity_info().namespace


@activity(name="effects:step")
async def step(what: str) -> str:
    """The plain activity."""
    note(_scene(), what)
    return f"{what} done"


@activity(name="effects:remember")
async def remember(values: list[str]) -> list[str]:
    """Says again what it was told."""
    note(_scene(), "remember")
    return values


@activity(name="effects:step_in_thread")
def step_in_thread(what: str) -> str:
    """A synchronous one."""
    note(_scene(), what)
    return f"{what} done"


@activity(name="effects:step_in_process", executor="process")
def step_in_process(scene: str, what: str) -> str:
    """One that computes in another process."""
    note(scene, what)
    return f"{what} done"


@activity(name="effects:step_in_queue", queue=QUEUE)
async def step_in_queue(what: str) -> str:
    """One that any worker subscribed to the queue may take."""
    note(_scene(), what)
    return f"{what} done"


@activity(name="effects:flaky", retry=Retry(max_attempts=3, initial=0.01))
async def flaky(what: str) -> str:
    """Raises until it has done so twice."""
    if noted(_scene())[f"{what} fails"] < 2:
        note(_scene(), f"{what} fails")
        raise ConnectionError("not yet")
    note(_scene(), what)
    return f"{what} done"


@activity(name="effects:hangs", timeout=0.1, retry=Retry(max_attempts=2, initial=0.01))
async def hangs() -> None:
    """Never ends by itself."""
    note(_scene(), "hangs")
    await asyncio.Event().wait()


@activity(name="effects:once", on_crash="fail")
async def once(what: str) -> None:
    """At most once."""
    note(_scene(), what)


def _pay_once(order: str) -> str:
    return f"pay-{order}"


@activity(name="effects:pay", idempotency_key=_pay_once)
async def pay(order: str) -> str:
    """Its result is kept under a key."""
    note(_scene(), "pay")
    return f"payment for {order}"


@activity(name="effects:book", transactional=True)
async def book(scene: str) -> str:
    """Its row and its result are one commit."""
    await continuum.transaction().execute("INSERT INTO bookings VALUES (%s)", [scene])
    return "booked"


@activity(name="effects:copy_pages", retry=Retry(max_attempts=2, initial=0.01))
async def copy_pages(pages: int) -> int:
    """Fails in the middle once; the next attempt goes on behind the last page that it named."""
    for page in range(continuum.last_heartbeat() or 0, pages):
        note(_scene(), f"page {page}")
        continuum.heartbeat(page + 1)
        if page == 1 and not noted(_scene())["jam"]:
            note(_scene(), "jam")
            raise ConnectionError("paper jam")
    return pages


@activity(name="effects:charge")
async def charge(order: str) -> str:
    """Take the money."""
    note(_scene(), "charge")
    return f"charged {order}"


@activity(name="effects:refund", retry=Retry(max_attempts=3, initial=0.01))
async def refund(order: str) -> None:
    """Give it back, at the second try."""
    if not noted(_scene())["bank is busy"]:
        note(_scene(), "bank is busy")
        raise ConnectionError("bank is busy")
    note(_scene(), "refund")


@activity(name="effects:restock")
async def restock(order: str) -> None:
    """Put it back on the shelf."""
    note(_scene(), "restock")
