"""Claiming and releasing (rules 1, 6, 9, 19, 23, 24)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection

from continuum.journal.turn import RunState, TurnStatus, VersionPin
from continuum.store.postgres.arrays import Packed, int8s
from continuum.store.postgres.pool import open_pool, session_preparation
from continuum.store.postgres.session import Session
from continuum.store.postgres.statements import statements
from continuum.store.postgres.store import PostgresStore
from continuum.store.protocol import Release
from tests.postgres.scene import (
    BUILD,
    LOADED,
    PIN,
    Scene,
    claimed_turn,
    last_turn,
    next_turn,
    started,
    walk,
)

pytestmark = pytest.mark.every_server

PAUSE = 4711
"""Advisory lock at which a claim of the test's own role stops while it looks at one run."""

PAUSING_POLICY = """
CREATE FUNCTION pause_at(run uuid, stop uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF run = stop THEN PERFORM pg_advisory_xact_lock_shared({pause}); END IF;
    RETURN true;
END $$;
CREATE POLICY pausing ON continuum_leases USING (pause_at(run_id, '{stop}')) WITH CHECK (true);
ALTER TABLE continuum_leases ENABLE ROW LEVEL SECURITY;
"""


@asynccontextmanager
async def claim_that_stops_at(scene: Scene, stop: UUID, build: str) -> AsyncIterator[Any]:
    """A claim by another node, held at the moment it looks at one run, until the block ends."""
    await scene.observer.execute(PAUSING_POLICY.format(pause=PAUSE, stop=stop).encode())
    async with role_without_bypass(scene) as role:

        async def configure(connection: AsyncConnection[Any]) -> None:
            await session_preparation(scene.settings)(connection)
            await connection.execute(f"SET ROLE {role}")

        pool = await open_pool(scene.settings)
        pool._configure = configure
        await pool.drain()
        slow = PostgresStore(pool, scene.connect)
        gate = await scene.connect()
        async with gate.transaction():
            await gate.execute("SELECT pg_advisory_xact_lock(%s)", [PAUSE])
            claim = started(slow.claim(uuid4(), LOADED, build, 10))
            await scene.blocked(claim)
            yield claim
        await claim
        await pool.close()


@asynccontextmanager
async def role_without_bypass(scene: Scene) -> AsyncIterator[str]:
    """A role of this test that row security binds; superusers ignore it."""
    name = f"plain_{uuid4().hex}"
    await scene.observer.execute(f"CREATE ROLE {name}")
    await scene.observer.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    await scene.observer.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {name}")
    try:
        yield name
    finally:
        await scene.observer.execute(f"DROP OWNED BY {name}")
        await scene.observer.execute(f"DROP ROLE {name}")


async def test_rule_1_claim_reads_the_journal_after_it_holds_the_run(scene: Scene) -> None:
    """A claim whose snapshot is older than a turn it did not see still loads that turn."""
    low, high = sorted([await scene.create_free() for _ in range(2)], key=lambda run_id: run_id.int)
    async with claim_that_stops_at(scene, low, BUILD) as claim:
        # Meanwhile another node takes the later run, writes a turn and gives it back.
        other = uuid4()
        async with (await scene.connect()).transaction() as holding:
            await holding.connection.execute(
                "SELECT FROM continuum_leases WHERE run_id = %s FOR UPDATE", [low]
            )
            [run] = await scene.claim(node=other)
        assert run.run_id == high
        turn = next_turn(claimed_turn(run))
        await scene.store.commit_turns(other, [turn])
        await scene.store.release(other, [Release(next_turn(turn), ready=True)])
    claimed = {run.run_id: run for run in await claim}
    assert set(claimed) == {low, high}
    assert [event.seq for event in claimed[high].events] == [1, 2]
    assert claimed[high].next_seq == 3


async def test_claim_loads_everything_needed_to_replay(scene: Scene) -> None:
    """A claimed run comes with pin, journal, inbox and a fresh token, and is not claimable."""
    run_id = await scene.create_free()
    await scene.signal(run_id)
    [run] = await scene.claim()
    assert (run.run_id, run.namespace, run.workflow, run.input) == (
        run_id, "default", PIN.workflow, b"[1]",
    )  # fmt: skip
    assert (run.pin, run.next_seq, run.incarnation, run.takeovers) == (
        VersionPin(PIN.workflow), 1, 1, 0,
    )  # fmt: skip
    assert run.state is RunState.RUNNING
    assert not run.cancel_requested
    assert [message.name for message in run.inbox] == ["go"]
    assert run.token == await scene.lease(run_id, "lease_token")
    assert await scene.claim(node=uuid4()) == []


