"""Retries with real processes: of operators that are killed, and of workers that die."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from continuum import Continuum, RepairRefused, WorkflowFailed
from tests.cli.processes import COMMAND, new_shell
from tests.repair import flows
from tests.worker.cluster import Cluster, eventually, open_cluster

RUNS = 1000
"""As many as one page of a query holds."""
WHERE = "workflow like '%numbered' and state = 'failed'"


async def fail_many(ct: Continuum) -> list[Any]:
    """A thousand failed runs."""
    flows.reset("bank")
    runs = [await ct.start(flows.numbered, number) for number in range(RUNS)]
    for run in runs:
        with pytest.raises(WorkflowFailed):
            await run.result(60)
    return runs


async def test_a_killed_bulk_retry_is_repeated_and_each_run_retried_once(
    dsn: str, tmp_path: Path
) -> None:
    """1,000 failed runs, the terminal killed in the middle: the same command ends it, once each."""
    shell = new_shell(tmp_path, dsn)
    async with Continuum(dsn) as ct:
        async with ct.worker(flows.ALL):
            runs = await fail_many(ct)
        done = await asyncio.to_thread(shell.run, "retry", "--where", WHERE)
        assert (done.returncode, json.loads(done.stdout)["matches"]) == (0, RUNS)
        assert await ct.count("state = 'failed'") == RUNS
        flows.broken.clear()
        command = [*COMMAND, "retry", "--where", WHERE, "--execute", "--yes", "--once", "bank"]
        process = subprocess.Popen(
            command, env=shell.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        async def under_way() -> bool:
            return await ct.count("state = 'running'") > 0

        await eventually(under_way, 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = await ct.count("state = 'failed'")
        assert 0 < left < RUNS
        again = await asyncio.to_thread(shell.run, *command[len(COMMAND) :])
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout) | {"sample": []} == {
            "outcome": "retried", "runs": left, "sample": [],
        }  # fmt: skip
        async with ct.worker(flows.ALL):
            for number, run in enumerate(runs):
                assert await run.result(60) == f"after {number}"
    assert flows.calls.pop("bank") == 3 * RUNS
    assert set(flows.calls.values()) == {1}
    assert len(flows.calls) == 2 * RUNS
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT run_id FROM continuum_events WHERE type = 'run_retried'"
        ).fetchall()
    assert Counter(run_id for (run_id,) in rows) == Counter(run.id for run in runs)


async def test_a_worker_that_dies_after_the_retry_changes_nothing(dsn: str) -> None:
    """The next one replays the journal with its annulled part, and goes on with the activity."""
    flows.reset("bank", "beside bank")
    cluster: Cluster = await open_cluster(dsn)
    try:
        async with Continuum(dsn) as ct:
            first = await cluster.join(flows.beside)
            run_id = await cluster.start(flows.beside, "bank")
            await eventually(lambda: flows.calls["beside bank"])
            await cluster.signal(run_id, "begun")
            assert await cluster.ended(run_id) == "failed"
            flows.broken.discard("bank")
            await ct.retry(run_id)
            await eventually(lambda: flows.calls["bank"] == 2 and flows.calls["beside bank"] == 2)
            await first.die()
            flows.broken.clear()
            await cluster.join(flows.beside)
            assert await cluster.result(run_id) == ["beside bank", "bank answered"]
            assert flows.calls["beside bank"] == 3
            await cluster.events(run_id)
    finally:
        await cluster.close()


async def test_a_crashed_activity_is_retried_with_force_only(dsn: str) -> None:
    """Nobody knows what an activity did whose process died; an operator may decide."""
    flows.reset("bank")
    cluster: Cluster = await open_cluster(dsn)
    try:
        async with Continuum(dsn) as ct:
            first = await cluster.join(flows.at_most_once)
            run_id = await cluster.start(flows.at_most_once, "bank")
            await eventually(lambda: flows.calls["bank"])
            await first.die()
            await cluster.join(flows.at_most_once)
            error_type, _ = await cluster.error(run_id)
            assert error_type == "continuum.errors.ActivityCrashed"
            with pytest.raises(RepairRefused, match="nobody knows what it did"):
                await ct.retry(run_id)
            flows.broken.clear()
            await ct.retry(run_id, force=True)
            assert await cluster.result(run_id) == "bank"
            assert flows.calls["bank"] == 2
    finally:
        await cluster.close()


def test_retry_as_it_is_called(dsn: str, tmp_path: Path) -> None:
    """By id it acts, by condition it shows first; a refusal is exit 1, or an outcome."""
    shell = new_shell(tmp_path, dsn)
    with shell.worker():
        run_id = shell.answer("start", "flows:broken", "--input", '"x"', "--app", "flows")
        assert shell.run("result", run_id).returncode == 1
        done = shell.run("retry", run_id)
        assert done.returncode == 1
        assert "no activity failed; the workflow itself raised ValueError" in done.stderr
        assert shell.run("retry").returncode == 2
        assert shell.run("retry", "no-id").returncode == 1  # no run has that key
        assert shell.run("retry", "--where", "nonsense ~ 1").returncode == 2
        done = shell.run("retry", "--where", "state = 'failed'", "--execute", "--yes")
        assert done.returncode == 0
        assert "no activity failed" in json.loads(done.stdout)["outcome"]
        assert "cannot ask" in shell.run("retry", "--where", "state = 'failed'", "--execute").stderr


def test_the_blocking_client_repairs_too(dsn: str) -> None:
    """The same calls, for synchronous code."""
    flows.reset("bank")
    with Continuum.blocking(dsn) as ct, ct.worker([flows.three_steps]):
        run = ct.start(flows.three_steps, "bank")
        with pytest.raises(WorkflowFailed):
            run.result(30)
        flows.broken.clear()
        assert ct.retry(run.id, once="k")
        assert run.result(30)[1] == "bank answered"
        assert not ct.retry(run.id, once="k")
        with pytest.raises(RepairRefused):
            ct.release(run.id)
        assert [f.code for f in ct.health(sample=0).findings] == []
