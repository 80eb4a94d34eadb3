"""A prune beside everybody else: repairs of the same runs, other prunes, loads, limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from continuum import Continuum, RunHandle, RunNotFound, WorkflowFailed, workflow
from continuum.store.postgres import retention
from continuum.store.retention import BATCH, BATCH_EVENTS
from tests.retention import flows
from tests.retention.loading import assert_nothing_loose, load, rows

pytestmark = pytest.mark.every_server
DAY = timedelta(days=1)

HOLDERS = {
    "continuum_runs.id": "itself",
    "continuum_runs.parent_id": "kept while a child or its parent lives",
    "continuum_leases.run_id": "live runs are kept",
    "continuum_leases.lease_owner": "no run",
    "continuum_leases.lost_owner": "no run",
    "continuum_events.run_id": "goes with its run",
    "continuum_inbox.run_id": "goes with the lease",
    "continuum_deliveries.run_id": "goes with its run",
    "continuum_published.run_id": "goes with its run",
    "continuum_questions.run_id": "goes with its run",
    "continuum_tasks.run_id": "goes with the lease",
    "continuum_tasks.lease_owner": "no run",
    "continuum_heartbeats.run_id": "goes with the lease",
    "continuum_activity_waiters.run_id": "goes with the lease",
    "continuum_activity_results.run_id": "outlives its run",
    "continuum_origins.run_id": "goes with its run",
    "continuum_origins.origin_id": "kept while the run made from it lives",
    "continuum_schedules.last_run_id": "kept",
    "continuum_schedule_firings.run_id": "tells of a run that may be gone",
    "continuum_plans.id": "no run",
    "continuum_plan_runs.plan_id": "no run",
    "continuum_plan_runs.run_id": "kept while the plan can be applied",
    "continuum_operator_journal.run_id": "tells of a run that may be gone",
    "continuum_operator_journal.plan_id": "no run",
    "continuum_takeovers.run_ids": "tells of runs that may be gone",
    "continuum_takeovers.from_node": "no run",
    "continuum_takeovers.by_node": "no run",
    "continuum_nodes.id": "no run",
    "continuum_node_versions.node_id": "no run",
}
"""Every column that may hold the id of a run, and what a prune makes of it."""


def test_every_reference_to_runs_is_thought_of(dsn: str) -> None:
    """A new column of ids has to be looked at here, and in `needed` of retention.sql."""
    found = rows(
        dsn,
        "SELECT table_name || '.' || column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name LIKE 'continuum\\_%%'"
        " AND NOT (SELECT relispartition FROM pg_class WHERE oid = table_name::regclass)"
        " AND udt_name IN ('uuid', '_uuid')",
    )
    assert {name for (name,) in found} == set(HOLDERS)


async def test_many_batches(dsn: str) -> None:
    """More runs than one batch, and journals that are too long for one."""
    runs, long = BATCH * 2 + 10, BATCH_EVENTS * 2 // 5
    load(dsn, runs)
    load(dsn, 5, events=long, workflow="long:flow")
    load(dsn, 3, namespace="other")
    told: list[int] = []
    async with Continuum(dsn) as ct:
        report = await ct.prune(older_than=DAY)
        assert (report.runs, report.events) == (runs + 5, runs * 3 + 5 * long)
        assert_nothing_loose(dsn)
        report = await ct.prune(
            older_than=DAY, execute=True, rest=0, on_progress=lambda r: told.append(r.runs)
        )
        assert (report.runs, report.events) == (runs + 5, runs * 3 + 5 * long)
        assert (await ct.prune(older_than=DAY)).runs == 0
        assert await ct.count(namespace=None) == 3
    assert told == sorted(told)
    # Three long journals are too many events for one batch.
    steps = [after - before for before, after in pairwise([0, *told]) if after > before]
    assert sorted(steps) == sorted([2, 2, 1, BATCH, BATCH, 10])
    assert rows(dsn, "SELECT count(*) FROM continuum_events") == [(9,)]
    assert_nothing_loose(dsn)


async def test_a_condition_that_fits_few_is_walked_in_batches(dsn: str) -> None:
    """Each batch looks at so many runs, however few of them match."""
    load(dsn, BATCH * 3)
    looked: list[int] = []
    async with Continuum(dsn) as ct:
        report = await ct.prune(
            f"attributes.n >= {BATCH * 3 - 4}", older_than=DAY, execute=True,
            on_progress=lambda r: looked.append(r.looked),
        )  # fmt: skip
        assert report.runs == 5
        assert await ct.count() == BATCH * 3 - 5
    assert looked[:3] == [BATCH, BATCH * 2, BATCH * 3]


async def test_prunes_at_once_share_the_work(dsn: str) -> None:
    """Each run is deleted and counted by one of them."""
    load(dsn, BATCH * 4)
    async with Continuum(dsn) as first, Continuum(dsn) as second:
        reports = await asyncio.gather(
            *(ct.prune(older_than=DAY, execute=True, rest=0) for ct in (first, second))
        )
        assert sum(report.runs for report in reports) == BATCH * 4
        assert await first.count() == 0
    assert_nothing_loose(dsn)


@pytest.mark.parametrize("lock", ["FOR UPDATE", "FOR SHARE", "FOR KEY SHARE"])
async def test_a_run_that_somebody_works_on_is_left(dsn: str, lock: str) -> None:
    """A repair under way holds its row: the prune does not wait, and takes it the next time."""
    load(dsn, 3)
    async with (
        Continuum(dsn) as ct,
        await psycopg.AsyncConnection.connect(dsn) as other,
    ):
        [(run_id,)] = await (
            await other.execute(f"SELECT id FROM continuum_runs LIMIT 1 {lock}".encode())
        ).fetchall()
        report = await asyncio.wait_for(ct.prune(older_than=DAY, execute=True), 10)
        assert (report.runs, report.kept) == (2, {"in use": 1})
        assert await ct.get_run(run_id)
        await other.rollback()
        assert (await ct.prune(older_than=DAY, execute=True)).runs == 1


async def failed(ct: Continuum) -> RunHandle[str]:
    """A run that can be retried."""
    flows.reset("bank")
    run = await ct.start(flows.short, "bank")
    with pytest.raises(WorkflowFailed):
        await run.result(30)
    flows.broken.clear()
    return run


class Locked:
    """A prune that has locked its runs and found them unneeded, and has not deleted them yet."""

    def __init__(self, dsn: str, run_id: UUID) -> None:
        self._dsn, self._run_id = dsn, run_id

    async def __aenter__(self) -> Locked:
        self.connection = await psycopg.AsyncConnection.connect(self._dsn)
        await self.connection.execute(
            "SELECT id FROM continuum_runs WHERE id = %s FOR UPDATE SKIP LOCKED", [self._run_id]
        )
        return self

    async def delete(self, waiting: asyncio.Task[Any]) -> None:
        """Delete it while somebody waits for it."""
        async with asyncio.timeout(10):
            while not await self._waiters():
                assert not waiting.done(), waiting
                await asyncio.sleep(0.01)
        await self.connection.execute("DELETE FROM continuum_runs WHERE id = %s", [self._run_id])
        await self.connection.execute(
            "DELETE FROM continuum_events WHERE run_id = %s", [self._run_id]
        )
        await self.connection.commit()

    async def _waiters(self) -> int:
        cursor = await self.connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        [(count,)] = await cursor.fetchall()
        return count

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()


@pytest.mark.parametrize("repair", ["retry", "restart", "fork"])
async def test_a_repair_that_waits_for_a_prune_finds_no_run(dsn: str, repair: str) -> None:
    """Nothing is made from what is gone: no run, no lease, no journal."""
    async with Continuum(dsn) as ct:
        async with ct.worker(flows.ALL):
            run = await failed(ct)
        act = {
            "retry": lambda: ct.retry(run.id),
            "restart": lambda: ct.restart(run.id),
            "fork": lambda: ct.fork(run.id, at=1),
        }[repair]
        async with Locked(dsn, run.id) as prune:
            waiting: asyncio.Task[Any] = asyncio.ensure_future(act())
            await prune.delete(waiting)
            with pytest.raises(RunNotFound):
                await waiting
        assert await ct.count(namespace=None) == 0
    assert_nothing_loose(dsn)


@pytest.mark.parametrize("repair", ["retry", "restart", "fork"])
async def test_a_run_that_was_just_repaired_is_seen(
    dsn: str, repair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the lock: what the repair committed counts, not what was seen before."""
    async with Continuum(dsn) as ct:
        async with ct.worker(flows.ALL):
            run = await failed(ct)
        act = {
            "retry": lambda: ct.retry(run.id),
            "restart": lambda: ct.restart(run.id),
            "fork": lambda: ct.fork(run.id, at=1),
        }[repair]
        ask = retention._ask
        looks: Counter[str] = Counter()

        async def ask_and_repair(session: Any, text: str, parameters: Any) -> Any:
            found = await ask(session, text, parameters)
            looks["all"] += 1
            if looks["all"] == 1:
                await act()
            return found

        monkeypatch.setattr(retention, "_ask", ask_and_repair)
        report = await ct.prune(older_than=0, execute=True)
        assert report.runs == 0
        assert report.kept == {"in use" if repair == "retry" else "live origin": 1}
        assert looks["all"] >= 2
        assert (await run.get()).id == run.id
    assert_nothing_loose(dsn)


