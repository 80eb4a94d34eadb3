"""Questions: asked once with their message, answered under the fence, kept with the run."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from msgspec import Raw

from continuum.journal.events import Entry, EventKind, QuestionAnswered, QuestionReceived
from continuum.journal.questions import PostedQuestion, decode_question
from continuum.journal.turn import Answer, Continuation, TurnStatus
from continuum.model import RunState
from continuum.store.questions import AskOutcome, NewQuestion, Reply
from tests.conformance.stage import Stage
from tests.postgres.scene import first_turn, last_turn, next_turn

COMMITTED, FENCED = TurnStatus.COMMITTED, TurnStatus.FENCED


async def ask(
    stage: Stage, run_id: UUID, question: str = "q", name: str = "move", **options: str
) -> AskOutcome:
    return await stage.store.questions.ask(
        NewQuestion(run_id, question, name, b'{"to": 1}', **options)
    )


async def reply(stage: Stage, run_id: UUID, question: str = "q") -> Reply | None:
    """How one question was settled; it is there."""
    return (await stage.store.questions.replies([(run_id, question)]))[run_id, question]


async def test_a_question_comes_through_the_inbox_and_is_answered_by_a_turn(stage: Stage) -> None:
    """The owner reads it, and the answer is there with the turn that gives it."""
    turn = await stage.created()
    outcome = await ask(stage, turn.run_id)
    assert outcome.state is not None
    assert not outcome.state.terminal
    assert await reply(stage, turn.run_id) is None
    [message] = await stage.store.read_inbox(stage.node, [turn.run_id])
    assert outcome.posted == message
    assert (message.kind, message.name) == ("question", "move")
    assert decode_question(message.value) == PostedQuestion("q", Raw(b'{"to": 1}'))
    answering = next_turn(turn, consumed=[message.id], answers=[Answer("q", value=b"[2]")])
    assert await stage.commit(answering) == [COMMITTED]
    assert await reply(stage, turn.run_id) == Reply(value=b"[2]")
    assert await stage.store.read_inbox(stage.node, [turn.run_id]) == []


async def test_the_same_id_is_the_same_question(stage: Stage) -> None:
    """Before and after the answer, and when the run has ended; its first name is told."""
    turn = await stage.created()
    posted = (await ask(stage, turn.run_id)).posted
    assert posted is not None
    again = await ask(stage, turn.run_id)
    assert (again.posted, again.known) == (None, "move")
    assert (await ask(stage, turn.run_id, name="other")).known == "move"
    following = next_turn(turn, consumed=[posted.id], answers=[Answer("q", refusal="no")])
    assert await stage.commit(following) == [COMMITTED]
    assert (await ask(stage, turn.run_id)).known == "move"
    assert await stage.commit(last_turn(following)) == [COMMITTED]
    ended = await ask(stage, turn.run_id)
    assert (ended.state, ended.posted, ended.known) == (RunState.COMPLETED, None, "move")
    assert await reply(stage, turn.run_id) == Reply(refusal="no")


async def test_two_who_ask_at_once_with_one_id_ask_once(stage: Stage) -> None:
    """One of them brings the message, and both find the question."""
    turn = await stage.created()
    outcomes = await asyncio.gather(*(ask(stage, turn.run_id) for _ in range(8)))
    assert sum(outcome.posted is not None for outcome in outcomes) == 1
    assert sorted(outcome.known or "" for outcome in outcomes) == ["", *["move"] * 7]
    assert len(await stage.store.read_inbox(stage.node, [turn.run_id])) == 1


async def test_other_ids_and_other_runs_are_other_questions(stage: Stage) -> None:
    """Each gets its own answer; the first answer to a question counts."""
    first, second = await stage.created(), await stage.created()
    for run_id, question in ((first.run_id, "a"), (first.run_id, "b"), (second.run_id, "a")):
        assert (await ask(stage, run_id, question)).posted is not None
    one = next_turn(first, answers=[Answer("b", value=b"1"), Answer("a", refusal="no")])
    other = next_turn(second, answers=[Answer("a", value=b"2"), Answer("unasked", value=b"3")])
    assert await stage.commit(one, other) == [COMMITTED, COMMITTED]
    assert await stage.commit(next_turn(one, answers=[Answer("b", value=b"4")])) == [COMMITTED]
    keys = [(first.run_id, "a"), (first.run_id, "b"), (second.run_id, "a"), (first.run_id, "c"),
            (second.run_id, "unasked"), (uuid4(), "a")]  # fmt: skip
    assert await stage.store.questions.replies(keys) == {
        keys[0]: Reply(refusal="no"), keys[1]: Reply(value=b"1"), keys[2]: Reply(value=b"2"),
    }  # fmt: skip


async def test_a_turn_without_the_fence_answers_nobody(stage: Stage) -> None:
    """In a batch with others, whose answers are written; also where there is only one."""
    first, second = await stage.created(), await stage.created()
    for turn in (first, second):
        await ask(stage, turn.run_id)
    stale = next_turn(first, answers=[Answer("q", value=b"1")])
    stale.token += 1
    fresh = next_turn(second, answers=[Answer("q", value=b"2")])
    assert await stage.commit(stale, fresh) == [FENCED, COMMITTED]
    assert await stage.commit(stale) == [FENCED]
    assert await reply(stage, first.run_id) is None
    assert await reply(stage, second.run_id) == Reply(value=b"2")


async def test_many_answers_of_one_turn(stage: Stage) -> None:
    """More rows than go as plain parameters."""
    turn = await stage.created()
    ids = [f"question {number}" for number in range(9)]
    for each in ids:
        await ask(stage, turn.run_id, each)
    answers = [Answer(each, value=b'"%d"' % number) for number, each in enumerate(ids)]
    assert await stage.commit(next_turn(turn, answers=answers)) == [COMMITTED]
    assert await stage.store.questions.replies([(turn.run_id, each) for each in ids]) == {
        (turn.run_id, each): Reply(value=b'"%d"' % number) for number, each in enumerate(ids)
    }


async def test_a_run_that_ended_has_answered_what_it_answered_and_nothing_else(
    stage: Stage,
) -> None:
    """Whoever waits for the rest is told how it ended; an answer with the end counts."""
    turn = await stage.created()
    for question in ("answered", "left"):
        await ask(stage, turn.run_id, question)
    end = last_turn(turn)
    end.answers = [Answer("answered", value=b"1")]
    assert await stage.commit(end) == [COMMITTED]
    assert await reply(stage, turn.run_id, "answered") == Reply(value=b"1")
    assert await reply(stage, turn.run_id, "left") == Reply(ended=RunState.COMPLETED)
    unasked = await ask(stage, turn.run_id, "late")
    assert (unasked.state, unasked.posted, unasked.known) == (RunState.COMPLETED, None, None)
    assert await stage.store.questions.replies([(turn.run_id, "late")]) == {}


async def test_a_run_that_is_ended_by_force_leaves_its_questions(stage: Stage) -> None:
    """Nobody has to write anything for those who asked."""
    turn = await stage.created()
    await ask(stage, turn.run_id)
    await stage.store.force_cancel(turn.run_id, None, None)
    assert await reply(stage, turn.run_id) == Reply(ended=RunState.CANCELLED)


async def test_who_asks_no_run_or_one_elsewhere_asks_nobody(stage: Stage) -> None:
    """Nothing is written."""
    turn = await stage.created()
    assert await ask(stage, uuid4()) == AskOutcome(None)
    assert await ask(stage, turn.run_id, namespace="other") == AskOutcome(None)
    assert await stage.store.questions.replies([(turn.run_id, "q")]) == {}
    assert await stage.store.read_inbox(stage.node, [turn.run_id]) == []
    assert (await ask(stage, turn.run_id, namespace="default")).posted is not None


async def test_a_question_wakes_a_run_that_nobody_owns(stage: Stage) -> None:
    """It is claimed with the question in its inbox."""
    await stage.register()
    run_id = await stage.started()
    await ask(stage, run_id)
    [claimed] = await stage.claim()
    assert [message.kind for message in claimed.inbox] == ["question"]
    assert await stage.store.questions.replies([(run_id, "q")]) == {(run_id, "q"): None}


async def test_questions_outlive_their_incarnation(stage: Stage) -> None:
    """What is carried is answered by the next."""
    turn = await stage.created()
    await ask(stage, turn.run_id)
    at = turn.entries[0].at
    body = QuestionReceived("move", Raw(b"1"), 1, "q")
    carried = [Entry(EventKind.QUESTION_RECEIVED, None, body, at)]
    end = next_turn(turn, continuation=Continuation(b"[2]", carried))
    assert await stage.commit(end) == [COMMITTED]
    assert await reply(stage, turn.run_id) is None
    entry = Entry(EventKind.QUESTION_ANSWERED, 1, QuestionAnswered("move", "q", Raw(b"2")), at)
    later = next_turn(end, answers=[Answer("q", value=b"2")])
    later.entries, later.incarnation, later.next_seq = [entry], 2, end.next_seq + end.appended
    assert await stage.commit(later) == [COMMITTED]
    assert await reply(stage, turn.run_id) == Reply(value=b"2")


async def test_a_run_that_exists_already_answers_nobody(stage: Stage) -> None:
    """The start that came second was not written, and neither is what it said."""
    turn = await stage.created()
    await ask(stage, turn.run_id)
    again = first_turn(run_id=turn.run_id, token=turn.token + 1, answers=[Answer("q", value=b"1")])
    [status] = await stage.commit(again, node=uuid4())
    assert status is not COMMITTED
    assert await reply(stage, turn.run_id) is None
