"""The worker dies at every commit boundary of every effect; the end is that of a quiet run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from continuum import Continuum
from continuum.testing import environment
from tests.effects.activities import LEDGER, QUEUE
from tests.effects.boundaries import Boundaries, Moment, Mortal
from tests.effects.scenarios import FLOWS, SCENARIOS, SERVED, End, Scenario, take_end
from tests.worker.cluster import Cluster, Member, open_cluster

MOMENTS: tuple[Moment, ...] = ("before", "after")
BOOKINGS = "CREATE TABLE bookings (scene text NOT NULL)"


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the effects of this test are written down."""
    monkeypatch.setenv(LEDGER, str(tmp_path / "ledger"))


class Relay:
    """One worker at a time; when it dies, the next takes over and is the next to die."""

    def __init__(self, cluster: Cluster, ct: Continuum) -> None:
        self.cluster = cluster
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
            queues=[QUEUE], poll=0.1, look=0.1,
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
        while self.boundaries.inside and not self.struck.is_set():
            await asyncio.sleep(0)  # its last commit is visible before it is answered
        died = self.struck.is_set()
        struck.cancel()
        if died:
            assert self.member is not None
            await self.member.die()
            await self._next_worker()
        await performing
        [(bookings,)] = await self.cluster.rows(
            "SELECT count(*) FROM bookings WHERE scene = %s", scene
        )
        await self._check_nothing_is_left()
        return await take_end(self.ct, scene, bookings), died

    async def _check_nothing_is_left(self) -> None:
        for table in ("leases", "tasks", "inbox"):
            assert await self.cluster.rows(f"SELECT * FROM continuum_{table}") == []


@pytest.mark.parametrize("name", SCENARIOS)
async def test_death_at_every_commit_boundary(dsn: str, name: str) -> None:
    """Whichever commit was the last, done or not: one end, one set of effects, nothing left."""
    scenario = SCENARIOS[name]
    cluster = await open_cluster(dsn)
    try:
        await cluster.execute(BOOKINGS)
        async with Continuum(dsn) as ct:
            relay = Relay(cluster, ct)
            undisturbed, _ = await relay.perform(scenario)
            for moment in MOMENTS:
                for at in count():
                    end, died = await relay.perform(scenario, at, moment)
                    try:
                        end.check_equals(undisturbed, scenario.at_most_once if died else frozenset())
                    except AssertionError as error:
                        error.add_note(f"the worker died {moment} commit {at}")
                        raise
                    if not died:
                        break
                assert at >= 2, "the scenario has boundaries"
    finally:
        await cluster.close()
