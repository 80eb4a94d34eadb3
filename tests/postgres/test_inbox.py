"""Posting to runs, and ending them by force (rules 1, 7, 9, 10, 11)."""

from __future__ import annotations

from uuid import uuid4

import msgspec
import pytest

from continuum.journal.events import RunCancelled
from continuum.journal.turn import RunState, TurnStatus
from continuum.store.protocol import NewMessage, PostOutcome, Release
from tests.postgres.scene import (
    Scene,
    claimed_turn,
    last_turn,
    next_turn,
    posts_stop_at_the_inbox,
    started,
    write_turns,
)

pytestmark = pytest.mark.every_server


async def test_rule_7_signal_that_meets_the_end_of_its_run(scene: Scene) -> None:
    """A signal waits for the terminal commit in flight and answers "ended"; nothing is orphaned."""
    first = await scene.create_owned()
    owner = await scene.connect()
    async with owner.transaction():
        await write_turns(owner, scene.node, [last_turn(first)])
        call = started(scene.signal(first.run_id))
        await scene.blocked(call)
    assert await call == PostOutcome(state=RunState.COMPLETED, posted=None)
    assert await scene.value("SELECT count(*) FROM continuum_inbox") == 0


async def test_rule_7_end_of_a_run_waits_for_a_signal_in_flight(scene: Scene) -> None:
    """A signal accepted first holds the end back until it is stored, and goes with the lease."""
    first = await scene.create_owned()
    rival = await scene.connect()
    async with rival.transaction(force_rollback=True):
        # The signal stops at its delivery id, with the lease row already locked.
        await rival.execute(
            "INSERT INTO continuum_deliveries VALUES (%s, 'go', 'd1')", [first.run_id]
        )
        signal = started(scene.signal(first.run_id, delivery_id="d1"))
        await scene.blocked(signal)
        end = started(scene.store.commit_turns(scene.node, [last_turn(first)]))
        await scene.blocked(end, count=2)
    assert (await signal).posted is not None
    assert (await end).statuses == {first.run_id: TurnStatus.COMMITTED}
    assert await scene.value("SELECT count(*) FROM continuum_inbox") == 0


async def test_rule_9_release_waits_for_mail_in_flight_and_leaves_the_run_ready(
    scene: Scene,
) -> None:
    """A signal that saw an owner is not lost when that owner gives the run back meanwhile."""
    run_id = await scene.create_free()
    [run] = await scene.claim()
    rival = await scene.connect()
    async with rival.transaction(force_rollback=True):
        await rival.execute("INSERT INTO continuum_deliveries VALUES (%s, 'go', 'd1')", [run_id])
        signal = started(scene.signal(run_id, delivery_id="d1"))
        await scene.blocked(signal)
        release = started(scene.store.release(scene.node, [Release(claimed_turn(run))]))
        await scene.blocked(release, count=2)
    await signal
    await release
    assert await scene.lease(run_id, "ready AND lease_owner IS NULL")
    [again] = await scene.claim()
    assert [message.name for message in again.inbox] == ["go"]


async def test_rule_9_mail_that_waits_for_a_release_wakes_the_free_run(scene: Scene) -> None:
    """A signal that arrives during a release sees the run unowned and makes it ready."""
    run_id = await scene.create_free()
    [run] = await scene.claim()
    owner = await scene.connect()
    async with owner.transaction():
        await write_turns(owner, scene.node, [claimed_turn(run)])
        await owner.execute(
            "UPDATE continuum_leases SET lease_owner = NULL, lease_token = lease_token + 1"
        )
        call = started(scene.signal(run_id))
        await scene.blocked(call)
    assert (await call).posted is not None
    assert await scene.lease(run_id, "ready")


async def test_rule_7_end_of_a_run_waits_for_a_plain_signal_in_flight(scene: Scene) -> None:
    """The signal that is one statement holds the lease row from before it writes."""
    first = await scene.create_owned()
    async with posts_stop_at_the_inbox(scene):
        signal = started(scene.signal(first.run_id))
        await scene.blocked(signal)
        end = started(scene.store.commit_turns(scene.node, [last_turn(first)]))
        await scene.blocked(end, count=2)
    assert (await signal).posted is not None
    assert (await end).statuses == {first.run_id: TurnStatus.COMMITTED}
    assert await scene.value("SELECT count(*) FROM continuum_inbox") == 0


async def test_rule_9_release_waits_for_a_plain_signal_in_flight(scene: Scene) -> None:
    """The owner that gives the run back meanwhile finds the signal and leaves the run ready."""
    run_id = await scene.create_free()
    [run] = await scene.claim()
    async with posts_stop_at_the_inbox(scene):
        signal = started(scene.signal(run_id))
        await scene.blocked(signal)
        release = started(scene.store.release(scene.node, [Release(claimed_turn(run))]))
        await scene.blocked(release, count=2)
    assert (await signal).posted is not None
    await release
    assert await scene.lease(run_id, "ready AND lease_owner IS NULL")


