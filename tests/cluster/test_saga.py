"""The saga of the documentation, its worker killed by SIGKILL around each of its commits."""

from __future__ import annotations

import signal

import psycopg
import pytest

from continuum import Continuum
from continuum.client.handle import RunHandle
from tests.cluster.harness import Cluster, WorkerProcess, wait_until
from tests.saga import example
from tests.saga.disturbing import check
from tests.saga.example import Order, order_flow

ENDED = ("completed", "failed", "cancelled")
COMMITS = 4
PATIENCE = 180.0
"""Seconds: a new process has to come first, on a machine that may be busy."""


class Shop:
    """One order after another, each with a worker that kills itself and one that takes over."""

    def __init__(self, cluster: Cluster, ct: Continuum) -> None:
        self.cluster = cluster
        self.ct = ct

    async def order(self, scenario: str, moment: str, at: int) -> str:
        """Lead an order to its end; answers the state."""
        self._clear_ledger()
        self.cluster.environment["CONTINUUM_TEST_KILL"] = f"{moment} {at}"
        victim = self.cluster.start_worker()
        await self.cluster.wait_serving(self.ct, victim)
        del self.cluster.environment["CONTINUUM_TEST_KILL"]
        run = await self.ct.start(order_flow, Order("o1", 4200))
        heir = await self._lead(run, victim, None, "suspended")
        if scenario == "withdrawn":
            await run.cancel(reason=scenario)
        else:
            await run.signal("fraud_review", scenario)
        heir = await self._lead(run, victim, heir, "ended")
        assert victim.process.wait(10) == -signal.SIGKILL
        if heir is not None:  # the commit that ended the run was the last one
            heir.kill()
        found = await run.get()
        example.ledger[:] = [
            entry for (entry,) in self.cluster.rows("SELECT entry FROM ledger ORDER BY id")
        ]
        check(found.state, found.error and found.error.message, "o1")
        return found.state

    async def _lead(
        self, run: RunHandle[str], victim: WorkerProcess, heir: WorkerProcess | None, where: str
    ) -> WorkerProcess | None:
        """Until the run is there, with another worker from when the first is dead."""

        async def there_or_dead() -> bool:
            return await there() or (heir is None and victim.process.poll() is not None)

        async def there() -> bool:
            return (await run.get()).state in (*ENDED, where)

        await wait_until(there_or_dead, f"the run to be {where}", timeout=PATIENCE)
        if heir is None and victim.process.poll() is not None:
            heir = self.cluster.start_worker()
            await wait_until(there, f"the run to be {where}", timeout=PATIENCE)
        return heir

    def _clear_ledger(self) -> None:
        with psycopg.connect(self.cluster.dsn, autocommit=True) as connection:
            connection.execute("TRUNCATE ledger")


@pytest.mark.cluster_long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("scenario", "expected"),
    [("approved", "completed"), ("rejected", "failed"), ("withdrawn", "cancelled")],
)
async def test_a_killed_worker_leaves_no_charge_without_refund(
    dsn: str, scenario: str, expected: str, moment: str
) -> None:
    """Whichever commit was its last, the order ends as it would have, and the money agrees."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(example.LEDGER)
    with Cluster(dsn, app="tests.saga.example") as cluster:
        async with cluster.client() as ct:
            shop = Shop(cluster, ct)
            for at in range(1, COMMITS + 1):
                assert await shop.order(scenario, moment, at) == expected, f"{moment} {at}"
        cluster.check_journals()
        assert cluster.rows("SELECT count(*) FROM continuum_leases") == [(0,)]
