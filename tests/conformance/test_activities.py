"""`ActivityStore`: queues and their limits, heartbeats, idempotency keys."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from msgspec import Raw

from continuum.declare.queue import Queue
from continuum.journal.tasks import RESULT, AttemptResult, TaskPayload, encode_task
from continuum.journal.turn import NewTask, Turn
from continuum.store.activities import AttemptFence, AttemptFenced, Beat
from continuum.store.protocol import InboxMessage
from tests.conformance.stage import LONG_AGO, Stage
from tests.postgres.scene import first_turn, next_turn

PAYLOAD = encode_task(TaskPayload(args=Raw(b"[1]")))
DONE = encode_task(AttemptResult("completed", value=Raw(b"7")))


def task(command: int, *, queue: str = "gpu", priority: int = 0, activity: str = "a") -> NewTask:
    return NewTask(command, 1, queue, priority, activity, PAYLOAD)


async def queued(stage: Stage, *tasks: NewTask) -> Turn:
    """A run with these attempts in queues."""
    [token] = await stage.store.allocate_tokens(1)
    first = first_turn(token=token)
    await stage.store.commit_turns(stage.node, [first])
    turn = next_turn(first, tasks=tasks)
    await stage.store.commit_turns(stage.node, [turn])
    return turn


async def mail(stage: Stage, turn: Turn) -> list[InboxMessage]:
    return await stage.store.read_inbox(stage.node, [turn.run_id])


def local(stage: Stage, turn: Turn, command: int = 1) -> AttemptFence:
    return AttemptFence(stage.node, turn.run_id, turn.token, 1, command, 1, "default", task=False)


async def test_tasks_are_claimed_by_queue_name_and_priority(stage: Stage) -> None:
    """Only of the queue and of activities known, highest priority first, each once."""
    activities = stage.store.activities
    turn = await queued(
        stage, task(1), task(2, priority=5), task(3, queue="cpu"), task(4, activity="b")
    )
    assert await activities.claim_tasks(uuid4(), "gpu", ["zzz"], 10) == []
    [best] = await activities.claim_tasks(stage.node, "gpu", ["a"], 1)
    assert (best.fence.command, best.fence.run_id, best.payload) == (2, turn.run_id, PAYLOAD)
    rest = await activities.claim_tasks(stage.node, "gpu", ["a", "b"], 10)
    assert {claimed.fence.command for claimed in rest} == {1, 4}
    assert await activities.claim_tasks(stage.node, "gpu", ["a", "b"], 10) == []


async def test_an_answer_reaches_the_run_once(stage: Stage) -> None:
    """The holder's result becomes mail; a stale or second one does not."""
    activities = stage.store.activities
    turn = await queued(stage, task(1))
    [claimed] = await activities.claim_tasks(stage.node, "gpu", ["a"], 1)
    stale = replace(claimed.fence, token=claimed.fence.token + 1)
    assert await activities.finish_tasks([(stale, DONE)]) == []
    [posted] = await activities.finish_tasks([(claimed.fence, DONE)])
    assert (posted.kind, posted.name, posted.value) == (RESULT, "1/1/1", DONE)
    assert await activities.finish_tasks([(claimed.fence, DONE)]) == []
    assert await mail(stage, turn) == [posted]
    assert await activities.find_answer(local(stage, turn)) == posted


async def test_tasks_go_back_and_stop(stage: Stage) -> None:
    """Given back they are claimable again; stopped ones are answered, or marked when claimed."""
    activities = stage.store.activities
    turn = await queued(stage, task(1), task(2))
    [one] = await activities.claim_tasks(stage.node, "gpu", ["a"], 1)
    await activities.give_tasks_back([one.fence], 3600.0)
    [other] = await activities.claim_tasks(stage.node, "gpu", ["a"], 10)
    assert other.fence.command != one.fence.command
    lost, stopping = await activities.look_at_tasks([one.fence, other.fence])
    assert (lost, stopping) == ([one.fence], [])
    commands = [one.fence.command, other.fence.command]
    await stage.store.commit_turns(stage.node, [next_turn(turn, stop_tasks=commands)])
    [answer] = await mail(stage, turn)
    assert answer.name == f"1/{one.fence.command}/1"
    assert await activities.look_at_tasks([other.fence]) == ([], [other.fence])


async def test_dead_workers_tasks_crash_with_their_progress(stage: Stage) -> None:
    """The sweep answers for a node that is gone, with the details of its last heartbeat."""
    activities = stage.store.activities
    turn = await queued(stage, task(1))
    other = await stage.register(uuid4(), ttl=LONG_AGO)
    [claimed] = await activities.claim_tasks(other, "gpu", ["a"], 1)
    await activities.save_beats([Beat(claimed.fence, b"41")])
    assert await activities.sweep_tasks(10) == []
    await stage.store.declare_dead(())
    [crashed] = await activities.sweep_tasks(10)
    assert b"crashed" in crashed.value
    assert b"41" in crashed.value
    assert await mail(stage, turn) == [crashed]


