"""Questions that are open: at the end, in the next incarnation, in a fork, in a replay."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

import continuum
from continuum import workflow
from continuum.journal.events import EventKind, RunForked
from continuum.journal.retrying import plan_retry, surviving
from continuum.journal.turn import Answer
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a


def test_a_question_stays_open_when_its_run_ends() -> None:
    """The journal says nothing of it; whoever asked is told by the end."""

    @workflow
    async def flow() -> str:
        await continuum.wait_question("q")
        return "ended"

    run = Driver(flow).start().ask("q")
    assert (run.result, run.answers) == ("ended", [])
    assert run.commands() == ["question_awaited q"]


@pytest.mark.parametrize("crash", [False, True])
def test_open_questions_are_carried_to_the_next_incarnation(crash: bool) -> None:
    """Taken or not, in their order; those that were answered are not."""

    @workflow
    async def flow(n: int) -> list[Any]:
        if n == 0:
            (await continuum.wait_question("q")).answer("done")
            await continuum.wait_question("q")
            await continuum.wait_signal("on")
            continuum.continue_as_new(1)
        found = [await continuum.wait_question(name) for name in ("q", "other", "q")]
        for question in reversed(found):
            question.answer(question.value)
        return [question.value for question in found]

    first = Driver(flow, 0).start().ask("q", 1, "1").ask("q", 2, "2")
    first.ask("other", 3, "3").ask("q", 4, "4").signal("on")
    assert first.answers == [Answer("1", value=b'"done"')]
    second = first.continued(crash=crash)
    assert second.result == [2, 3, 4]
    assert second.answers == [
        Answer(q, value=v) for q, v in (("4", b"4"), ("3", b"3"), ("2", b"2"))
    ]
    first.check_replays()
    second.check_replays()


@workflow
async def answering_twice(n: int = 0) -> list[Any]:
    """Two questions, answered late; with `n`, over two incarnations."""
    first = await continuum.wait_question("q")
    if n == 1:
        continuum.continue_as_new(2)
    second = await continuum.wait_question("q")
    first.answer("first")
    second.answer("second")
    return [first.value, second.value]


def forked(run: Driver) -> Driver:
    """A fork of a run, from where it is."""
    fork = Driver(answering_twice, run_id=uuid4(), incarnation=run.identity.incarnation)
    fork.identity = replace(fork.identity, input=run.identity.input)
    fork.execution = type(fork.execution)(fork.identity)
    body = RunForked(run.identity.run_id, fork.identity.run_id)
    fork.journal, fork.messages = list(run.journal), 100
    fork.journal.append(fork.event(EventKind.RUN_FORKED, body))
    fork.execution.replay(fork.journal)
    assert fork.execution.drift is None
    return fork


def test_a_fork_answers_only_those_who_asked_it() -> None:
    """What its origin was asked it answers in its journal only, also under the same id."""
    run = Driver(answering_twice).start().ask("q", 1, "same")
    fork = forked(run).ask("q", 2, "same")
    assert fork.result == [1, 2]
    assert fork.answers == [Answer("same", value=b'"second"')]
    assert run.ask("q", 3, "other").result == [1, 3]
    assert [answer.question for answer in run.answers] == ["same", "other"]
    fork.check_replays()


def test_a_fork_knows_after_continuing_whom_it_owes_no_answer() -> None:
    """Its next incarnation has no event that says it is a fork."""
    fork = forked(Driver(answering_twice, 1).start().ask("other", 0, "open")).ask("q", 1, "mine")
    second = fork.continued()
    assert [e.body().copied for e in second.journal if e.kind is EventKind.QUESTION_RECEIVED] == [
        False, False, True, False,
    ]  # fmt: skip
    assert second.ask("q", 2, "next").answers == [
        Answer("mine", value=b'"first"'), Answer("next", value=b'"second"'),
    ]  # fmt: skip
    second.check_replays()


def test_another_question_at_the_same_place_is_drift() -> None:
    """By its name, by which one is answered, and by what is done with it."""
    how = ["q", "first", "answer"]

    @workflow
    async def flow() -> str:
        questions = [await continuum.wait_question(how[0]) for _ in range(2)]
        chosen = questions[0 if how[1] == "first" else 1]
        getattr(chosen, how[2])("so")
        return await a()

    run = Driver(flow).start().ask("q", 1, "1").ask("q", 2, "2")
    for place, other in enumerate(["other", "second", "refuse"]):
        was, how[place] = how[place], other
        again = run.crashed()
        assert "question_" in again.drift
        assert (again.execution.drift is not None and again.execution.drift.parks) is True
        how[place] = was
    assert run.crashed().execution.drift is None


def test_a_check_that_says_otherwise_in_a_replay_is_drift() -> None:
    """What was refused stays refused, and what was taken was taken."""
    limit = [10]

    def check(value: int) -> None:
        if value > limit[0]:
            raise ValueError(f"more than {limit[0]}")

    @workflow
    async def flow() -> str:
        question = await continuum.wait_question("q", type=int, check=check)
        return await a(question.value)

    run = Driver(flow).start().ask("q", 11, "1").ask("q", 9, "2")
    limit[0] = 20
    assert "the journal records question_refused" in run.crashed().drift
    limit[0] = 5
    assert "question_refused q" in run.crashed().drift
    limit[0] = 10
    run.check_replays()


def test_a_retry_delivers_again_what_was_asked_after_the_failure() -> None:
    """With its id; what had been asked before is still open after the replay."""

    @workflow
    async def flow() -> str:
        early = await continuum.wait_question("early")
        try:
            await a()
        except continuum.ActivityFailed:
            await continuum.wait_signal("give up")
            raise
        early.answer()
        late = await continuum.wait_question("late")
        late.answer()
        return late.value

    run = Driver(flow).start().ask("early", 0, "1")
    run.fail(2, retryable=False).ask("late", "again", "2").signal("give up")
    assert run.error.type == "continuum.errors.ActivityFailed"
    plan = plan_retry(run.journal, None, force=False)
    assert [(kind, name) for kind, name, _ in plan.mail] == [
        ("question", "late"), ("signal", "give up"),
    ]  # fmt: skip
    assert plan.questions == {"1", "2"}
    kept = surviving([*run.journal, run.event(EventKind.RUN_RETRIED, plan.body)])
    assert sum(event.kind is EventKind.QUESTION_RECEIVED for event in kept) == 1