async def test_concurrent_claims_share_the_runs(scene: Scene) -> None:
    """A claim skips rows that another claim holds, without waiting for it."""
    runs = {await scene.create_free() for _ in range(4)}
    holder = await scene.connect()
    async with holder.transaction():
        rows = await (
            await holder.execute("SELECT run_id FROM continuum_leases LIMIT 2 FOR UPDATE")
        ).fetchall()
        mine = {run.run_id for run in await scene.claim()}
    assert mine == runs - {run_id for (run_id,) in rows}


async def test_release_writes_entries_and_changes_the_token(scene: Scene) -> None:
    """A release appends under the fence; afterwards the old owner's turn writes nothing."""
    await scene.create_free()
    [run] = await scene.claim()
    turn = next_turn(claimed_turn(run), parked=True, waiting_on="signal go")
    result = await scene.store.release(scene.node, [Release(turn)])
    assert result.statuses == {run.run_id: TurnStatus.COMMITTED}
    assert await scene.seqs(run.run_id) == [1]
    assert await scene.lease(run.run_id, "lease_owner IS NULL AND NOT ready")
    assert await scene.lease(run.run_id, "lease_token") > run.token
    late = await scene.store.commit_turns(scene.node, [next_turn(turn)])
    assert late.statuses == {run.run_id: TurnStatus.FENCED}
    again = await scene.store.release(scene.node, [Release(next_turn(turn), ready=True)])
    assert again.statuses == {run.run_id: TurnStatus.FENCED}
    assert await scene.claim() == []


async def test_rule_6_claim_loads_this_incarnation_and_seq_goes_on(scene: Scene) -> None:
    """Events of an older incarnation stay in the journal but are not replayed."""
    first = await scene.create_owned()
    turn = next_turn(first, incarnation=2)
    await scene.store.commit_turns(scene.node, [turn])
    await scene.observer.execute("UPDATE continuum_runs SET incarnation = 2")
    await scene.store.release(scene.node, [Release(next_turn(turn, entries=[]), ready=True)])
    [run] = await scene.claim()
    assert [(event.incarnation, event.seq) for event in run.events] == [(2, 3)]
    assert run.next_seq == 4


STRANGERS = """
INSERT INTO continuum_leases (run_id, version_id, lease_token, ready, wake_at, lease_owner,
                              blocked_build, takeovers)
SELECT lpad(to_hex(n), 32, '0')::uuid, v.id, 1, NOT v.asleep,
       clock_timestamp() + CASE WHEN v.asleep THEN interval '1 hour' ELSE interval '-1 s' END * n,
       v.owner, v.blocked, v.takeovers
FROM generate_series(%(first)s::int, %(last)s::int) AS n
JOIN (VALUES (0, -7, false, NULL::uuid, NULL, 0),
             (1, 7, false, NULL, NULL, 0),
             (2, %(loaded)s, false, NULL, %(build)s, 0),
             (3, %(loaded)s, false, NULL, NULL, 4),
             (4, %(loaded)s, true, NULL, NULL, 0),
             (5, %(loaded)s, false, gen_random_uuid(), NULL, 0))
  AS v (kind, id, asleep, owner, blocked, takeovers) ON v.kind = n %% 6
"""
"""Runs this node must leave alone: of versions it has not, blocked for its build, quarantined,
asleep, owned by another node. All but the sleepers are overdue, so they would come first."""

UNREAD = """
INSERT INTO continuum_inbox (run_id, kind, name, payload)
SELECT run_id, 'signal', 'go', '1' FROM continuum_leases WHERE lease_owner IS DISTINCT FROM %s
"""


async def test_rule_19_unknown_versions_cost_a_claim_nothing(scene: Scene) -> None:
    """What a claim, a look for suspects and the poll read does not grow with runs of others."""
    runs = {await scene.create_free() for _ in range(3)}
    await scene.create_owned()
    costs: list[dict[str, tuple[int, int]]] = []
    written = 0
    for total in (3_000, 30_000):
        await add_strangers(scene, written, total)
        written = total
        costs.append({name: await cost(scene, name) for name in QUESTIONS})
    few, many = costs
    for name in QUESTIONS:
        rows, pages = many[name]
        assert rows <= 60, name
        assert pages <= few[name][1] + 30 < 200, name
    assert (await scene.store.attend(scene.node, LOADED, BUILD)).unread == []
    assert {run.run_id for run in await scene.claim()} == runs
    found = await scene.store.attend(scene.node, LOADED, BUILD)
    assert (found.claimable, found.suspect) == (False, False)


