"""Published values: written with their turn, under its fence, the last of each name."""

from __future__ import annotations

from uuid import uuid4

from continuum.journal.turn import Continuation, TurnStatus
from tests.conformance.stage import Stage
from tests.postgres.scene import first_turn, last_turn, next_turn

COMMITTED, FENCED = TurnStatus.COMMITTED, TurnStatus.FENCED


async def test_the_last_value_of_each_name_is_kept(stage: Stage) -> None:
    """From the turn that makes the run to the one that ends it, and afterwards."""
    turn = await stage.created(published={"a": b"1", "b": b"[2]"})
    assert await stage.reads.published(turn.run_id, None) == {"a": b"1", "b": b"[2]"}
    following = next_turn(turn, published={"b": b"3"})
    assert await stage.commit(following) == [COMMITTED]
    assert await stage.reads.published(turn.run_id, "default") == {"a": b"1", "b": b"3"}
    end = last_turn(following)
    end.published = {"c": b"null"}
    assert await stage.commit(end) == [COMMITTED]
    known = {"a": b"1", "b": b"3", "c": b"null"}
    assert await stage.reads.published(turn.run_id, None) == known
    assert await stage.reads.published(turn.run_id, "other") is None
    assert await stage.reads.published(uuid4(), None) is None


async def test_a_turn_without_the_fence_publishes_nothing(stage: Stage) -> None:
    """In a batch with others, whose values are written."""
    first, second = await stage.created(), await stage.created()
    stale = next_turn(first, published={"a": b"1"})
    stale.token += 1
    fresh = next_turn(second, published={"a": b"2"})
    assert await stage.commit(stale, fresh) == [FENCED, COMMITTED]
    assert await stage.reads.published(first.run_id, None) == {}
    assert await stage.reads.published(second.run_id, None) == {"a": b"2"}


async def test_a_run_that_exists_already_publishes_nothing(stage: Stage) -> None:
    """The start that came second was not written, and neither is what it showed."""
    turn = await stage.created()
    again = first_turn(run_id=turn.run_id, token=turn.token + 1, published={"a": b"1"})
    [status] = await stage.commit(again, node=uuid4())
    assert status is not COMMITTED
    assert await stage.reads.published(turn.run_id, None) == {}


async def test_values_outlive_their_incarnation(stage: Stage) -> None:
    """`continue_as_new` keeps what is shown."""
    turn = await stage.created(published={"a": b"1"})
    end = next_turn(turn, continuation=Continuation(b"[2]"), published={"b": b"2"})
    assert await stage.commit(end) == [COMMITTED]
    assert await stage.reads.published(turn.run_id, None) == {"a": b"1", "b": b"2"}
