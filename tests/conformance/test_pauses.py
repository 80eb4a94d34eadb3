"""`PauseStore`: who may not go on, and for how long."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

from continuum.journal.turn import TurnStatus
from continuum.model import RunState
from continuum.operators.acts import Act, Operator
from continuum.query.building import build_query
from continuum.store.pauses import NOT_PAUSED, Pauses, Scope, ended
from continuum.store.protocol import NewMessage, Release
from tests.conformance.stage import OTHER_PIN, Stage, parked
from tests.postgres.scene import BUILD, LOADED, PIN, last_turn, next_turn

ACT = Act(Operator("ann", "desk", "pytest"), "pause", "because")


async def pause(stage: Stage, run_id: UUID) -> None:
    assert (await stage.store.pauses.pause_run(run_id, None)).refusal is None


async def resume(stage: Stage, run_id: UUID) -> None:
    assert (await stage.store.pauses.resume_run(run_id, None)).refusal is None


async def paused(stage: Stage) -> set[UUID]:
    """What the query says; it agrees with the snapshots."""
    query = build_query("paused", None, None, None)
    entries = (await stage.reads.search(query, 100, None, payloads=False)).entries
    assert all(run.paused for run in entries)
    others = build_query("not paused", None, None, None)
    rest = (await stage.reads.search(others, 100, None, payloads=False)).entries
    assert not any(run.paused for run in rest)
    return {run.id for run in entries}


async def scopes(stage: Stage) -> Pauses:
    return (await stage.store.attend(stage.node, LOADED, BUILD)).pauses


async def test_a_paused_run_is_not_claimed(stage: Stage) -> None:
    """Ready, with mail, overdue: nobody gets it until it is resumed, and then with its mail."""
    run_id = await stage.started()
    await pause(stage, run_id)
    await stage.post(run_id)
    assert await stage.claim() == []
    assert not (await stage.store.attend(stage.node, LOADED, BUILD)).claimable
    assert await paused(stage) == {run_id}
    await resume(stage, run_id)
    assert await paused(stage) == set()
    [run] = await stage.claim()
    assert [message.kind for message in run.inbox] == ["signal"]


async def test_the_owner_is_told_and_its_turns_still_count(stage: Stage) -> None:
    """Whoever has it reads of it; what it commits is kept, and giving it back frees nothing."""
    turn = await stage.created()
    await pause(stage, turn.run_id)
    [message] = await stage.store.read_inbox(stage.node, [turn.run_id])
    assert message.kind == "pause"
    following = next_turn(turn, pin=OTHER_PIN)
    assert await stage.commit(following) == [TurnStatus.COMMITTED]
    last = parked(turn, 4, consumed=[message.id])
    answer = NewMessage(turn.run_id, "activity_result", "1/1/1", b'{"outcome":"crashed"}')
    await stage.store.release(stage.node, [Release(last, answers=[answer])])
    versions = [*LOADED, OTHER_PIN.version_id]
    assert await stage.claim(versions=versions) == []
    assert (await stage.run(turn.run_id)).version_hash == OTHER_PIN.version_hash
    await resume(stage, turn.run_id)
    [run] = await stage.claim(versions=versions)
    assert run.pin == OTHER_PIN
    assert [(m.kind, m.name, m.value) for m in run.inbox] == [
        ("activity_result", "1/1/1", answer.value)
    ]


async def test_answers_of_a_release_need_its_fence(stage: Stage) -> None:
    """Of a run that somebody else has, nothing is written."""
    turn = await stage.created()
    await stage.store.free_unknown(stage.node, ())
    [run] = await stage.claim(node=uuid4())
    answer = NewMessage(turn.run_id, "activity_result", "1/1/1", b'{"outcome":"crashed"}')
    result = await stage.store.release(stage.node, [Release(parked(turn, 3), answers=[answer])])
    assert result.statuses == {run.run_id: TurnStatus.FENCED}
    assert await stage.store.read_inbox(stage.node, [turn.run_id]) == []


async def test_twice_is_once_and_what_has_ended_stays(stage: Stage) -> None:
    """The second pause and the second resume say so; ended and unknown runs are refused."""
    turn = await stage.created()
    pauses = stage.store.pauses
    assert not (await pauses.pause_run(turn.run_id, "default")).repeated
    assert (await pauses.pause_run(turn.run_id, None)).repeated
    assert (await pauses.pause_run(turn.run_id, "other")).state is None
    assert (await pauses.resume_run(turn.run_id, None)).refusal is None
    assert (await pauses.resume_run(turn.run_id, None)).refusal == NOT_PAUSED
    assert (await pauses.resume_run(uuid4(), None)).state is None
    assert await stage.commit(last_turn(turn)) == [TurnStatus.COMMITTED]
    outcome = await pauses.pause_run(turn.run_id, None)
    assert (outcome.state, outcome.refusal) == (RunState.COMPLETED, ended(RunState.COMPLETED))


async def test_a_resume_reaches_an_owner_that_has_read_the_pause(stage: Stage) -> None:
    """Both messages stand in the inbox in their order, so the last word counts."""
    turn = await stage.created()
    for _ in range(2):
        await pause(stage, turn.run_id)
        await resume(stage, turn.run_id)
    mail = await stage.store.read_inbox(stage.node, [turn.run_id])
    assert [message.kind for message in mail] == ["pause", "resume"] * 2


async def test_a_start_that_is_paused_keeps_its_time(stage: Stage) -> None:
    """Resumed before its time it is not claimed."""
    outcome = await stage.order(delay=3600.0)
    assert outcome.existing is None
    [run] = (
        await stage.reads.search(build_query(None, None, None, None), 10, None, payloads=False)
    ).entries
    await pause(stage, run.id)
    await resume(stage, run.id)
    assert await stage.claim() == []


async def test_force_ends_a_paused_run(stage: Stage) -> None:
    """Nothing of it is left."""
    run_id = await stage.started()
    await pause(stage, run_id)
    await stage.store.force_cancel(run_id, None, None)
    assert await stage.state(run_id) is RunState.CANCELLED
    assert await paused(stage) == set()


async def test_scopes_are_paused_once_and_lifted_once(stage: Stage) -> None:
    """Each by itself; a poll of a worker brings all of them."""
    pauses = stage.store.pauses
    wanted = [
        Scope(namespace="default"), Scope(workflow=PIN.workflow), Scope(queue="gpu"),
        Scope(namespace="default", workflow=PIN.workflow),
    ]  # fmt: skip
    for scope in wanted:
        assert await pauses.pause_scope(scope, ACT)
        assert not await pauses.pause_scope(scope, ACT)
    assert set((await scopes(stage)).scopes) == set(wanted)
    listed = await pauses.pauses()
    assert [(p.namespace, p.workflow, p.queue) for p in listed] == [
        (s.namespace, s.workflow, s.queue) for s in wanted
    ]
    assert {(p.operator, p.reason) for p in listed} == {("ann", "because")}
    for scope in wanted:
        assert await pauses.lift(scope, ACT)
        assert not await pauses.lift(scope, ACT)
    found = await scopes(stage)
    assert (found.scopes, found.lifting) == ((), True)
    assert await pauses.let_go(10) == []
    assert await scopes(stage) == Pauses()


async def test_what_is_claimed_in_a_paused_scope_is_held(stage: Stage) -> None:
    """Only there, only by whom has it, and until the last pause that covers it is lifted."""
    pauses = stage.store.pauses
    here, there = await stage.started(), await stage.started(namespace="other")
    await pauses.pause_scope(Scope(namespace="default"), ACT)
    await pauses.pause_scope(Scope(workflow=PIN.workflow, namespace="default"), ACT)
    assert await paused(stage) == {here}
    claimed = {run.run_id: run.token for run in await stage.claim()}
    assert await pauses.hold(uuid4(), claimed) == set()
    assert await pauses.hold(stage.node, dict.fromkeys(claimed, 0)) == set()
    assert await pauses.hold(stage.node, claimed) == {here}
    assert (await stage.run(there)).owner == str(stage.node)
    assert await stage.claim() == []
    await pauses.lift(Scope(namespace="default"), ACT)
    assert await pauses.let_go(10) == []
    assert await paused(stage) == {here}
    await pauses.lift(Scope(workflow=PIN.workflow, namespace="default"), ACT)
    assert await pauses.let_go(10) == [here]
    assert [run.run_id for run in await stage.claim()] == [here]


async def test_nothing_is_held_for_a_pause_that_was_lifted(stage: Stage) -> None:
    """A worker that has not heard of it gives nothing back."""
    run_id = await stage.started()
    scope = Scope(namespace="default")
    await stage.store.pauses.pause_scope(scope, ACT)
    claimed = {run.run_id: run.token for run in await stage.claim()}
    await stage.store.pauses.lift(scope, ACT)
    assert await stage.store.pauses.hold(stage.node, claimed) == set()
    assert (await stage.run(run_id)).owner == str(stage.node)


async def test_held_runs_are_freed_in_batches(stage: Stage) -> None:
    """The pause is forgotten with the last of them, and not before."""
    scope = Scope(workflow=PIN.workflow)
    await stage.store.pauses.pause_scope(scope, ACT)
    runs = sorted([await stage.started() for _ in range(5)])
    held = {run.run_id: run.token for run in await stage.claim()}
    assert await stage.store.pauses.hold(stage.node, held) == set(runs)
    await pause(stage, runs[0])
    await stage.store.pauses.lift(scope, ACT)
    assert len(await stage.store.pauses.let_go(3)) == 3
    assert (await scopes(stage)).lifting
    assert await stage.store.pauses.let_go(3) == runs[4:]
    assert not (await scopes(stage)).lifting
    assert {run.run_id for run in await stage.claim()} == set(runs[1:])
    assert await paused(stage) == {runs[0]}


async def test_acts_upon_runs_are_recorded(stage: Stage) -> None:
    """With what came of them."""
    run_id = await stage.started()
    pauses = stage.store.pauses
    await pauses.pause_run(run_id, None, ACT)
    await pauses.pause_run(run_id, None, ACT)
    await pauses.resume_run(run_id, None, replace(ACT, kind="resume"))
    events = await stage.journal(run_id)
    assert events == []
