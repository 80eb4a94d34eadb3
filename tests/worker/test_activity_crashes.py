"""The worker dies at every commit boundary of an activity's life; the end is always the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from continuum.store.activities import AttemptFence, AttemptTransaction
from tests.worker import activity_flows as flows
from tests.worker.cluster import Between, Cluster, eventually, new_run

COMMITS = {"commit_turns", "claim_tasks", "finish_tasks", "reserve_key", "complete_key"}


class Faults:
    """Stops a worker for good around its commit number `at`, before or after it."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at = at
        self.after = after
        self.count = 0
        self.struck = asyncio.Event()

    async def strike(self) -> None:
        """Nothing happens in this worker any more."""
        self.struck.set()
        await asyncio.Event().wait()

    async def around(self, commit: Callable[[], Awaitable[Any]]) -> Any:
        """Let a commit happen, or not, or be the last thing that happened."""
        number, self.count = self.count, self.count + 1
        if self.struck.is_set() or (number == self.at and not self.after):
            await self.strike()
        result = await commit()
        if self.struck.is_set() or number == self.at:
            await self.strike()
        return result


class Faulty(Between):
    """A store whose commits pass through `Faults`."""

    def __init__(self, store: Any, faults: Faults) -> None:
        super().__init__(store)
        self.faults = faults
        if hasattr(store, "activities"):
            self.activities = Faulty(store.activities, faults)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in COMMITS:
            return found
        return lambda *args: self.faults.around(lambda: found(*args))

    @asynccontextmanager
    async def transaction(self, fence: AttemptFence) -> AsyncGenerator[AttemptTransaction]:
        """Dies before the commit inside the transaction, after it outside."""
        faults = self.faults
        number, faults.count = faults.count, faults.count + 1
        async with self.inner.transaction(fence) as transaction:
            yield transaction
            if faults.struck.is_set() or (number == faults.at and not faults.after):
                await transaction.connection.close()  # a dead process' connection is gone
                await faults.strike()
        if number == faults.at:
            await faults.strike()


SCENARIOS: dict[str, tuple[Any, tuple[Any, ...], bool]] = {
    "queue": (flows.rendering, ("a",), False),
    "queue retries": (flows.flaky_rendering, ("a", 1, "ValueError"), False),
    "key": (flows.charging, ("a", 5), False),
    "transaction": (flows.booking, ("a", 0), True),
    "transaction in a queue": (flows.booking_in_queue, ("a", 0), True),
    "transaction with a key": (flows.booking_with_key, ("a",), True),
}
SERVED = [flows.render, flows.flaky_render, flows.charge, flows.book]


async def once(cluster: Cluster, name: str, at: int, *, after: bool) -> bool:
    """One run whose worker dies there. Answers whether it came so far."""
    flow, args, transactional = SCENARIOS[name]
    flows.reset()
    await cluster.execute("DELETE FROM bookings")
    await cluster.execute("DELETE FROM continuum_activity_results")
    faults = Faults(at, after=after)
    options: dict[str, Any] = {"activities": SERVED, "queues": ["gpu"], "poll": 0.1, "look": 0.1}
    first = await cluster.join(flow, wrap=lambda store: Faulty(store, faults), **options)
    run = new_run(flow, *args)
    assert await cluster.store.insert_runs([run]) == [None]
    cluster.hints.runs_changed([run.run_id])

    async def over() -> bool:
        return faults.struck.is_set() or (await cluster.state(run.run_id)) == "completed"

    await eventually(over)
    struck = faults.struck.is_set()
    if struck:
        await first.die()
        second = await cluster.join(flow, **options)
    result = await cluster.result(run.run_id)
    if transactional:
        rows = await cluster.rows("SELECT count(*) FROM bookings")
        assert rows == [(1,)], f"{at} {after}: booked {rows}"
    elif name == "queue":
        assert result == "a rendered"
    elif name == "key":
        assert result == f"payment {flows.calls['a']} of 5"
        [(stored,)] = await cluster.rows("SELECT result FROM continuum_activity_results")
        assert result in stored.decode()
    assert await cluster.rows("SELECT count(*) FROM continuum_leases") == [(0,)]
    assert await cluster.rows("SELECT count(*) FROM continuum_tasks") == [(0,)]
    kinds = await cluster.events(run.run_id)
    assert kinds.count("activity_completed") == 1
    await (second if struck else first).close()
    return struck


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_death_at_every_commit_boundary(cluster: Cluster, name: str, after: bool) -> None:
    """Whichever commit was the last: one completion, one effect, nothing left behind."""
    await cluster.execute("CREATE TABLE bookings (key text NOT NULL)")
    at = 0
    while await once(cluster, name, at, after=after):
        at += 1
    assert at >= 2, "the scenario has boundaries"
