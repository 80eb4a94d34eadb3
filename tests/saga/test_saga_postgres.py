"""The saga matrix on PostgreSQL: at each commit a step fails, a worker dies, a cancel comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from continuum.store.protocol import CommitResult, NewMessage, Turn
from tests.saga import example
from tests.saga.disturbing import Case, check, let_a_step_fail
from tests.saga.example import WORKFLOWS, Order, order_flow
from tests.worker.cluster import Between, Cluster, Member, eventually, new_run, open_cluster

LOOK = 0.05
"""Seconds between two looks at the other workers: how a death is found is not what is tested."""

ENDED = ("completed", "failed", "cancelled")
ENDS = {"approved": "completed", "rejected": "failed", "withdrawn": "cancelled"}


class Disturbed(Between):
    """A store whose commits are those of the case at hand."""

    case = Case(0, "before")

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        return await self.case.around(self.inner.commit_turns, node_id, turns)


class Matrix:
    """Orders on one database, each with one disturbance."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.member: Member | None = None
        self._changing: asyncio.Task[None] | None = None

    async def once(self, scenario: str, disturbance: str, case: Case) -> tuple[str, int]:
        """One order. Answers how it ended and how many commits its first worker began."""
        example.reset()
        run = new_run(order_flow, Order("o1", 4200))
        case.strike = {
            "raise": let_a_step_fail,
            "cancel": lambda _: self._post(run.run_id, "cancel", "", b'"changed my mind"'),
            "crash": self._crash,
            "stop": self._stop,
        }[disturbance]
        if self.member is None:
            self.member = await self.cluster.join(*WORKFLOWS, wrap=Disturbed, look=LOOK)
        self.member.store.case = case
        assert await self.cluster.store.insert_runs([run]) == [None]
        self.cluster.hints.runs_changed([run.run_id])
        await eventually(lambda: self._came_to(run.run_id, "suspended"))
        if scenario == "withdrawn":
            await self._post(run.run_id, "cancel", "", b'"withdrawn"')
        else:
            await self._post(run.run_id, "signal", "fraud_review", f'"{scenario}"'.encode())
        await eventually(lambda: self._came_to(run.run_id, "ended"))
        if self._changing is not None:
            await self._changing
            self._changing = None
        return await self._checked(run.run_id), case.commits

    async def _checked(self, run_id: UUID) -> str:
        [(state, error)] = await self.cluster.rows(
            "SELECT state, error_message FROM continuum_runs WHERE id = %s", run_id
        )
        check(state, error, "o1")
        await self.cluster.events(run_id)
        assert await self.cluster.rows("SELECT count(*) FROM continuum_leases") == [(0,)]
        return state

    async def _came_to(self, run_id: UUID, where: str) -> bool:
        state = await self.cluster.state(run_id)
        return state in ENDED or state == where

    async def _post(self, run_id: UUID, kind: str, name: str, value: bytes) -> None:
        """A message for a run, which may have ended."""
        await self.cluster.store.post([NewMessage(run_id, kind, name, value)])
        self.cluster.hints.runs_changed([run_id])

    async def _crash(self, _: str) -> None:
        """This worker does nothing any more; another one comes."""
        self._changing = asyncio.create_task(self._replace(crash=True))
        await asyncio.Event().wait()

    async def _stop(self, _: str) -> None:
        """This worker is asked to stop; another one comes."""
        self._changing = asyncio.create_task(self._replace(crash=False))

    async def _replace(self, *, crash: bool) -> None:
        member, self.member = self.member, None
        assert member is not None
        await (member.die() if crash else member.close())
        self.member = await self.cluster.join(*WORKFLOWS, wrap=Disturbed, look=LOOK)


@pytest.fixture
async def matrix(dsn: str) -> AsyncIterator[Matrix]:
    """A migrated database; workers come with the first order."""
    cluster = await open_cluster(dsn)
    try:
        yield Matrix(cluster)
    finally:
        await cluster.close()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("disturbance", ["raise", "crash", "cancel", "stop"])
@pytest.mark.parametrize("scenario", ENDS)
async def test_no_charge_without_refund_or_shipment_on_postgres(
    matrix: Matrix, scenario: str, disturbance: str, moment: str
) -> None:
    """Whatever happens at whichever commit of the order flow, the money and the goods agree."""
    expected = ENDS[scenario]
    state, commits = await matrix.once(scenario, "raise", Case(0, moment))
    assert state == expected
    assert commits >= 4
    ends: set[Any] = set()
    for at in range(1, commits + 1):
        ended, _ = await matrix.once(scenario, disturbance, Case(at, moment))
        ends.add(ended)
    if disturbance in ("crash", "stop"):
        assert ends == {expected}
    elif disturbance == "cancel":
        assert "cancelled" in ends
    else:
        assert "failed" in ends