async def test_signals_of_one_batch_keep_their_order_whatever_way_they_take(scene: Scene) -> None:
    """An owned run, a free one, an unknown one and another namespace, mixed in one batch."""
    owned = (await scene.create_owned()).run_id
    free = await scene.create_free()
    [run] = await scene.claim()
    await scene.store.release(scene.node, [Release(claimed_turn(run))])
    assert await scene.lease(free, "NOT ready AND lease_owner IS NULL")
    outcomes = await scene.store.post([
        NewMessage(free, "signal", "a", b"1"),
        NewMessage(owned, "signal", "a", b"2"),
        NewMessage(uuid4(), "signal", "a", b"3"),
        NewMessage(free, "signal", "a", b"4"),
        NewMessage(owned, "signal", "a", b"5", namespace="other"),
        NewMessage(owned, "signal", "a", b"6", namespace="default"),
    ])  # fmt: skip
    assert [outcome.posted is not None for outcome in outcomes] == [
        True, True, False, True, False, True,
    ]  # fmt: skip
    rows = "SELECT payload FROM continuum_inbox WHERE run_id = %s ORDER BY id"
    assert await scene.rows(rows, free) == [(b"1",), (b"4",)]
    assert await scene.rows(rows, owned) == [(b"2",), (b"6",)]
    assert await scene.lease(free, "ready")


async def test_rule_9_consumed_early_signal_does_not_wake_the_run_again(scene: Scene) -> None:
    """A signal nobody awaits is journaled and gone: the released run is not claimable again."""
    run_id = await scene.create_free()
    await scene.signal(run_id)
    [run] = await scene.claim()
    turn = claimed_turn(run, consumed=[message.id for message in run.inbox])
    assert turn.consumed
    await scene.store.commit_turns(scene.node, [turn])
    await scene.store.release(scene.node, [Release(claimed_turn(run))])
    assert await scene.claim() == []


async def test_rule_10_delivery_id_outlives_the_message(scene: Scene) -> None:
    """A client's retry after the signal was consumed answers OK and posts nothing."""
    first = await scene.create_owned()
    posted = (await scene.signal(first.run_id, delivery_id="d1")).posted
    turn = next_turn(first, consumed=[posted.id])
    await scene.store.commit_turns(scene.node, [turn])
    retry = await scene.signal(first.run_id, delivery_id="d1")
    assert retry == PostOutcome(state=RunState.RUNNING, posted=None, duplicate=True)
    assert await scene.value("SELECT count(*) FROM continuum_inbox") == 0
    other_name = await scene.signal(first.run_id, name="stop", delivery_id="d1")
    assert other_name.posted is not None


async def test_rule_10_retry_while_the_turn_consumes_the_message(scene: Scene) -> None:
    """A retry that waits for the deleting turn does not insert the signal a second time."""
    first = await scene.create_owned()
    posted = (await scene.signal(first.run_id, delivery_id="d1")).posted
    owner = await scene.connect()
    async with owner.transaction():
        await write_turns(owner, scene.node, [next_turn(first, consumed=[posted.id])])
        retry = started(scene.signal(first.run_id, delivery_id="d1"))
        await scene.blocked(retry)
    assert (await retry).duplicate
    assert await scene.value("SELECT count(*) FROM continuum_inbox") == 0


async def test_rule_10_one_delivery_id_twice_in_a_batch(scene: Scene) -> None:
    """Only the first of two equal deliveries in one batch is posted; order is kept."""
    run_id = await scene.create_free()
    outcomes = await scene.store.post([
        NewMessage(run_id, "signal", "a", b"1", delivery_id="d"),
        NewMessage(run_id, "signal", "a", b"2", delivery_id="d"),
        NewMessage(run_id, "signal", "a", b"3"),
    ])  # fmt: skip
    assert [outcome.duplicate for outcome in outcomes] == [False, True, False]
    rows = await scene.rows("SELECT payload FROM continuum_inbox ORDER BY id")
    assert rows == [(b"1",), (b"3",)]