QUESTIONS = {"claim": 4, "claim_suspect": 3, "attend": 3}
"""Statements that look for something to do, and how many parameters each takes."""


async def cost(scene: Scene, name: str) -> tuple[int, int]:
    """Rows that the steps of a statement's plan read and threw away, and the pages they touched."""
    four = Packed((100).to_bytes(4, "big"))
    parameters = [scene.node, int8s(LOADED), BUILD, four][: QUESTIONS[name]]
    async with scene.observer.transaction(force_rollback=True):
        explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
        session = Session(scene.observer)
        [(plan,)] = await session.rows(explain + statements("ownership")[name], parameters)
    [answer] = plan if isinstance(plan, list) else json.loads(plan)
    rows = 0
    for node in walk(answer["Plan"]):
        loops = node["Actual Loops"]
        rows += round(loops * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)))
    return rows, answer["Plan"]["Shared Hit Blocks"] + answer["Plan"]["Shared Read Blocks"]


async def add_strangers(scene: Scene, first: int, last: int) -> None:
    """Leases `first` to `last` of runs that are none of this node's business, each with mail."""
    numbers = {"first": first + 1, "last": last, "loaded": LOADED[0], "build": BUILD}
    async with scene.observer.transaction():
        await scene.observer.execute("SET LOCAL session_replication_role = replica")
        await scene.observer.execute(STRANGERS, numbers)
        await scene.observer.execute("TRUNCATE continuum_inbox")
        await scene.observer.execute(UNREAD, [scene.node])
    await scene.observer.execute("ANALYZE continuum_leases, continuum_inbox")


@pytest.mark.parametrize("build", [BUILD, "build-z"])
async def test_rule_19_claim_in_flight_meets_a_drift(scene: Scene, build: str) -> None:
    """A claim that saw the run free, while another took it and drifted, leaves it alone."""
    low, high = sorted([await scene.create_free() for _ in range(2)], key=lambda run_id: run_id.int)
    async with claim_that_stops_at(scene, low, build) as claim:
        async with (await scene.connect()).transaction() as holding:
            await holding.connection.execute(
                "SELECT FROM continuum_leases WHERE run_id = %s FOR UPDATE", [low]
            )
            [run] = await scene.claim()
        assert run.run_id == high
        blocked = Release(claimed_turn(run), ready=True, blocked_build=BUILD)
        await scene.store.release(scene.node, [blocked])
    assert [run.run_id for run in await claim] == [low]
    assert await scene.lease(high, "lease_owner IS NULL")
    assert await scene.claim() == []
    [again] = await scene.store.claim(uuid4(), LOADED, "build-z", 10)
    assert (again.run_id, again.blocked_build) == (high, BUILD)


async def test_rule_19_builds_race_for_a_drifted_run(scene: Scene) -> None:
    """Of two builds that want a run blocked for a third, the second passes over it."""
    run_id = await scene.create_free()
    [run] = await scene.claim()
    blocked = Release(claimed_turn(run), ready=True, blocked_build=BUILD)
    await scene.store.release(scene.node, [blocked])
    async with claim_that_stops_at(scene, run_id, "build-z") as slow:
        fast = await scene.store.claim(uuid4(), LOADED, "build-a", 10)
    taken = [run.token for run in [*fast, *await slow]]
    assert taken == [await scene.lease(run_id, "lease_token")]


async def test_rule_19_drifted_run_waits_for_another_build(scene: Scene) -> None:
    """A run blocked by this build is not claimed by it again, not even for a signal."""
    run_id = await scene.create_free()
    [run] = await scene.claim()
    blocked = Release(claimed_turn(run), ready=True, blocked_build=BUILD)
    await scene.store.release(scene.node, [blocked])
    await scene.signal(run_id)
    assert await scene.claim() == []
    assert not (await scene.store.attend(scene.node, LOADED, BUILD)).claimable
    for build in ("build-a", "build-z"):
        assert (await scene.store.attend(scene.node, LOADED, build)).claimable
        [again] = await scene.store.claim(scene.node, LOADED, build, 10)
        assert again.run_id == run_id
        await scene.store.release(
            scene.node, [Release(claimed_turn(again), ready=True, blocked_build=BUILD)]
        )
    [run] = await scene.store.claim(scene.node, LOADED, "build-a", 10)
    await scene.store.commit_turns(scene.node, [next_turn(claimed_turn(run))])
    assert await scene.lease(run_id, "blocked_build") is None


async def free_by_death(scene: Scene, run_id: UUID) -> None:
    """Its owner, a node nobody knows, is dead; the run is freed as after a crash."""
    while not await scene.lease(run_id, "lease_owner IS NULL"):
        assert await scene.store.free_dead(1000)


