"""Questions that meet the end of their run, each other, or a turn (rules 7 and 9)."""

from __future__ import annotations

from uuid import UUID

import pytest

from continuum.journal.turn import Answer, RunState, TurnStatus
from continuum.store.questions import AskOutcome, NewQuestion, Reply
from tests.postgres.scene import Scene, last_turn, next_turn, started, write_turns

pytestmark = pytest.mark.every_server


def question(run_id: UUID, key: str = "q") -> NewQuestion:
    return NewQuestion(run_id, key, "move", b"1")


async def count(scene: Scene, table: str) -> int:
    return await scene.value(f"SELECT count(*) FROM continuum_{table}")


async def test_a_question_that_meets_the_end_of_its_run(scene: Scene) -> None:
    """It waits for the terminal commit in flight, and asks nothing."""
    first = await scene.create_owned()
    owner = await scene.connect()
    async with owner.transaction():
        await write_turns(owner, scene.node, [last_turn(first)])
        call = started(scene.store.questions.ask(question(first.run_id)))
        await scene.blocked(call)
    assert await call == AskOutcome(RunState.COMPLETED)
    assert (await count(scene, "questions"), await count(scene, "inbox")) == (0, 0)


async def test_the_end_of_a_run_waits_for_a_question_in_flight(scene: Scene) -> None:
    """One that was accepted first is there when the run has ended, without an answer."""
    first = await scene.create_owned()
    rival = await scene.connect()
    async with rival.transaction(force_rollback=True):
        # The question stops at its id, with the lease row already locked.
        await rival.execute(
            "INSERT INTO continuum_questions (run_id, question_id, name) VALUES (%s, 'q', 'x')",
            [first.run_id],
        )
        call = started(scene.store.questions.ask(question(first.run_id)))
        await scene.blocked(call)
        end = started(scene.store.commit_turns(scene.node, [last_turn(first)]))
        await scene.blocked(end, count=2)
    assert (await call).posted is not None
    assert (await end).statuses == {first.run_id: TurnStatus.COMMITTED}
    assert await scene.store.questions.replies([(first.run_id, "q")]) == {
        (first.run_id, "q"): Reply(ended=RunState.COMPLETED)
    }


async def test_who_asks_second_waits_for_the_first(scene: Scene) -> None:
    """And learns what was asked; had the first been rolled back, the second would have asked."""
    first = await scene.create_owned()
    rival = await scene.connect()
    async with rival.transaction():
        await rival.execute(
            "INSERT INTO continuum_questions (run_id, question_id, name) VALUES (%s, 'q', 'x')",
            [first.run_id],
        )
        call = started(scene.store.questions.ask(question(first.run_id)))
        await scene.blocked(call)
    outcome = await call
    assert (outcome.posted, outcome.known) == (None, "x")
    assert await count(scene, "inbox") == 0


async def test_a_turn_answers_beside_a_question_in_flight(scene: Scene) -> None:
    """The answer to one is not held up by the asking of another."""
    first = await scene.create_owned()
    await scene.store.questions.ask(question(first.run_id))
    rival = await scene.connect()
    async with rival.transaction(force_rollback=True):
        await rival.execute(
            "INSERT INTO continuum_questions (run_id, question_id, name) VALUES (%s, 'r', 'x')",
            [first.run_id],
        )
        call = started(scene.store.questions.ask(question(first.run_id, "r")))
        await scene.blocked(call)
        answering = next_turn(first, answers=[Answer("q", value=b"1")])
        result = await scene.store.commit_turns(scene.node, [answering])
        assert result.statuses == {first.run_id: TurnStatus.COMMITTED}
    assert (await call).posted is not None
    keys = [(first.run_id, "q"), (first.run_id, "r")]
    assert await scene.store.questions.replies(keys) == {keys[0]: Reply(value=b"1"), keys[1]: None}


async def test_an_answer_with_the_end_is_one(scene: Scene) -> None:
    """Whenever it is looked: first neither, then both; never an end without the answer."""
    first = await scene.create_owned()
    await scene.store.questions.ask(question(first.run_id))
    owner = await scene.connect()
    end = last_turn(first)
    end.answers = [Answer("q", value=b"2")]
    key = (first.run_id, "q")
    async with owner.transaction():
        await write_turns(owner, scene.node, [end])
        assert await scene.store.questions.replies([key]) == {key: None}
    assert await scene.store.questions.replies([key]) == {key: Reply(value=b"2")}