async def test_rule_8_a_node_that_was_declared_dead_claims_no_tasks(stage: Stage) -> None:
    """What it took would only be called crashed by the next sweep."""
    activities = stage.store.activities
    await queued(stage, task(1))
    doomed = await stage.register(uuid4(), ttl=LONG_AGO)
    assert await stage.store.declare_dead(()) == [doomed]
    assert await activities.claim_tasks(doomed, "gpu", ["a"], 1) == []
    assert len(await activities.claim_tasks(stage.node, "gpu", ["a"], 1)) == 1


async def test_fleet_limits_hold(stage: Stage) -> None:
    """No more attempts at once, and no more per second, than the queue allows."""
    activities = stage.store.activities
    await activities.set_queues([Queue("gpu", fleet_concurrency=2), Queue("cpu", rate=0.001)])
    await queued(stage, *(task(n) for n in (1, 2, 3)), *(task(n, queue="cpu") for n in (4, 5)))
    two = await activities.claim_tasks(stage.node, "gpu", ["a"], 10)
    assert len(two) == 2
    assert await activities.claim_tasks(uuid4(), "gpu", ["a"], 10) == []
    await activities.finish_tasks([(two[0].fence, DONE)])
    assert len(await activities.claim_tasks(uuid4(), "gpu", ["a"], 10)) == 1
    assert len(await activities.claim_tasks(stage.node, "cpu", ["a"], 10)) == 1
    assert await activities.claim_tasks(stage.node, "cpu", ["a"], 10) == []


async def test_heartbeats_come_with_the_claim(stage: Stage) -> None:
    """The owner's details are stored under its fence, and read by the next owner."""
    activities = stage.store.activities
    turn = await stage.created()
    fence = local(stage, turn)
    await activities.save_beats([Beat(replace(fence, token=fence.token + 1), b"0")])
    await activities.save_beats([Beat(fence, b"41"), Beat(replace(fence, command=2), b"5")])
    await activities.save_beats([Beat(replace(fence, command=2), None)])
    await stage.store.free_unknown(stage.node, ())
    [claimed] = await stage.claim()
    assert claimed.heartbeats == {(1, 1): b"41"}


async def test_a_key_is_reserved_completed_and_shared(stage: Stage) -> None:
    """The second caller waits and is woken by the result; another namespace is another key."""
    activities = stage.store.activities
    first, second = await stage.created(), await stage.created()
    one, two = local(stage, first), local(stage, second)
    assert (await activities.reserve_key(one, "a", "k")).mine
    assert (await activities.reserve_key(one, "a", "k")).mine
    waiting = await activities.reserve_key(two, "a", "k")
    assert (waiting.mine, waiting.value) == (False, None)
    elsewhere = replace(two, namespace="billing")
    assert (await activities.reserve_key(elsewhere, "a", "k")).mine
    assert await activities.sweep_keys(10) == []
    [woken] = await activities.complete_key(one, "a", "k", b"7")
    assert woken.run_id == second.run_id
    assert (await activities.reserve_key(two, "a", "k")).value == b"7"
    with pytest.raises(AttemptFenced):
        await activities.reserve_key(replace(two, token=two.token + 1), "a", "k")


async def test_a_released_key_is_free_again(stage: Stage) -> None:
    """A failed attempt gives its key up; who waits tries again and gets it."""
    activities = stage.store.activities
    first, second = await stage.created(), await stage.created()
    one, two = local(stage, first), local(stage, second)
    await activities.reserve_key(one, "a", "k")
    await activities.reserve_key(two, "a", "k")
    [woken] = await activities.release_key(one, "a", "k")
    assert woken.run_id == second.run_id
    assert (await activities.reserve_key(two, "a", "k")).mine


async def test_a_key_of_an_ended_run_is_taken_over(stage: Stage) -> None:
    """The sweep wakes those who wait for a holder that is gone."""
    activities = stage.store.activities
    first, second = await stage.created(), await stage.created()
    one, two = local(stage, first), local(stage, second)
    await activities.reserve_key(one, "a", "k")
    await activities.reserve_key(two, "a", "k")
    await stage.store.force_cancel(first.run_id, None, None)
    [woken] = await activities.sweep_keys(10)
    assert woken.run_id == second.run_id
    assert (await activities.reserve_key(two, "a", "k")).mine
