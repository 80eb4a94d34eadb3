"""Rule 23: a blocking workflow is named, and at the hard limit takes nothing down with it."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from tests.worker import flows
from tests.worker.cluster import Cluster, new_run


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
