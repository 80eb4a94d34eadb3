"""The life of a patch: deployed, rolled back, deployed again, removed, with real runs throughout.

Each deployment is a file of its own, loaded by worker processes; nothing is written by hand.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from continuum import Continuum
from tests.cluster.harness import LONG, Cluster, WorkerProcess, wait_until

PER_GROUP = 50 if LONG else 4
WORKERS = 2 if LONG else 1

CODE = """
from continuum import activity, patched, wait_signal, workflow

@activity
async def cheap(n: int) -> str:
    return "cheap"

@activity
async def thorough(n: int) -> str:
    return "thorough"

@workflow(name="order")
async def order(n: int) -> str:
    await wait_signal("check")
    {check}
    await wait_signal({ship})
    return done
"""
BEFORE = CODE.format(check="done = await cheap(n)", ship='"ship"')
BETWEEN = CODE.format(
    check='if patched("thorough"):\n        done = await thorough(n)\n    else:\n'
    "        done = await cheap(n)",
    ship='"ship"',
)
AFTER = CODE.format(check="done = await thorough(n)", ship='"ship"')
REUSED = CODE.format(
    check="done = await thorough(n)", ship='"ship" if patched("thorough") else "send"'
)


class Life(Cluster):
    """Deployments of one application, one after the other."""

    running: Sequence[WorkerProcess] = ()

    def write(self, code: str) -> None:
        """Put a release in place; the processes that run keep the one they have loaded."""
        (self.folder / f"{self.app}.py").write_text(code)

    @asynccontextmanager
    async def deployed(self, ct: Continuum, code: str) -> AsyncIterator[None]:
        """Workers with this release, until they have drained."""
        self.write(code)
        workers = [self.start_worker() for _ in range(WORKERS)]
        await self.wait_serving(ct, *workers)
        yield
        for worker in workers:
            worker.leave()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The real command line, with this application."""
        return subprocess.run(
            [sys.executable, "-m", "continuum.cli", "--dsn", self.dsn, *arguments],
            capture_output=True, text=True, timeout=60, cwd=self.folder,
            env=self.variables(),
        )  # fmt: skip

    def audit(self, code: str) -> tuple[dict[str, Any], int]:
        """The report on a release that is about to be deployed, and what `--strict` answers."""
        self.write(code)
        done = self.command("audit", "--app", self.app, "--strict", "--format", "json")
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout), done.returncode

    async def parked(self, ct: Continuum, runs: Iterable[UUID], name: str) -> None:
        """Wait until all of these runs wait for this signal."""
        wanted = set(runs)

        async def look() -> bool:
            found = ct.stream(f"waiting_on = 'signal {name}'", namespace=None)
            return wanted <= {run.id async for run in found}

        await wait_until(look, f"{len(wanted)} runs to wait for {name}")

    async def hashes(self, ct: Continuum, runs: Iterable[UUID]) -> set[str]:
        """The version hashes of these runs."""
        return {(await ct.get_run(run_id)).version_hash for run_id in runs}


async def start(ct: Continuum, count: int) -> list[UUID]:
    """Start so many runs."""
    return [run.id for run in await asyncio.gather(*(ct.start("order", n) for n in range(count)))]


async def send(ct: Continuum, runs: Iterable[UUID], name: str) -> None:
    """Signal each of these runs."""
    await asyncio.gather(*(ct.signal(run_id, name) for run_id in runs))


async def results(ct: Continuum, runs: Iterable[UUID]) -> set[Any]:
    """What these runs came to; all of them complete."""
    return set(await asyncio.gather(*(ct.result(run_id, timeout=60) for run_id in runs)))


@pytest.mark.cluster
@pytest.mark.timeout(600)
async def test_the_life_of_a_patch(dsn: str, tmp_path: Path) -> None:
    """Every run ends on the branch it took, and the audit tells when the patch may go."""
    with Life(dsn, "life_app", folder=tmp_path) as life:
        async with life.client() as ct:
            await live(life, ct)
        life.check_journals()


