"""Commit boundaries: unknown outcomes, fences, refused payloads, and what waits for a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from continuum.errors import DuplicateRun, PayloadError
from continuum.journal.turn import Turn
from continuum.store.postgres.store import PostgresStore
from continuum.store.protocol import ClaimedRun, CommitResult, StoreUnavailable
from tests.worker import flows
from tests.worker.cluster import Between, Cluster, CommitGate, eventually, new_run


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


class Unsure(Between):
    """Loses the answer of every commit once: before it happens, and after it happened."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store)
        self.count = 0
        self.sent: list[list[Turn]] = []

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        self.count += 1
        self.sent.append(list(turns))
        if self.count % 3 == 1:
            raise StoreUnavailable("lost before the commit")
        result = await self.inner.commit_turns(node_id, turns)
        if self.count % 3 == 2:
            raise StoreUnavailable("lost after the commit")
        return result


class Counting(Between):
    """Records how many turns each commit carried."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store)
        self.sizes: list[int] = []

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        self.sizes.append(len(turns))
        return await self.inner.commit_turns(node_id, turns)


REFUSE_POISON = """
CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF convert_from(NEW.result, 'UTF8') = '"poison"' THEN
        RAISE EXCEPTION 'no poison here' USING ERRCODE = 'data_exception';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_poison BEFORE INSERT OR UPDATE ON continuum_runs
FOR EACH ROW EXECUTE FUNCTION refuse_poison();
"""

REFUSE_INPUT = """
CREATE FUNCTION refuse_input() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF convert_from(NEW.input, 'UTF8') = '["poison"]' THEN
        RAISE EXCEPTION 'no poison here' USING ERRCODE = 'data_exception';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_input BEFORE INSERT ON continuum_runs
