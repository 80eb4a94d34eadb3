"""Rule 23: what takes its process down is told from its neighbours, and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from continuum import Continuum
from continuum.store.protocol import ClaimedRun, CommitResult, Turn
from tests.cluster.harness import Cluster as Processes
from tests.cluster.harness import wait_until
from tests.worker import flows, poison_flows
from tests.worker.cluster import Between, Cluster


class Watched(Between):
    """Holds commits until `open`, and notes beside which uncommitted runs something is claimed."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.open = asyncio.Event()
        self.uncommitted: set[UUID] = set()
        self.company: dict[UUID, set[UUID]] = {}

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        await self.open.wait()
        result = await self.inner.commit_turns(node_id, turns)
        self.uncommitted -= {turn.run_id for turn in turns}
        return result

    async def claim(self, *asked: Any) -> list[ClaimedRun]:
        return self._note(await self.inner.claim(*asked))

    async def claim_suspect(self, *asked: Any) -> list[ClaimedRun]:
        return self._note(await self.inner.claim_suspect(*asked))

    def _note(self, claimed: list[ClaimedRun]) -> list[ClaimedRun]:
        self.company |= {run.run_id: set(self.uncommitted) for run in claimed}
        self.uncommitted |= {run.run_id for run in claimed}
        return claimed


async def test_rule_23_a_suspect_is_alone_until_its_step_is_durable(cluster: Cluster) -> None:
    """Nothing is claimed beside a suspect, nor a suspect beside what has committed nothing yet."""
    flows.reset()
    suspects = {await cluster.start(flows.three_steps, n) for n in range(3)}
    await cluster.execute("UPDATE continuum_leases SET takeovers = 2")
    neighbours = {await cluster.start(flows.three_steps, n) for n in range(3)}
    member = await cluster.join(flows.three_steps, wrap=Watched, poll=0.05)
    watched: Watched = member.store
    polled = member.worker.wake.polled.listen()
    for _ in range(3):
        await asyncio.wait_for(polled.get(), 10)
    assert set(watched.company) == neighbours
    watched.open.set()
    for run_id in suspects | neighbours:
        await cluster.result(run_id)
    assert all(not watched.company[run_id] for run_id in suspects)
    assert not any(suspects & watched.company[run_id] for run_id in neighbours)


async def test_a_turn_the_database_refuses_holds_suspects_up_for_a_while_only(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience with a run whose commit does not come ends, and the suspects get their turn."""
    monkeypatch.setattr("continuum.worker.probation.PATIENCE", 0.1)
    flows.reset()
    suspect = await cluster.start(flows.three_steps, 1)
    await cluster.execute("UPDATE continuum_leases SET takeovers = 3")
    stuck = await cluster.start(flows.waiting, 1)
    await cluster.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF NEW.run_id = '{stuck}' THEN RAISE 'refused'; END IF; RETURN NEW; END $$"
    )
    await cluster.execute(
        "CREATE TRIGGER refusing BEFORE INSERT ON continuum_events FOR EACH ROW"
        " EXECUTE FUNCTION refuse()"
    )
    await cluster.join(flows.three_steps, flows.waiting, poll=0.05)
    assert await cluster.result(suspect) == 4
    await cluster.execute("DROP TRIGGER refusing ON continuum_events")
    await cluster.suspended(stuck)


@pytest.mark.cluster
async def test_rule_23_poison_ends_four_processes_and_no_neighbour_suffers(dsn: str) -> None:
    """Real processes that the run's own code ends: after the fourth it is left alone."""
    with Processes(dsn) as processes:
        async with Continuum(dsn) as ct:
            waiting = await ct.start(poison_flows.patient_neighbour)
            poison = await ct.start(poison_flows.poison)
            others = [await ct.start(poison_flows.neighbour, n) for n in range(30)]
            options = ["--app", "tests.worker.poison_flows", "--ttl", "2", "--heartbeat", "0.5"]
            codes: list[int] = []

            def takeovers() -> int:
                query = "SELECT takeovers FROM continuum_leases WHERE run_id = %s"
                return processes.rows(query, poison.id)[0][0]

            for deaths in range(1, 5):
                worker = processes.start_worker(*options)
                codes.append(await asyncio.to_thread(worker.process.wait, 60))
                assert takeovers() == deaths - 1
            last = processes.start_worker(*options)

            async def quarantined() -> bool:
                return takeovers() == 4

            await wait_until(quarantined, "the fourth death to be noticed")
            assert [await run.result(60) for run in others] == [2 * n for n in range(30)]
            await waiting.signal("go", "on")
            assert await waiting.result(60) == "on"
            await ct.signal(poison.id, "go")
            assert codes == [poison_flows.EXIT_CODE] * 4
            assert last.process.poll() is None
            assert takeovers() == 4
            await poison.cancel(force=True)
            assert (await poison.get()).state == "cancelled"


@pytest.mark.cluster
async def test_rule_23_a_process_whose_loop_stands_still_keeps_its_runs(dsn: str) -> None:
    """For three times its TTL workflow code blocks the loop; the other worker takes nothing."""
    with Processes(dsn) as processes:
        async with Continuum(dsn) as ct:
            options = ["--app", "tests.worker.poison_flows", "--ttl", "1", "--heartbeat", "0.2"]
            workers = [processes.start_worker(*options) for _ in range(2)]
            await processes.wait_serving(ct, *workers)
            before = {node.id for node in await ct.nodes()}
            run = await ct.start(poison_flows.blocks, 3.0)
            assert await run.result(60) in {worker.pid for worker in workers}
            assert {node.id for node in await ct.nodes() if node.alive} == before
