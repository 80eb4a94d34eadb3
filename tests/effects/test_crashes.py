"""The worker dies at every commit boundary of every effect; the end is that of a quiet run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg_pool import AsyncConnectionPool

from continuum import Continuum
from continuum.store.postgres.pool import PostgresSettings, open_pool
from continuum.testing import environment
from tests.effects.activities import BOOKINGS, LEDGER, QUEUE
from tests.effects.boundaries import Boundaries, Moment, Mortal
from tests.effects.scenarios import FLOWS, SCENARIOS, SERVED, End, Scenario, take_end
from tests.worker.cluster import Cluster, Member, open_cluster

MOMENTS: tuple[Moment, ...] = ("before", "after")


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the effects of this test are written down."""
    monkeypatch.setenv(LEDGER, str(tmp_path / "ledger"))


class Relay:
    """One worker at a time; when it dies, the next takes over and is the next to die.

    They inherit a pool, which saves most of what a death costs: its connections hold nothing of
    the dead worker's, as a transaction that it was in has lost its connection.
    """

    def __init__(self, cluster: Cluster, pool: AsyncConnectionPool[Any], ct: Continuum) -> None:
        self.cluster = cluster
        self.pool = pool
        self.ct = ct
        self.scenes = (f"scene-{number}" for number in count(1))
        self.struck = asyncio.Event()
        self.boundaries = Boundaries(self._vanish)
        self.member: Member | None = None

    async def _vanish(self) -> None:
        self.struck.set()
        await asyncio.Event().wait()

    async def _next_worker(self) -> None:
        self.struck = asyncio.Event()
        self.boundaries = boundaries = Boundaries(self._vanish)
        self.member = await self.cluster.join(
            *FLOWS, wrap=lambda store: Mortal(store, boundaries), activities=SERVED,
            queues=[QUEUE], poll=0.1, look=0.1, pool=self.pool,
        )  # fmt: skip

    async def perform(
        self, scenario: Scenario, at: int | None = None, moment: Moment = "before"
    ) -> tuple[End, bool]:
        """One run; how it ended, and whether the worker came to that boundary and died there."""
        if self.member is None:
            await self._next_worker()
        self.boundaries.arm(at, moment)
        scene = next(self.scenes)
        performing = asyncio.ensure_future(scenario.perform(self.ct, scene))
        struck = asyncio.ensure_future(self.struck.wait())
        await asyncio.wait((performing, struck), return_when=asyncio.FIRST_COMPLETED)
        await self.boundaries.settled()
        died = self.struck.is_set()
        struck.cancel()
        if died:
            assert self.member is not None
            await self.member.die()
            await self._declare_dead(self.member.worker.node_id)
            await self._next_worker()
        await performing
        [(bookings,)] = await self.cluster.rows(
            "SELECT count(*) FROM bookings WHERE scene = %s", scene
        )
        await self._check_nothing_is_left()
        return await take_end(self.ct, scene, bookings), died

    async def _declare_dead(self, node_id: UUID) -> None:
        """At once: how the others find out is not what is tested here."""
        await self.cluster.execute(
            "UPDATE continuum_nodes SET expires_at = clock_timestamp() WHERE id = %s", node_id
        )
        assert await self.cluster.store.declare_dead(()) == [node_id]
        await self.cluster.store.free_dead(1000)

    async def _check_nothing_is_left(self) -> None:
        for table in ("leases", "tasks", "inbox"):
            assert await self.cluster.rows(f"SELECT * FROM continuum_{table}") == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_death_at_every_commit_boundary(dsn: str, name: str, moment: Moment) -> None:
    """Whichever commit was the last, done or not: one end, one set of effects, nothing left."""
    scenario = SCENARIOS[name]
    async with open_relay(dsn) as relay:
        undisturbed, _ = await relay.perform(scenario)
        at, died = 0, True
        while died:
            end, died = await relay.perform(scenario, at, moment)
            with explained(moment, at):
                end.check_equals(undisturbed, scenario.at_most_once if died else frozenset())
            at += 1
        assert at >= 3, "the scenario has boundaries"


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", [n for n, s in SCENARIOS.items() if not s.needs_database])
async def test_death_at_every_commit_in_memory(name: str, moment: Moment) -> None:
    """The same scenarios over the memory store, as users' own tests inject crashes."""
    scenario = SCENARIOS[name]
    scenes = (f"scene-{number}" for number in count(1))
    undisturbed, commits = await perform_in_memory(scenario, next(scenes))
    assert commits >= 2
    for at in range(1, commits + 1):
        end, _ = await perform_in_memory(scenario, next(scenes), at, moment)
        with explained(moment, at):
            end.check_equals(undisturbed, scenario.at_most_once)


async def perform_in_memory(
    scenario: Scenario, scene: str, at: int = 0, moment: Moment = "before"
) -> tuple[End, int]:
    """One run in an environment of its own; how it ended, and after how many commits."""
    async with environment(FLOWS, activities=SERVED, queues=[QUEUE]) as env:
        if at:
            env.crash_at(at, moment=moment)
        await scenario.perform(env.client, scene)
        await env.settle()
        assert at not in env.store.crashes, "the worker did not come so far"
        assert (env.store.tables.leases, env.store.tables.tasks) == ({}, {})
        return await take_end(env.client, scene), env.commits


@asynccontextmanager
async def open_relay(dsn: str) -> AsyncGenerator[Relay]:
    """A relay on a database."""
    async with await open_pool(PostgresSettings(dsn, max_size=3)) as pool, Continuum(dsn) as ct:
        cluster = await open_cluster(dsn)
        try:
            await cluster.execute(BOOKINGS)
            yield Relay(cluster, pool, ct)
        finally:
            await cluster.close()


@contextmanager
def explained(moment: Moment, at: int) -> Generator[None]:
    """Name the boundary in what a comparison raises."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"the worker died {moment} commit {at}")
        raise