FOR EACH ROW EXECUTE FUNCTION refuse_input();
"""


async def test_a_commit_with_unknown_outcome_is_resent_unchanged(cluster: Cluster) -> None:
    """Rule 2: with each answer lost before and after the commit, nothing fails or happens twice."""
    wrapped: list[Unsure] = []

    def wrap(store: PostgresStore) -> Unsure:
        wrapped.append(Unsure(store))
        return wrapped[0]

    member = await cluster.join(flows.three_steps, wrap=wrap)
    run_id = await member.worker.create_local(new_run(flows.three_steps, 1))
    assert await cluster.result(run_id) == 4
    assert flows.calls["add_one"] == 3
    assert (await cluster.events(run_id)).count("activity_completed") == 3
    sent = wrapped[0].sent
    assert sent[0] == sent[1] == sent[2]


async def test_a_resent_end_counts_as_committed(cluster: Cluster) -> None:
    """Rule 2: the commit that ended a run is resent after its lease is gone, and it is told."""

    class LoseEnds(Between):
        lost = 0

        async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
            result = await self.inner.commit_turns(node_id, turns)
            if any(turn.end for turn in turns) and not LoseEnds.lost:
                LoseEnds.lost += 1
                raise StoreUnavailable("lost after the commit")
            return result

    member = await cluster.join(flows.three_steps, wrap=LoseEnds)
    ends: asyncio.Queue[UUID] = asyncio.Queue()
    member.worker.on_end(lambda run_id, _: ends.put_nowait(run_id))
    run_id = await member.worker.create_local(new_run(flows.three_steps, 1))
    assert await asyncio.wait_for(ends.get(), 10) == run_id
    assert LoseEnds.lost == 1
    assert await cluster.state(run_id) == "completed"


async def test_an_activity_starts_only_after_its_commit(cluster: Cluster) -> None:
    """No activity runs while the commit of its scheduling, or of a result before it, is open."""
    gates: list[CommitGate] = []

    def wrap(store: PostgresStore) -> CommitGate:
        gates.append(CommitGate(store))
        return gates[0]

    member = await cluster.join(flows.three_steps, wrap=wrap)
    gate = gates[0]
    started = member.worker.activities.started.listen()
    gate.open.clear()
    creating = asyncio.ensure_future(member.worker.create_local(new_run(flows.three_steps, 1)))
    for step in range(3):
        await asyncio.wait_for(gate.reached.wait(), 5)
        assert flows.calls["add_one"] == step
        assert started.empty()
        assert step > 0 or not creating.done()
        gate.reached.clear()
        gate.open.set()
        call = await asyncio.wait_for(started.get(), 5)
        gate.open.clear()
        assert call.attempt == 1
    gate.open.set()
    assert await cluster.result(await creating) == 4


async def test_turns_of_many_runs_share_commits(cluster: Cluster) -> None:
    """Two hundred runs of three steps need far fewer commits than turns."""
    wrapped: list[Counting] = []

    def wrap(store: PostgresStore) -> Counting:
        wrapped.append(Counting(store))
        return wrapped[0]

    member = await cluster.join(flows.three_steps, wrap=wrap)
    runs = [new_run(flows.three_steps, n) for n in range(200)]
    await asyncio.gather(*(member.worker.create_local(run) for run in runs))
    for n, run in enumerate(runs):
        assert await cluster.result(run.run_id) == n + 3
    sizes = wrapped[0].sizes
    assert sum(sizes) == 800
    assert len(sizes) < 100
    assert max(sizes) >= 100


async def test_a_fenced_run_is_dropped(cluster: Cluster) -> None:
    """Rule 12: with another token on the lease, a turn writes nothing, its run leaves memory."""
    member = await cluster.join(flows.waiting)
    fenced = member.worker.runner.fenced.listen()
    run_id = await member.worker.create_local(new_run(flows.waiting, 2))
    before = await cluster.events(run_id)
    await cluster.execute(
        "UPDATE continuum_leases SET lease_token = nextval('continuum_lease_token_seq')"
    )
    await cluster.signal(run_id, "go", "a")
    assert await asyncio.wait_for(fenced.get(), 5) == run_id
    assert run_id not in member.worker.runner.runs
    assert await cluster.events(run_id) == before
    assert len(await cluster.rows("SELECT * FROM continuum_inbox")) == 1


async def test_a_fenced_run_loses_its_activities(cluster: Cluster) -> None:
    """When its run is fenced, an activity in flight is cancelled and reports nothing."""
    flows.gate("x")
    member = await cluster.join(flows.holding)
    fenced = member.worker.runner.fenced.listen()
    run_id = await member.worker.create_local(new_run(flows.holding, "x"))
    await asyncio.wait_for(flows.entered["x"].wait(), 5)
    await cluster.execute("UPDATE continuum_leases SET lease_owner = gen_random_uuid()")
    await cluster.execute(
        "UPDATE continuum_leases SET lease_owner = %s, lease_token = lease_token + 1000000",
        member.worker.node_id,
    )
    await cluster.signal(run_id, "wake up")
    assert await asyncio.wait_for(fenced.get(), 5) == run_id
    await asyncio.wait_for(member.worker.activities.wait_quiet(), 5)
    assert "activity_failed" not in await cluster.events(run_id)


async def test_a_poison_result_fails_alone(cluster: Cluster) -> None:
    """One result PostgreSQL refuses fails its run; 100 neighbours in the batch complete."""
    await cluster.execute(REFUSE_POISON)
    gates: list[CommitGate] = []

    def wrap(store: PostgresStore) -> CommitGate:
        gates.append(CommitGate(store))
        return gates[0]

    member = await cluster.join(flows.wait_and_return, wrap=wrap)
    gate, owned = gates[0], member.worker.runner.runs
    values = ["poison" if n == 50 else f"v{n}" for n in range(101)]
    runs = [new_run(flows.wait_and_return, value) for value in values]
    await asyncio.gather(*(member.worker.create_local(run) for run in runs))
    gate.open.clear()
    other = asyncio.ensure_future(member.worker.create_local(new_run(flows.wait_and_return, "x")))
    await eventually(lambda: len(gate.sizes) > 0 and gate.sizes[-1] == 1)
    await asyncio.gather(*(cluster.signal(run.run_id, "go") for run in runs))
    await eventually(lambda: all(owned[run.run_id].in_flight for run in runs))
    gate.open.set()
    await cluster.ended(runs[50].run_id)
    assert 101 in gate.sizes
    await cluster.signal(await other, "go")
    assert await cluster.result(await other) == "x"
    for value, run in zip(values, runs, strict=True):
        if value != "poison":
            assert await cluster.result(run.run_id) == value
    kind, message = await cluster.error(runs[50].run_id)
    assert "PayloadError" in kind
    assert "no poison here" in message
    assert (await cluster.events(runs[50].run_id))[-1] == "run_failed"
    assert await cluster.rows("SELECT * FROM continuum_leases") == []


async def test_a_refused_start_writes_nothing(cluster: Cluster) -> None:
    """A local start whose input the database refuses raises, and its neighbours start."""
    await cluster.execute(REFUSE_INPUT)
    member = await cluster.join(flows.returning)
    values = ["a", "poison", "b"]
    outcomes = await asyncio.gather(
        *(member.worker.create_local(new_run(flows.returning, value)) for value in values),
        return_exceptions=True,
    )
    assert [isinstance(outcome, PayloadError) for outcome in outcomes] == [False, True, False]
    assert await cluster.rows("SELECT count(*) FROM continuum_runs") == [(2,)]


async def test_a_duplicate_local_start_is_an_error(cluster: Cluster) -> None:
    """The second local start under one run id raises and changes nothing."""
    member = await cluster.join(flows.waiting)
    run = new_run(flows.waiting, 1)
    await cluster.store.insert_runs([run])
    with pytest.raises(DuplicateRun):
        await member.worker.create_local(run)


async def test_a_local_start_of_a_run_that_is_being_claimed_is_an_error(cluster: Cluster) -> None:
    """The claim is answered between the local start and its first step: the caller is told."""

    class HoldClaim(Between):
        open = asyncio.Event()
        reached = asyncio.Event()

        async def claim(self, *args: Any) -> list[ClaimedRun]:
            claimed = await self.inner.claim(*args)
            if claimed:
                HoldClaim.reached.set()
                await HoldClaim.open.wait()
            return claimed

    member = await cluster.join(flows.waiting, flows.returning, wrap=HoldClaim)
    await member.worker.create_local(new_run(flows.returning, "fetches tokens"))
    run = new_run(flows.waiting, 1)
    await cluster.store.insert_runs([run])
    member.worker.claims.request()
    await asyncio.wait_for(HoldClaim.reached.wait(), 10)
    start = asyncio.ensure_future(member.worker.create_local(run))
    HoldClaim.open.set()
    with pytest.raises(DuplicateRun):
        await asyncio.wait_for(start, 10)
    with pytest.raises(DuplicateRun):
        await member.worker.create_local(run)
    await cluster.signal(run.run_id, "go", "x")
    assert await cluster.result(run.run_id) == ["x"]


async def test_an_outage_fails_nothing(cluster: Cluster) -> None:
    """While every commit is refused as unavailable the runs wait; afterwards they complete."""

    class Outage(Between):
        down = False

        async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
            if Outage.down:
                raise StoreUnavailable("down")
            return await self.inner.commit_turns(node_id, turns)

    gate = flows.gate("o")
    member = await cluster.join(flows.hold_two, wrap=Outage)
    run_id = await member.worker.create_local(new_run(flows.hold_two, "o", "p"))
    await asyncio.wait_for(flows.entered["o"].wait(), 5)
    Outage.down = True
    gate.set()
    await eventually(lambda: member.worker.runner.runs[run_id].in_flight is not None)
    assert flows.calls["p"] == 0
    Outage.down = False
    assert await cluster.result(run_id) == ["o done", "p done"]
