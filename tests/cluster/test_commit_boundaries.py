"""Worker processes that kill themselves at a commit boundary of each effect.

In the long form at every one, before and after the commit; in the short form at a few.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from continuum import Continuum
from tests.cluster.effects_app import ANSWERED, BEGUN, PLAN, progress_of
from tests.cluster.harness import LONG, Cluster, WorkerProcess, wait_until
from tests.effects.activities import BOOKINGS, LEDGER, QUEUE
from tests.effects.boundaries import Moment
from tests.effects.scenarios import SCENARIOS, End, take_end

LANES = 4 if LONG else 2
"""Databases, each with one worker at a time: most of a takeover is waiting."""

OPTIONS = ("--queues", QUEUE, "--ttl", "3", "--heartbeat", "0.5")

Job = tuple[str, Moment, int | None]
"""An effect, the moment, and the boundary; None is every one."""

ALL: list[Job] = [(name, moment, None) for name in SCENARIOS for moment in ("before", "after")]
FEW: list[Job] = [
    ("activities", "before", 2),
    ("transaction_with_key", "after", 2),
    ("saga_is_cancelled", "before", 4),
    ("continue_as_new", "after", 4),
]


class Lane:
    """One database and a worker on it; when it has died, the next takes over."""

    def __init__(self, cluster: Cluster, ct: Continuum, directory: Path) -> None:
        self.cluster = cluster
        self.ct = ct
        self.directory = directory
        self.ledger = directory / "ledger"
        self.plans = (directory / f"worker-{number}.plan" for number in count(1))
        self.scenes = (f"{directory.name}-{number}" for number in count(1))
        self.deaths = 0
        self._start_worker()

    def _start_worker(self) -> None:
        self.plan = next(self.plans)
        variables = {PLAN: str(self.plan), LEDGER: str(self.ledger)}
        self.worker: WorkerProcess = self.cluster.start_worker(*OPTIONS, variables=variables)

    async def work_off(self, jobs: Iterator[Job]) -> None:
        """Take jobs as long as there are some; the lanes share them."""
        for name, moment, only in jobs:
            undisturbed, _ = await self.perform(name)
            for at in count() if only is None else [only]:
                end, died = await self.perform(name, moment, at)
                allowed = SCENARIOS[name].at_most_once if died else frozenset[str]()
                try:
                    end.check_equals(undisturbed, allowed)
                    assert died or only is None, "the worker did not come so far"
                except AssertionError as error:
                    error.add_note(f"{name}: killed {moment} commit {at}\n{self.worker.output()}")
                    raise
                if not died:
                    break

    async def perform(
        self, name: str, moment: Moment = "before", at: int | None = None
    ) -> tuple[End, bool]:
        """One run; how it ended, and whether the worker killed itself at that boundary."""
        scene, victim = next(self.scenes), self.worker
        new = self.plan.with_suffix(".new")
        new.write_text(f"{-1 if at is None else at} {moment}")
        new.rename(self.plan)
        performing = asyncio.ensure_future(SCENARIOS[name].perform(self.ct, scene))
        while not performing.done() and self.worker is victim:
            await asyncio.wait((performing,), timeout=0.02)
            self._replace_if_dead()
        await performing
        if self.worker is victim:
            await wait_until(self._is_settled, "its last commit", every=0.01)
            self._replace_if_dead()
        left = [
            self.cluster.rows(f"SELECT * FROM continuum_{table}")
            for table in ("leases", "tasks", "inbox")
        ]
        assert left == [[], [], []], f"{name}: killed {moment} commit {at}"
        [(bookings,)] = self.cluster.rows("SELECT count(*) FROM bookings WHERE scene = %s", scene)
        return await take_end(self.ct, scene, bookings), self.worker is not victim

    async def _is_settled(self) -> bool:
        if self.worker.process.poll() is not None:
            return True
        log = progress_of(self.plan).read_text()
        return log.count(BEGUN) == log.count(ANSWERED)

    def _replace_if_dead(self) -> None:
        if self.worker.process.poll() is not None:
            assert self.worker.process.returncode == -9, self.worker.output()
            self.deaths += 1
            self._start_worker()


@pytest.mark.cluster
@pytest.mark.timeout(1500)
async def test_sigkill_at_every_commit_boundary(
    new_dsn: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One end and one set of effects, wherever the process was killed; nothing is left behind."""
    jobs = iter(ALL if LONG else FEW)
    dsns = [await asyncio.to_thread(new_dsn) for _ in range(LANES)]
    ledger = tmp_path / "ledger"
    monkeypatch.setenv(LEDGER, str(ledger))
    deaths = 0

    async def run_lane(number: int, dsn: str) -> None:
        nonlocal deaths
        directory = tmp_path / f"lane-{number}"
        directory.mkdir()
        (directory / "ledger").symlink_to(ledger)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(BOOKINGS)
        with Cluster(dsn, app="tests.cluster.effects_app:app") as cluster:
            async with cluster.client() as ct:
                lane = Lane(cluster, ct, directory)
                await lane.work_off(jobs)
                deaths += lane.deaths
            cluster.check_journals()

    async with asyncio.TaskGroup() as lanes:
        for number, dsn in enumerate(dsns):
            lanes.create_task(run_lane(number, dsn))
    assert deaths >= (200 if LONG else len(FEW))
