"""Drives the demo shop: starts runs at a rate and plays the people who send signals."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import signal
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from continuum.declare.queue import Queue
from continuum.demo import shop
from continuum.demo.orders import Arrival, Customers
from continuum.demo.summary import Summary, summarise
from continuum.errors import ConfigurationError, DatabaseUnavailable, RunNotFound, RunTerminal

if TYPE_CHECKING:
    from continuum.client import Continuum

_TICK: Final = 0.05
_PROGRESS_SECONDS: Final = 1.0
_OUTAGE_SECONDS: Final = 1.0
_DRAIN_SECONDS: Final = 8.0
_MOST_AT_ONCE: Final = 500
_MAILS_AT_ONCE: Final = 50

Progress = Callable[[float, int, dict[str, int]], None]
"""Called about once a second with seconds, runs started, and runs by state."""


async def refuse_foreign_runs(client: Continuum) -> None:
    """Protect a database that is somebody's.

    Raises:
        ConfigurationError: it holds runs of workflows that are not the shop's.
    """
    names = [flow.name for flow in shop.WORKFLOWS]
    where = [("not_in", "workflow", names)]
    cursor: str | None = None
    while True:
        page = await client.query(namespace=None, where=where, limit=1, cursor=cursor)
        if page.entries:
            raise ConfigurationError(
                f"this database holds runs of {page.entries[0].workflow}, which is not the demo's",
                hint="name another database, or add --yes to use this one",
            )
        cursor = page.next_cursor
        if cursor is None:
            return


@contextlib.contextmanager
def stop_on_signals() -> Generator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set; a second signal has its usual effect."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def restore() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    def on_signal() -> None:
        stop.set()
        restore()

    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        restore()


async def run_demo(
    client: Continuum,
    *,
    rate: float = 5.0,
    seconds: float | None = None,
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Serve the shop with a worker of this process and drive it.

    Args:
        client: an open client.
        rate: runs to start per second.
        seconds: how long; None until `stop` is set.
        stop: ends the demo early; the worker then drains.
        progress: told about once a second how it goes.

    Returns:
        What happened, counted in the database.

    Example:
        async with Continuum() as ct:
            print(await run_demo(ct, rate=20, seconds=8))
    """
    stop = stop or asyncio.Event()
    began = (await client.query(namespace=None, limit=1)).stamp.at
    clock = time.monotonic()
    load = _Load(client, rate, began)
    async with client.worker(
        shop.WORKFLOWS,
        activities=shop.ON_QUEUES,
        queues=[Queue(shop.MAIL, concurrency=_MAILS_AT_ONCE)],
        drain_timeout=_DRAIN_SECONDS,
    ):
        await load.adopt_waiting_runs()
        people = [load.start_runs(), load.send_signals()]
        if progress is not None:
            people.append(load.report(progress))
        await _until(stop, seconds, [asyncio.create_task(each) for each in people])
    elapsed = time.monotonic() - clock
    return await summarise(client, began, seconds=elapsed, start_seconds=load.start_seconds)


async def _until(
    stop: asyncio.Event, seconds: float | None, tasks: list[asyncio.Task[None]]
) -> None:
    """Let the tasks work until then; the first error ends all and is raised."""
    ended = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*tasks, ended], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*tasks, ended):
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


@dataclass(order=True, slots=True)
class _Decision:
    """Somebody will answer this run then."""

    due: float
    run_id: UUID = field(compare=False)
    signal: str = field(compare=False)


class _Load:
    """The people around the shop: customers, fraud desk, managers."""

    def __init__(self, client: Continuum, rate: float, began: datetime) -> None:
        self._client = client
        self._rate = rate
        self._began = began
        stamp = int(began.timestamp())
        # Numbers go on from the time, so that the orders of two demos have different ids.
        self._arrivals = Customers(seed=stamp, first=stamp % 10_000_000 * 100).arrivals()
        self._decisions: list[_Decision] = []
        self._random = random.Random()
        self._clock = time.monotonic()
        self.start_seconds: list[float] = []

    async def adopt_waiting_runs(self) -> None:
        """Answer what an earlier demo left waiting, too."""
        for flow, name in ((shop.order_flow, "fraud_review"), (shop.refund_flow, "approve_refund")):
            where = [("eq", "state", "suspended"), ("eq", "workflow", flow.name)]
            page = await self._client.query(namespace=None, where=where, limit=500)
            for run in page.entries:
                if run.waiting_on is not None and name in run.waiting_on:
                    self._expect(run.id, name)

    async def start_runs(self) -> None:
        """Keep to the rate on the whole: what a slow moment missed is started afterwards."""
        asked = 0
        while True:
            due = int((time.monotonic() - self._clock) * self._rate) + 1 - asked
            batch = [next(self._arrivals) for _ in range(min(due, _MOST_AT_ONCE))]
            asked += len(batch)
            await asyncio.gather(*(self._start(arrival) for arrival in batch))
            await asyncio.sleep(_TICK)

    async def _start(self, arrival: Arrival) -> None:
        began = time.perf_counter()
        try:
            handle = await self._client.start(
                arrival.flow,
                *arrival.arguments,
                namespace=arrival.namespace,
                attributes=arrival.attributes,
            )
        except DatabaseUnavailable:
            await asyncio.sleep(_OUTAGE_SECONDS)  # this customer has gone; the shop stays open
            return
        self.start_seconds.append(time.perf_counter() - began)
        if arrival.signal is not None:
            self._expect(handle.id, arrival.signal)

    def _expect(self, run_id: UUID, name: str) -> None:
        due = time.monotonic() + self._random.uniform(2.0, 25.0)
        heapq.heappush(self._decisions, _Decision(due, run_id, name))

    async def send_signals(self) -> None:
        """Play the fraud desk, the managers, and customers who change their mind."""
        while True:
            while self._decisions and self._decisions[0].due <= time.monotonic():
                decision = heapq.heappop(self._decisions)
                try:
                    await self._decide(decision)
                except (RunTerminal, RunNotFound):
                    continue
                except DatabaseUnavailable:
                    self._expect(decision.run_id, decision.signal)
            await asyncio.sleep(_TICK)

    async def _decide(self, decision: _Decision) -> None:
        run_id, chance = decision.run_id, self._random.random()
        if chance < 0.06:
            await self._client.cancel(run_id, reason="the customer changed their mind")
        elif decision.signal == "fraud_review":
            reviewer = self._random.choice(("ana", "ben", "chen"))
            await self._client.set_attributes(run_id, {"reviewer": reviewer})
            verdict = "rejected" if chance < 0.18 else "approved"
            await self._client.signal(run_id, "fraud_review", verdict)
        else:
            await self._client.signal(run_id, decision.signal, chance > 0.15)

    async def report(self, progress: Progress) -> None:
        """Tell once a second how many runs are in which state."""
        where = [("gte", "started_at", self._began)]
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            with contextlib.suppress(DatabaseUnavailable):
                groups = await self._client.count(namespace=None, where=where, group_by=("state",))
                states = {str(group.key[0]): group.count for group in groups}
                progress(time.monotonic() - self._clock, len(self.start_seconds), states)