async def test_children_of_earlier_incarnations_go(dsn: str) -> None:
    """Of a parent that continues for years; those of its last incarnation stay."""
    flows.reset()
    async with Continuum(dsn) as ct, ct.worker(flows.ALL):
        run = await ct.start(flows.rounds, 3)
        async with asyncio.timeout(30):
            while await ct.count("state = 'completed'") < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (await ct.prune(older_than=0)).kept == {"live parent": 4}  # a minute is allowed for
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "UPDATE continuum_runs r SET started_at = r.started_at - interval '1 hour'"
                " WHERE parent_id IS NOT NULL AND id <> (SELECT id FROM continuum_runs"
                " WHERE parent_id IS NOT NULL ORDER BY started_at DESC LIMIT 1)"
            )
        report = await ct.prune(older_than=0, execute=True)
        assert (report.runs, report.kept) == (3, {"live parent": 1})
        await run.signal("go", "on")
        assert await run.result(30) == "on"
    assert_nothing_loose(dsn)


async def test_a_start_with_the_key_of_a_run_that_goes(dsn: str) -> None:
    """It waits for the end of the batch, and is a new run."""
    load(dsn, 1, workflow=flows.short.name)
    [(run_id,)] = rows(dsn, "UPDATE continuum_runs SET idempotency_key = 'k' RETURNING id")
    async with Continuum(dsn) as ct, Locked(dsn, run_id) as prune:
        await prune.connection.execute("DELETE FROM continuum_runs WHERE id = %s", [run_id])
        waiting = asyncio.ensure_future(ct.start(flows.short, "a", idempotency_key="k"))
        await prune.delete(waiting)
        run = await asyncio.wait_for(waiting, 10)
        assert run.new
        assert await ct.count() == 1
    assert_nothing_loose(dsn)


