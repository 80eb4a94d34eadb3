"""Rule 23: a blocking workflow is named, and at the hard limit takes nothing down with it."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from continuum.worker.watchdog import EXIT_CODE
from tests.worker import flows
from tests.worker.cluster import Cluster, new_run

ROOT = Path(__file__).parents[2]


async def test_a_blocking_step_is_reported_with_its_stack(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning names the run, its workflow and the line that blocks."""
    member = await cluster.join(flows.blocking, warn_after=0.1)
    with caplog.at_level(logging.WARNING, "continuum.worker.watchdog"):
        run_id = await member.worker.create_local(new_run(flows.blocking, 0.4))
    [text] = [record.getMessage() for record in caplog.records if "blocked" in record.msg]
    assert str(run_id) in text
    assert flows.blocking.name in text
    assert "while time.monotonic() < until" in text


async def test_the_hard_limit_gives_all_other_runs_back(cluster: Cluster) -> None:
    """While the loop is still blocked the other leases are free and the process ends."""
    exited = threading.Event()
    freed: list[object] = []

    def exit_process() -> None:
        import psycopg

        with psycopg.connect(cluster.dsn) as connection:
            rows = connection.execute(
                "SELECT run_id FROM continuum_leases WHERE lease_owner IS NULL"
            )
            freed.extend(run_id for (run_id,) in rows)
        exited.set()

    member = await cluster.join(
        flows.blocking, flows.waiting, warn_after=0.2, exit_after=0.5, exit_process=exit_process
    )
    others = [await member.worker.create_local(new_run(flows.waiting, 1)) for _ in range(3)]
    culprit = await cluster.start(flows.blocking, 4.0)
    assert await asyncio.to_thread(exited.wait, 10)
    assert set(freed) == set(others)
    assert culprit not in freed
    await member.die()


HOST = """
import asyncio, sys
from continuum import Continuum
from tests.worker import poison_flows as flows

async def main():
    async with Continuum(sys.argv[1]) as ct:
        worker = ct.worker([flows.blocks, flows.patient_neighbour], warn_after=0.2, exit_after=1.0)
        async with worker:
            for _ in range(3):
                await ct.start(flows.patient_neighbour)
            await ct.start(flows.blocks, 60.0)
            await asyncio.Event().wait()

asyncio.run(main())
"""
"""A worker process of which one run never lets go."""


def test_rule_23_the_hard_limit_ends_a_real_process(dsn: str) -> None:
    """It exits by itself with the code for supervisors, and only the culprit's lease is lost."""
    ended = subprocess.run(
        [sys.executable, "-c", HOST, dsn],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == EXIT_CODE, ended.stderr
    assert "has blocked this worker for" in ended.stderr
    with psycopg.connect(dsn) as connection:
        leases = connection.execute(
            "SELECT r.workflow, l.lease_owner IS NULL, l.takeovers"
            " FROM continuum_leases l JOIN continuum_runs r ON r.id = l.run_id"
        ).fetchall()
    neighbour = ("tests.worker.poison_flows:patient_neighbour", True, 0)
    assert [lease for lease in leases if lease[1]] == [neighbour] * 3
    assert len(leases) <= 4
