"""Hints are only hints: the poll finds everything."""

from __future__ import annotations

import asyncio

import pytest

from tests.cluster.flows import five_steps, signal_then_step
from tests.cluster.harness import LONG, Cluster

RUNS = 200 if LONG else 20


@pytest.mark.cluster
async def test_everything_completes_without_notify(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With NOTIFY off in client and workers, starts, signals, timers and results still arrive."""
    monkeypatch.setenv("CONTINUUM_HINTS", "off")
    with Cluster(dsn, environment={"CONTINUUM_HINTS": "off"}) as cluster:
        async with cluster.client() as ct:
            workers = [cluster.start_worker(), cluster.start_worker()]
            await cluster.wait_serving(ct, *workers)
            waiting = await asyncio.gather(*(ct.start(signal_then_step) for _ in range(RUNS)))
            working = await asyncio.gather(*(ct.start(five_steps, 0.01) for _ in range(RUNS)))
            await asyncio.gather(*(run.signal("go", "ok") for run in waiting))
            answers = await asyncio.gather(*(run.result(timeout=60) for run in waiting))
            assert answers == ["ok"] * RUNS
            results = await asyncio.gather(*(run.result(timeout=60) for run in working))
            assert results == [[0, 1, 2, 3, 4]] * RUNS
        cluster.check_journals()
