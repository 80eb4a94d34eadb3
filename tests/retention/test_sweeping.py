"""Workers that prune by themselves: one at a time, and only what workflows declare."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from continuum import Continuum, DefinitionError
from continuum.client.local_worker import LocalWorker
from continuum.testing import environment
from tests.cli.processes import new_shell
from tests.retention import flows
from tests.retention.loading import assert_nothing_loose, load, rows


async def test_a_worker_prunes_what_workflows_declare(dsn: str) -> None:
    """Runs whose retention is over, in every namespace; nothing is recorded of it."""
    load(dsn, 3, workflow=flows.kept_short.name, namespace="billing")
    load(dsn, 3, workflow=flows.kept_long.name)
    load(dsn, 3, workflow=flows.short.name)
    async with Continuum(dsn) as ct:
        worker = ct.worker(flows.ALL, prune_every=0.1)
        assert worker.sweeping is not None
        swept = worker.sweeping.swept.listen()
        async with worker:
            report = await asyncio.wait_for(swept.get(), 30)
            assert (report.runs, report.executed) == (3, True)
            assert (await asyncio.wait_for(swept.get(), 30)).runs == 0
        assert swept.empty()
        assert not worker.sweeping.running
        left = await ct.count(namespace=None, group_by="workflow")
        assert {group.key: group.count for group in left} == {
            (flows.kept_long.name,): 3, (flows.short.name,): 3,
        }  # fmt: skip
        assert (await ct.operator_journal()).entries == ()
    assert_nothing_loose(dsn)


async def test_workers_take_turns(dsn: str) -> None:
    """Of workers that come at once, one does it; the next time is when so long has passed."""
    async with Continuum(dsn) as ct:
        store = ct._backend.retention
        taken = await asyncio.gather(*(store.take_duty("prune", 1) for _ in range(8)))
        assert sum(taken) == 1
        assert not await store.take_duty("prune", 3600)
        assert await store.take_duty("other", 3600)
        assert await store.take_duty("prune", 0)
        assert len(rows(dsn, "SELECT 1 FROM continuum_duties")) == 2


async def test_in_memory_workers_take_turns_too() -> None:
    """By the clock of the store."""
    async with environment(flows.ALL) as env:
        store = env.client._backend.retention
        assert await store.take_duty("prune", 60)
        assert not await store.take_duty("prune", 60)
        await env.sleep(61)
        assert await store.take_duty("prune", 60)


async def test_no_worker_prunes_unasked(dsn: str) -> None:
    """It is off by default, and a wrong duration is refused at once."""
    async with Continuum(dsn) as ct:
        assert isinstance(ct.worker(flows.ALL), LocalWorker)
        assert ct.worker(flows.ALL).sweeping is None
        for wrong in (0, -1, timedelta(0), "1h"):
            with pytest.raises(DefinitionError, match="prune_every"):
                ct.worker(flows.ALL, prune_every=wrong)


def test_the_command_prunes(dsn: str, tmp_path: Path) -> None:
    """`continuum worker --prune-every`; a wrong one is exit 2."""
    shell = new_shell(tmp_path, dsn)
    (tmp_path / "flows.py").write_text(
        "from continuum import workflow\n\n\n@workflow(retention=1)\nasync def old() -> None: ...\n"
    )
    load(dsn, 3, workflow="flows:old")
    for wrong in ("0s", "often", "3"):
        done = shell.run("worker", "--app", "flows", "--prune-every", wrong)
        assert (done.returncode, "--prune-every" in done.stderr) == (2, True), wrong
    with shell.worker("--prune-every", "100ms"):
        for _ in range(600):
            if not rows(dsn, "SELECT 1 FROM continuum_runs"):
                break
            asyncio.run(asyncio.sleep(0.05))
    assert rows(dsn, "SELECT 1 FROM continuum_runs") == []
