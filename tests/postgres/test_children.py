"""Mail between runs and children in the turn statement: locks, fences, ends (rules 7 and 11)."""

from __future__ import annotations

import asyncio

import pytest

from continuum.journal.turn import NewRun, Post, Turn, TurnStatus
from continuum.system import new_run_id
from tests.postgres.scene import (
    PIN,
    Scene,
    last_turn,
    next_turn,
    open_scene,
    started,
    write_turns,
)

pytestmark = pytest.mark.every_server


def child_of(turn: Turn) -> NewRun:
    """A child to be inserted by `turn`."""
    return NewRun(
        new_run_id(), "default", PIN.workflow, b"[1]", {"own": 1},
        parent_id=turn.run_id, depth=1, parent_close="cancel",
    )  # fmt: skip


def result_for(parent: Turn) -> Post:
    """A child's end, for its parent."""
    return Post(parent.run_id, "child_result", "", b"{}")


async def inbox(scene: Scene) -> list[tuple[str, str]]:
    """Kind and target of all unread mail."""
    rows = await scene.rows("SELECT kind, run_id::text FROM continuum_inbox ORDER BY id")
    return [(kind, run_id) for kind, run_id in rows]


async def test_children_are_inserted_once_however_often_the_turn_is_sent(dsn: str) -> None:
    """Rule 2: a resent turn answers committed and adds no second child."""
    async with open_scene(dsn) as scene:
        first = await scene.create_owned()
        await scene.observer.execute("""UPDATE continuum_runs SET attributes = '{"plan": "pro"}'""")
        turn = next_turn(first)
        turn.children = [child_of(turn)]
        for _ in range(2):
            result = await scene.store.commit_turns(scene.node, [turn])
            assert result.statuses[turn.run_id] is TurnStatus.COMMITTED
        rows = await scene.rows(
            "SELECT parent_id, depth, parent_close, attributes, state, ready, lease_owner"
            " FROM continuum_runs JOIN continuum_leases ON run_id = id WHERE id = %s",
            turn.children[0].run_id,
        )
        assert rows == [
            (first.run_id, 1, "cancel", {"plan": "pro", "own": 1}, "running", True, None)
        ]


async def test_a_fenced_turn_makes_no_children_and_sends_no_mail(dsn: str) -> None:
    """What an owner decided that is none any more never happened."""
    async with open_scene(dsn) as scene:
        first, other = await scene.create_owned(), await scene.create_owned()
        turn = next_turn(first, token=first.token + 1)
        turn.children, turn.posts = [child_of(turn)], [result_for(other)]
        result = await scene.store.commit_turns(scene.node, [turn])
        assert result.statuses[turn.run_id] is TurnStatus.FENCED
        assert await scene.value("SELECT count(*) FROM continuum_runs") == 2
        assert await inbox(scene) == []


async def test_rule_7_mail_to_a_run_that_has_ended_is_dropped(dsn: str) -> None:
    """Ended before, or in the very batch: the sender's turn commits and nothing is orphaned."""
    async with open_scene(dsn) as scene:
        child, parent, gone = [await scene.create_owned() for _ in range(3)]
        await scene.store.commit_turns(scene.node, [last_turn(gone)])
        ending, with_it = last_turn(child), last_turn(parent)
        ending.posts = [result_for(parent), result_for(gone)]
        result = await scene.store.commit_turns(scene.node, [ending, with_it])
        assert set(result.statuses.values()) == {TurnStatus.COMMITTED}
        assert await inbox(scene) == []
        assert await scene.value("SELECT count(*) FROM continuum_leases") == 0


async def test_rule_7_a_child_that_ends_while_its_parent_does(dsn: str) -> None:
    """The child's turn waits for the parent's end in flight, then drops its message."""
    async with open_scene(dsn) as scene:
        child, parent = await scene.create_owned(), await scene.create_owned()
        ending = last_turn(child)
        ending.posts = [result_for(parent)]
        other = await scene.connect()
        async with other.transaction():
            await write_turns(other, scene.node, [last_turn(parent)])
            call = started(scene.store.commit_turns(scene.node, [ending]))
            await scene.blocked(call)
        assert (await call).statuses[child.run_id] is TurnStatus.COMMITTED
        assert await inbox(scene) == []


async def test_mail_wakes_a_free_run_and_a_released_one(dsn: str) -> None:
    """A parent released while the child's turn waited for its row is found unowned, hence woken."""
    async with open_scene(dsn) as scene:
        child, parent = await scene.create_owned(), await scene.create_owned()
        ending = last_turn(child)
        ending.posts = [result_for(parent)]
        other = await scene.connect()
        async with other.transaction():
            await other.execute(
                "UPDATE continuum_leases SET lease_owner = NULL WHERE run_id = %s",
                [parent.run_id],
            )
            call = started(scene.store.commit_turns(scene.node, [ending]))
            await scene.blocked(call)
        await call
        assert await scene.lease(parent.run_id, "ready") is True
        assert await inbox(scene) == [("child_result", str(parent.run_id))]


async def test_a_child_born_and_cancelled_in_one_turn(dsn: str) -> None:
    """A parent that ends in the turn that starts a child leaves it with a cancel request."""
    async with open_scene(dsn) as scene:
        first = await scene.create_owned()
        turn = last_turn(first)
        new = child_of(turn)
        turn.children, turn.posts = [new], [Post(new.run_id, "cancel", "", b"null")]
        await scene.store.commit_turns(scene.node, [turn])
        assert await inbox(scene) == [("cancel", str(new.run_id))]


async def test_rule_11_crossed_parents_lock_in_run_order(dsn: str) -> None:
    """Two batches, each ending a child of a run that the other ends: one waits, none deadlocks."""
    async with open_scene(dsn) as scene:
        runs = sorted([await scene.create_owned() for _ in range(4)], key=lambda t: t.run_id.int)
        low, lower_parent, upper_parent, high = runs
        one, two = last_turn(low), last_turn(lower_parent)
        one.posts = [result_for(upper_parent)]
        three, four = last_turn(high), last_turn(upper_parent)
        three.posts = [result_for(lower_parent)]
        other = await scene.connect()
        async with other.transaction():
            await write_turns(other, scene.node, [one, two])
            call = started(scene.store.commit_turns(scene.node, [three, four]))
            await scene.blocked(call)
        statuses = (await asyncio.wait_for(call, 20)).statuses
        assert set(statuses.values()) == {TurnStatus.COMMITTED}
        assert await scene.value("SELECT count(*) FROM continuum_leases") == 0


async def test_force_cancel_does_not_miss_a_child_being_created(dsn: str) -> None:
    """Rule 1: it waits for the parent's turn in flight and then finds the child of that turn."""
    async with open_scene(dsn) as scene:
        first = await scene.create_owned()
        turn = next_turn(first)
        turn.children = [child_of(turn)]
        other = await scene.connect()
        async with other.transaction():
            await write_turns(other, scene.node, [turn])
            call = started(scene.store.force_cancel(first.run_id, "now", None))
            await scene.blocked(call)
        outcome = await call
        assert list(outcome.touched) == [turn.children[0].run_id]
        assert await inbox(scene) == [("cancel", str(turn.children[0].run_id))]
