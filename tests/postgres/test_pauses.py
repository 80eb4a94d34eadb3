"""Pauses beside turns, claims, takeovers and each other: interleavings that are forced."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from continuum.journal.turn import TurnStatus, VersionPin
from continuum.operators.acts import Act, Operator
from continuum.store.pauses import NOT_PAUSED, Scope
from continuum.store.protocol import Release
from tests.postgres.scene import (
    BUILD,
    LOADED,
    PIN,
    Scene,
    claimed_turn,
    last_turn,
    next_turn,
    write_turns,
)
from tests.postgres.test_ownership import QUESTIONS, cost

ACT = Act(Operator("ann", "desk", "pytest"), "pause")
NEXT_PIN = VersionPin(PIN.workflow, 2, "hash-b", PIN.runtime)
HERE = Scope(namespace="default")
PAUSED = "version_id < 0 AND paused_at IS NOT NULL"


async def test_a_turn_that_stamps_a_version_waits_and_keeps_the_pause(scene: Scene) -> None:
    """The pause holds the lease; the turn that waits for it binds the run to other code."""
    turn = await scene.create_owned()
    pauser = await scene.connect()
    async with pauser.transaction():
        await pauser.execute(
            "UPDATE continuum_leases SET version_id = ~version_id, paused_at = now()"
        )
        stamping = next_turn(turn, pin=NEXT_PIN)
        commit = asyncio.create_task(scene.store.commit_turns(scene.node, [stamping]))
        await scene.blocked(commit)
    assert (await commit).statuses == {turn.run_id: TurnStatus.COMMITTED}
    assert await scene.lease(turn.run_id, PAUSED)
    assert await scene.lease(turn.run_id, "~version_id") == NEXT_PIN.version_id
    await scene.store.pauses.resume_run(turn.run_id, None)
    assert await scene.lease(turn.run_id, "version_id") == NEXT_PIN.version_id


async def test_a_pause_waits_for_the_turn_that_ends_the_run(scene: Scene) -> None:
    """It then says that the run has ended, and marks nothing."""
    turn = await scene.create_owned()
    owner = await scene.connect()
    async with owner.transaction():
        await write_turns(owner, scene.node, [last_turn(turn)])
        pause = asyncio.create_task(scene.store.pauses.pause_run(turn.run_id, None, ACT))
        await scene.blocked(pause)
    outcome = await pause
    assert (outcome.state, outcome.refusal) == ("completed", "already completed")
    assert await scene.value("SELECT count(*) FROM continuum_operator_journal") == 0


async def test_a_pause_that_meets_a_claim_tells_the_new_owner(scene: Scene) -> None:
    """The claim holds the lease first: the run is owned, marked, and its owner has mail."""
    run_id = await scene.create_free()
    claimer = await scene.connect()
    async with claimer.transaction():
        await claimer.execute(
            "UPDATE continuum_leases SET lease_owner = %s, lease_token = lease_token + 1,"
            " ready = false", [scene.node],
        )  # fmt: skip
        pause = asyncio.create_task(scene.store.pauses.pause_run(run_id, None))
        await scene.blocked(pause)
    await pause
    assert await scene.lease(run_id, PAUSED)
    [message] = await scene.store.read_inbox(scene.node, [run_id])
    assert message.kind == "pause"


async def test_a_claim_passes_over_a_run_that_is_being_paused(scene: Scene) -> None:
    """It does not wait for the lock; afterwards nobody finds the run."""
    run_id = await scene.create_free()
    pauser = await scene.connect()
    async with pauser.transaction():
        await pauser.execute("SELECT FROM continuum_leases FOR UPDATE")
        assert await scene.claim() == []
        await pauser.execute(
            "UPDATE continuum_leases SET version_id = ~version_id, paused_at = now()"
        )
    assert await scene.claim() == []
    assert await scene.claim_suspect() == []
    assert not (await scene.store.attend(scene.node, LOADED, BUILD)).claimable
    assert await scene.lease(run_id, "ready")


async def test_a_takeover_keeps_the_pause(scene: Scene) -> None:
    """Freed from a dead owner while it was about to let the run go."""
    turn = await scene.create_owned()
    await scene.store.pauses.pause_run(turn.run_id, None)
    assert await scene.store.free_dead(10) == 1
    assert await scene.lease(turn.run_id, "lease_owner IS NULL AND " + PAUSED)
    assert await scene.claim() == []
    await scene.store.pauses.resume_run(turn.run_id, None)
    [run] = await scene.claim(node=uuid4())
    assert [message.kind for message in run.inbox] == ["pause", "resume"]


async def test_a_release_that_waits_for_a_pause_keeps_it(scene: Scene) -> None:
    """The owner gives the run back for another reason: nobody claims it then."""
    run_id = await scene.create_free()
    [run] = await scene.claim()
    pauser = await scene.connect()
    async with pauser.transaction():
        await pauser.execute(
            "UPDATE continuum_leases SET version_id = ~version_id, paused_at = now()"
        )
        release = asyncio.create_task(
            scene.store.release(scene.node, [Release(claimed_turn(run), ready=True)])
        )
        await scene.blocked(release)
    await release
    assert await scene.lease(run_id, "lease_owner IS NULL AND ready AND " + PAUSED)
    assert await scene.claim() == []


async def test_two_resumes_at_once_count_once(scene: Scene) -> None:
    """The second waits for the first, and finds nothing to take back."""
    run_id = await scene.create_free()
    await scene.store.pauses.pause_run(run_id, None)
    rival = await scene.connect()
    async with rival.transaction():
        await rival.execute("SELECT FROM continuum_leases FOR UPDATE")
        both = [asyncio.create_task(scene.store.pauses.resume_run(run_id, None)) for _ in range(2)]
        await scene.blocked(both[0], count=2)
    outcomes = await asyncio.gather(*both)
    assert sorted(str(outcome.refusal) for outcome in outcomes) == ["None", NOT_PAUSED]
    assert await scene.lease(run_id, "version_id >= 0")


async def test_a_lift_waits_for_a_hold_and_frees_what_it_held(scene: Scene) -> None:
    """A worker is just holding a run for the namespace when somebody resumes the namespace."""
    await scene.store.pauses.pause_scope(HERE, ACT)
    run_id = await scene.create_free()
    [run] = await scene.claim()
    rival = await scene.connect()
    async with rival.transaction():
        await rival.execute("SELECT FROM continuum_leases FOR UPDATE")
        hold = asyncio.create_task(scene.store.pauses.hold(scene.node, {run_id: run.token}))
        await scene.blocked(hold)
        lift = asyncio.create_task(scene.store.pauses.lift(HERE, ACT))
        await scene.blocked(lift, count=2)
    assert await hold == {run_id}
    assert await lift
    assert await scene.store.pauses.let_go(10) == [run_id]
    assert [each.run_id for each in await scene.claim()] == [run_id]


async def test_a_hold_that_waits_for_a_lift_holds_nothing(scene: Scene) -> None:
    """The other way round: the run stays with the worker, which may go on."""
    await scene.store.pauses.pause_scope(HERE, ACT)
    run_id = await scene.create_free()
    [run] = await scene.claim()
    lifter = await scene.connect()
    async with lifter.transaction():
        await lifter.execute("UPDATE continuum_pauses SET lifted_at = now()")
        hold = asyncio.create_task(scene.store.pauses.hold(scene.node, {run_id: run.token}))
        await scene.blocked(hold)
    assert await hold == set()
    assert await scene.lease(run_id, "version_id >= 0 AND lease_owner IS NOT NULL")


async def test_held_runs_that_drifted_or_lost_owners_are_freed_too(scene: Scene) -> None:
    """They lie in indexes of their own."""
    await scene.store.pauses.pause_scope(HERE, ACT)
    runs = [await scene.create_free() for _ in range(3)]
    claimed = {run.run_id: run.token for run in await scene.claim()}
    await scene.store.pauses.hold(scene.node, claimed)
    await scene.observer.execute(
        "UPDATE continuum_leases SET blocked_build = 'old' WHERE run_id = %s", [runs[0]]
    )
    await scene.observer.execute(
        "UPDATE continuum_leases SET takeovers = 3 WHERE run_id = %s", [runs[1]]
    )
    await scene.store.pauses.lift(HERE, ACT)
    assert sorted(await scene.store.pauses.let_go(10)) == sorted(runs)
    assert await scene.value("SELECT count(*) FROM continuum_leases WHERE version_id < 0") == 0


async def test_paused_runs_cost_a_claim_nothing(scene: Scene) -> None:
    """What claims and polls read does not grow with them: they lie outside of every range."""
    run_id = await scene.create_free()
    costs: list[dict[str, tuple[int, int]]] = []
    for total in (2_000, 20_000):
        await scene.observer.execute(PAUSED_RUNS, [total, ~PIN.version_id])
        await scene.observer.execute("ANALYZE continuum_leases")
        costs.append({name: await cost(scene, name) for name in QUESTIONS})
    few, many = costs
    for name in QUESTIONS:
        rows, pages = many[name]
        assert rows <= 60, name
        assert pages <= few[name][1] + 30 < 200, name
    assert [run.run_id for run in await scene.claim()] == [run_id]


PAUSED_RUNS = """
WITH made AS (
    INSERT INTO continuum_runs (id, workflow, state, input)
    SELECT gen_random_uuid(), 'shop:order', 'suspended', '[]' FROM generate_series(1, %s)
    RETURNING id)
INSERT INTO continuum_leases (run_id, version_id, lease_token, wake_at, takeovers, paused_at)
SELECT id, %s, 1, now() - interval '1 hour', CASE WHEN random() < 0.1 THEN 3 ELSE 0 END, now()
FROM made"""
"""Ready and overdue, if they were not paused."""