async def live(life: Life, ct: Continuum) -> None:
    """Five groups of runs, told apart by when they come to the patch, and by their release."""
    async with life.deployed(ct, BEFORE):
        runs = await start(ct, 5 * PER_GROUP)
        groups = [runs[n * PER_GROUP : (n + 1) * PER_GROUP] for n in range(5)]
        past, crossing, rolled_back, late, idle = groups
        await life.parked(ct, runs, "check")
        await send(ct, past, "check")
        await life.parked(ct, past, "ship")
        (old,) = await life.hashes(ct, runs)

    async with life.deployed(ct, BETWEEN):
        fresh = await start(ct, 1)
        await send(ct, [*crossing, *fresh], "check")
        await life.parked(ct, [*crossing, *fresh], "ship")
        await send(ct, past[:1], "ship")
        assert await results(ct, past[:1]) == {"cheap"}
        taken = [*crossing, *fresh]
        (new,) = await life.hashes(ct, taken)
        assert await life.hashes(ct, [*past, *rolled_back, *late, *idle]) == {old}
        assert new != old
        report, code = life.audit(BETWEEN)
        assert verdicts(report) == {("thorough", "still-in-use", 4 * PER_GROUP - 1)}
        assert (report["unknown_versions"], report["strict_ok"], code) == ([], True, 0)
        if LONG:
            report, code = life.audit(AFTER)  # the patch removed too early
            assert unknown(report) == {old: 4 * PER_GROUP - 1}
            assert (report["strict_ok"], code) == (False, 1)

    async with life.deployed(ct, BEFORE):
        await send(ct, taken, "ship")
        await send(ct, [*past[1:], *rolled_back], "ship")
        await send(ct, rolled_back, "check")
        assert await results(ct, [*past[1:], *rolled_back]) == {"cheap"}
        assert await stuck(ct) == set(taken)
        listed = life.command("query", "stuck", "--format", "ids", "--all")
        assert {UUID(line) for line in listed.stdout.split()} == set(taken)
        assert life.rows(
            "SELECT count(*) FROM continuum_leases WHERE run_id = ANY (%s)"
            " AND lease_owner IS NULL AND ready", taken,
        ) == [(len(taken),)]  # fmt: skip
        report, code = life.audit(BEFORE)
        assert (unknown(report), code) == ({new: len(taken)}, 1)
        if LONG:
            report, code = life.audit(BETWEEN)
            assert verdicts(report) == {("thorough", "still-in-use", 2 * PER_GROUP)}
            assert (unknown(report), code) == ({}, 0)
        assert (await ct.cancel(taken[0], force=True)) is None
        assert (await ct.get_run(taken[0])).state == "cancelled"

    async with life.deployed(ct, BETWEEN):
        assert await results(ct, taken[1:]) == {"thorough"}  # by themselves
        assert await stuck(ct) == set()
        await send(ct, [*late, *idle], "check")
        await life.parked(ct, [*late, *idle], "ship")
        assert await life.hashes(ct, [*late, *idle]) == {new}
        report, code = life.audit(BETWEEN)
        assert verdicts(report) == {("thorough", "safe-to-remove", 0)}
        assert (unknown(report), report["strict_ok"], code) == ({}, False, 1)
        report, code = life.audit(AFTER)
        assert (verdicts(report), unknown(report)) == (set(), {})
        assert (report["strict_ok"], code) == (True, 0)

    async with life.deployed(ct, AFTER):
        last = await start(ct, 1)
        await send(ct, last, "check")
        await send(ct, [*late, *idle, *last], "ship")
        assert await results(ct, [*late, *idle, *last]) == {"thorough"}
        assert await life.hashes(ct, last) == {new}
        assert await stuck(ct) == set()

    life.write(REUSED)
    refused = life.command("worker", "--app", life.app)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "patch 'thorough' of workflow order has a name that was used before" in line
    assert "give this patch a name that never was" in line


def verdicts(report: dict[str, Any]) -> set[tuple[str, str, int]]:
    """Patch, verdict, and how many live runs need the code before it."""
    return {
        (site["name"], site["verdict"], site["in_flight_pre_patch"])
        for version in report["workflows"]
        for site in version["patch_sites"]
    }


def unknown(report: dict[str, Any]) -> dict[str, int]:
    """Live runs that the audited release cannot run, by hash."""
    return {each["version_hash"]: each["live_runs"] for each in report["unknown_versions"]}


async def stuck(ct: Continuum) -> set[UUID]:
    """Runs that no live worker can run."""
    return {run.id async for run in ct.stream("stuck", namespace=None)}