async def test_rule_11_batches_lock_leases_in_run_order(scene: Scene) -> None:
    """A batch that waits for its first run holds no later one, whatever order it was given."""
    low, high = sorted([await scene.create_owned() for _ in range(2)], key=lambda t: t.run_id.int)
    third = await scene.connect()
    holder = await scene.connect()
    async with holder.transaction():
        await holder.execute(
            "SELECT FROM continuum_leases WHERE run_id = %s FOR UPDATE", [low.run_id]
        )
        ends = started(scene.store.commit_turns(scene.node, [last_turn(high), last_turn(low)]))
        await scene.blocked(ends)
        mail = started(
            scene.store.post([NewMessage(turn.run_id, "cancel", "", b"{}") for turn in (high, low)])
        )
        await scene.blocked(mail, count=2)
        # NOWAIT raises if either of the two holds the later row.
        async with third.transaction():
            await third.execute(
                "SELECT FROM continuum_leases WHERE run_id = %s FOR UPDATE NOWAIT", [high.run_id]
            )
    await ends
    await mail
    assert await scene.value("SELECT count(*) FROM continuum_leases") == 0


async def test_rule_11_posters_upgrade_their_locks_in_run_order(scene: Scene) -> None:
    """Cancels of the same runs, in opposite orders, wait at the first run and hold no other."""
    low, high = sorted([await scene.create_free() for _ in range(2)], key=lambda run_id: run_id.int)
    third = await scene.connect()
    holder = await scene.connect()
    async with holder.transaction():
        # Compatible with the shared lock that posting begins with, not with marking the run.
        await holder.execute(
            "SELECT FROM continuum_leases WHERE run_id = %s FOR NO KEY UPDATE", [low]
        )
        calls = [
            started(scene.store.post([NewMessage(run_id, "cancel", "", b"{}") for run_id in order]))
            for order in ((low, high), (high, low))
        ]
        for call in calls:
            await scene.blocked(call, count=2)
        # NOWAIT raises if either of the two has marked the later row already.
        async with third.transaction():
            await third.execute(
                "SELECT FROM continuum_leases WHERE run_id = %s FOR NO KEY UPDATE NOWAIT", [high]
            )
    for call in calls:
        assert all(outcome.posted for outcome in await call)


async def test_rule_1_force_cancel_appends_after_the_turn_it_waited_for(scene: Scene) -> None:
    """Force-cancel that meets a turn in flight reads next_seq after the lock: no seq twice."""
    first = await scene.create_owned()
    owner = await scene.connect()
    async with owner.transaction():
        await write_turns(owner, scene.node, [next_turn(first)])
        call = started(scene.store.force_cancel(first.run_id, "enough", None))
        await scene.blocked(call)
    assert await call == PostOutcome(state=RunState.RUNNING, posted=None)
    rows = await scene.rows("SELECT seq, type, payload FROM continuum_events ORDER BY seq")
    assert [seq for seq, _, _ in rows] == [1, 2, 3, 4]
    assert rows[-1][1] == "run_cancelled"
    body = msgspec.json.decode(rows[-1][2], type=RunCancelled)
    assert body == RunCancelled(reason="enough", forced=True)
    assert await scene.rows("SELECT state, completed_at IS NOT NULL FROM continuum_runs") == [
        ("cancelled", True)
    ]


async def test_force_cancel_fences_the_owner_and_happens_once(scene: Scene) -> None:
    """After force-cancel the owner's next turn writes nothing and a second cancel says so."""
    first = await scene.create_owned()
    await scene.store.force_cancel(first.run_id, None, None)
    result = await scene.store.commit_turns(scene.node, [next_turn(first)])
    assert result.statuses == {first.run_id: TurnStatus.FENCED}
    again = await scene.store.force_cancel(first.run_id, None, None)
    assert again.state is RunState.CANCELLED
    assert await scene.seqs(first.run_id) == [1, 2, 3]


async def test_namespace_hides_the_run(scene: Scene) -> None:
    """A run of another namespace answers exactly as one that does not exist."""
    run_id = await scene.create_free()
    nowhere = PostOutcome(state=None, posted=None)
    assert await scene.signal(run_id, namespace="other") == nowhere
    assert await scene.signal(uuid4()) == nowhere
    assert await scene.store.force_cancel(run_id, None, "other") == nowhere
    assert await scene.store.force_cancel(uuid4(), None, None) == nowhere
    assert (await scene.signal(run_id, namespace="default")).posted is not None


async def test_cancel_marks_the_run_and_wakes_it_when_free(scene: Scene) -> None:
    """A cancel message sets cancel_requested_at and makes an unowned run ready."""
    run_id = await scene.create_free()
    [run] = await scene.claim()
    await scene.store.release(scene.node, [Release(claimed_turn(run))])
    [outcome] = await scene.store.post([NewMessage(run_id, "cancel", "", b'{"reason":null}')])
    assert outcome.posted is not None
    assert await scene.lease(run_id, "ready AND cancel_requested_at IS NOT NULL")
    [again] = await scene.claim()
    assert again.cancel_requested