async def test_an_interrupted_prune_goes_on(dsn: str) -> None:
    """Cancelled in the middle: the batches before are done, the others untouched."""
    load(dsn, BATCH * 3)
    async with Continuum(dsn) as ct:
        stop = asyncio.Event()
        task = asyncio.ensure_future(
            ct.prune(older_than=DAY, execute=True, on_progress=lambda _: stop.set())
        )
        await stop.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = await ct.count()
        assert 0 < left < BATCH * 3
        assert left % BATCH == 0
        assert_nothing_loose(dsn)
        assert (await ct.prune(older_than=DAY, execute=True, rest=0)).runs == left
    assert_nothing_loose(dsn)


async def test_retention_is_that_of_the_code_that_joined_last(dsn: str) -> None:
    """Also when it declares none any more, and of several versions that of the newest."""

    def declared(version: int, retention: float | None) -> Any:
        async def report() -> None:
            """Nothing."""

        return workflow(name="reports:report", version=version, retention=retention)(report)

    read = "SELECT retention FROM continuum_workflows WHERE workflow = 'reports:report'"
    async with Continuum(dsn) as ct:
        for flows_, expected in (
            ([declared(1, 60.0)], 60.0),
            ([declared(1, 60.0), declared(2, 5.0)], 5.0),
            ([declared(3, None)], None),
        ):
            async with ct.worker(flows_):
                assert rows(dsn, read) == [(expected,)]
        await ct.start(declared(3, None))
        assert (await ct.prune()).groups == ()