async def test_rule_23_poison_run_is_claimed_alone_then_quarantined(scene: Scene) -> None:
    """Lost twice, a run comes alone; lost four times, never; a committed turn forgives."""
    poison = await scene.create_free()
    for takeovers in range(4):
        claim = scene.claim if takeovers < 2 else scene.claim_suspect
        [run] = await claim(node=uuid4())
        assert (run.run_id, run.takeovers) == (poison, takeovers)
        await free_by_death(scene, poison)
    assert await scene.lease(poison, "takeovers") == 4
    neighbours = {await scene.create_free() for _ in range(3)}
    assert await scene.claim_suspect() == []
    assert {run.run_id for run in await scene.claim()} == neighbours
    found = await scene.store.attend(scene.node, LOADED, BUILD)
    assert (found.claimable, found.suspect) == (False, False)
    await scene.observer.execute("UPDATE continuum_leases SET takeovers = 3")
    [run] = await scene.claim_suspect()
    await scene.store.commit_turns(scene.node, [next_turn(claimed_turn(run))])
    assert await scene.lease(poison, "takeovers") == 0


async def test_rule_23_two_nodes_never_share_a_suspect(scene: Scene) -> None:
    """While one claim holds a suspect, another node's passes over it and takes the next."""
    runs = {await scene.create_free() for _ in range(2)}
    await scene.observer.execute("UPDATE continuum_leases SET takeovers = 2")
    holder = await scene.connect()
    async with holder.transaction():
        [(held,)] = await Session(holder).rows(
            statements("ownership")["claim_suspect"], [uuid4(), int8s(LOADED), BUILD]
        )
        [other] = await scene.claim_suspect()
        assert {held, other.run_id} == runs
        assert await scene.claim_suspect() == []
    assert await scene.claim_suspect() == []


async def test_rule_24_the_poll_finds_own_overdue_timers_by_the_database_clock(
    scene: Scene,
) -> None:
    """Own leases past their wake_at are reported, parked or not; later ones and others' are not."""
    now = await scene.value("SELECT clock_timestamp()")
    turns = [await scene.create_owned() for _ in range(4)]
    due, parked, later, foreign = turns
    past, future = now - timedelta(seconds=1), now + timedelta(hours=1)
    await scene.store.commit_turns(
        scene.node,
        [
            next_turn(due, wake_at=past),
            next_turn(parked, wake_at=past, parked=True),
            next_turn(later, wake_at=future),
            next_turn(foreign, wake_at=past),
        ],
    )
    await scene.observer.execute(
        "UPDATE continuum_leases SET lease_owner = gen_random_uuid() WHERE run_id = %s",
        [foreign.run_id],
    )
    found = await scene.store.attend(scene.node, LOADED, BUILD)
    assert set(found.overdue) == {due.run_id, parked.run_id}
    assert found.now >= now


async def test_rule_24_statements_read_the_clock_late_not_at_transaction_start(
    scene: Scene,
) -> None:
    """A turn that waited is stamped with the time after its wait."""
    first = await scene.create_owned()
    holder = await scene.connect()
    async with holder.transaction():
        await holder.execute("SELECT FROM continuum_leases FOR UPDATE")
        call = started(scene.store.commit_turns(scene.node, [last_turn(first)]))
        await scene.blocked(call)
        released = await scene.value("SELECT clock_timestamp()")
    assert (await call).now > released
    assert await scene.value("SELECT completed_at FROM continuum_runs") > released


async def test_overdue_free_run_is_claimed_and_a_sleeping_one_is_not(scene: Scene) -> None:
    """A free run is claimed when its timer is due by the database's clock."""
    await scene.create_free()
    [run] = await scene.claim()
    hour = timedelta(hours=1)
    sleeping = claimed_turn(run, wake_at=datetime.now(UTC) + hour)
    await scene.store.release(scene.node, [Release(sleeping)])
    assert await scene.claim() == []
    await scene.observer.execute("UPDATE continuum_leases SET wake_at = clock_timestamp()")
    [again] = await scene.claim()
    assert again.run_id == run.run_id


async def test_rule_9_the_poll_finds_mail_of_owned_runs(scene: Scene) -> None:
    """Unread rows of own runs are found from the inbox side, whoever got the hint."""
    first = await scene.create_owned()
    await scene.signal(first.run_id)
    found = await scene.store.attend(scene.node, LOADED, BUILD)
    assert found.unread == [first.run_id]
    assert (await scene.store.attend(uuid4(), LOADED, BUILD)).unread == []
    assert await scene.store.read_inbox(uuid4(), [first.run_id]) == []
