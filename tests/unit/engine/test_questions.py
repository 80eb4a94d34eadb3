"""Questions: FIFO per name, refused for their payload, closed once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

import continuum
from continuum import DefinitionError, NotInWorkflow, PayloadError, Question, workflow
from continuum.journal.events import EventKind
from continuum.journal.turn import Answer
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b


@dataclass
class Address:
    """A typed payload."""

    street: str
    zip: int


def plausible(address: Address) -> None:
    """What the workflows below accept."""
    if not address.zip:
        raise ValueError("there is no zip")


HOME = {"street": "Elm", "zip": 1}


def refusal(question: str, reason: str) -> Answer:
    return Answer(question, refusal=reason)


def test_a_question_is_taken_and_answered_with_the_turn() -> None:
    """Awaiting and answering are numbered commands; a replay answers nobody."""

    @workflow
    async def flow() -> str:
        question = await continuum.wait_question("move", type=Address, timeout=60)
        assert isinstance(question.value, Address)
        await a()
        question.answer({"to": question.value.street})
        return f"{question!r} {question.name} {question.id}"

    run = Driver(flow).start()
    assert run.execution.waiting_on == "question move until 2026-11-22T10:01:00Z"
    run.ask("move", HOME, "q1")
    assert run.answers == []
    again = run.crashed().recover()
    run.complete(4, "ok")
    assert run.answers == [Answer("q1", value=b'{"to":"Elm"}')]
    assert run.result == "<question move q1> move q1"
    assert run.commands() == [
        "question_awaited move", "timer_started", "timer_cancelled 2", "activity_scheduled a",
        "question_answered move",
    ]  # fmt: skip
    assert (again.answers, again.execution.drift) == ([], None)
    run.check_replays()


def test_early_questions_are_buffered_and_waiters_served_in_order() -> None:
    """As signals: each name has its own order, whoever waited first gets the first."""

    @workflow
    async def flow() -> list[Any]:
        await a()

        async def one(name: str) -> Any:
            question = await continuum.wait_question(name)
            question.answer()
            return question.value

        both = await asyncio.gather(one("x"), one("x"), one("y"))
        return [*both, await one("x")]

    run = Driver(flow).start().ask("x", 1, "1").ask("y", "why", "2").ask("x", 2, "3")
    assert run.execution.end is None
    run.complete(1, "go")
    assert run.answers == [Answer(each, value=b"null") for each in ("1", "3", "2")]
    assert run.ask("x", 3, "4").result == [1, 2, "why", 3]
    run.check_replays()


def test_a_payload_that_does_not_fit_is_refused_and_the_wait_goes_on() -> None:
    """By its type, or by the check, early or late; the code never sees it, the limit stays."""

    @workflow
    async def flow() -> str:
        await a()
        question = await continuum.wait_question("move", type=Address, check=plausible, timeout=60)
        question.answer(1)
        return question.value.street

    run = Driver(flow).start().ask("move", "Elm", "early")
    run.complete(1, "go")
    assert [answer.question for answer in run.answers] == ["early"]
    assert "Expected `object`, got `str`" in (run.answers[0].refusal or "")
    due = run.execution.wake_at
    run.advance(1).ask("move", {"street": "Elm", "zip": 0}, "zip").ask("move", {}, "empty")
    assert run.answers[1] == refusal("zip", "there is no zip")
    assert "street" in (run.answers[2].refusal or "")
    assert run.execution.wake_at == due
    assert run.ask("move", HOME, "good").result == "Elm"
    refused = [e.body() for e in run.journal if e.kind is EventKind.QUESTION_REFUSED]
    assert [body.unfit for body in refused] == [True] * 3
    assert run.answers[3:] == [Answer("good", value=b"1")]
    run.check_replays()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(), "its check refuses it"),
        (KeyError("zip"), "its check raised KeyError: 'zip'"),
        (ValueError("a\0b\ud800"), r"a\x00b\ud800"),
    ],
)
def test_a_check_that_breaks_refuses(error: Exception, reason: str) -> None:
    """What somebody sends must not fail the run, and every reason can be stored."""

    def check(value: Any) -> None:
        if value == "bad":
            raise error

    @workflow
    async def flow() -> Any:
        question = await continuum.wait_question("q", check=check)
        question.answer()
        return question.value

    run = Driver(flow).start().ask("q", "bad", "1")
    assert run.answers == [refusal("1", reason)]
    assert run.ask("q", "good", "2").result == "good"
    run.check_replays()


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(
    ("sin", "complaint"),
    [
        (lambda _: continuum.publish("a", 1), "a workflow call inside the check of question q"),
        (lambda _: socket.socket(), "socket"),
    ],
)
def test_a_check_only_looks(sin: Callable[[Any], Any], complaint: str, early: bool) -> None:
    """What a replay could not repeat is raised at the wait, and the question stays open."""

    @workflow
    async def flow() -> str:
        await a()
        try:
            await continuum.wait_question("q", check=sin)
        except continuum.NonDeterminismError as error:
            await b()
            return str(error)
        return "accepted"

    run = Driver(flow).start()
    run = run.ask("q").complete(1, "") if early else run.complete(1, "").ask("q")
    assert complaint in run.complete(3, "").result
    assert run.answers == []
    run.check_replays()


def test_time_runs_out_for_questions_as_for_signals() -> None:
    """The builtin TimeoutError, also when nothing but what is refused has come; zero looks."""

    @workflow
    async def flow() -> list[str]:
        said: list[str] = []
        for timeout in (0, 30):
            try:
                await continuum.wait_question("q", type=int, timeout=timeout)
            except TimeoutError as error:
                said.append(str(error))
        return said

    run = Driver(flow).start().ask("q", "no", "1").advance(30)
    assert run.result == [
        "no question 'q' has arrived", "no question 'q' arrived within the timeout",
    ]  # fmt: skip
    run.check_replays()


def test_a_question_is_closed_once() -> None:
    """A second answer or refusal is an error that changes nothing."""

    @workflow
    async def flow() -> list[str]:
        said: list[str] = []
        for first in ("answer", "refuse"):
            question = await continuum.wait_question("q")
            getattr(question, first)("first")
            for then in (question.answer, question.refuse):
                with pytest.raises(DefinitionError, match=r"question .* is not open") as caught:
                    then("second")
                said.append(str(caught.value))
        return said

    run = Driver(flow).start().ask("q", 1, "1").ask("q", 2, "2")
    assert run.answers == [Answer("1", value=b'"first"'), refusal("2", "first")]
    assert "answered or refused once" in run.result[0]
    run.check_replays()


class Opaque:
    pass


@pytest.mark.parametrize(
    ("close", "given", "complaint"),
    [
        ("answer", Opaque(), "answer to question q: .*Opaque"),
        ("answer", float("nan"), "nan has no JSON form"),
        ("answer", "x" * 3_000_000, "more than"),
        ("refuse", "", "a refusal says why"),
        ("refuse", " \n", "a refusal says why"),
        ("refuse", 7, "reason is text"),
        ("refuse", "a\0", "reason is text"),
        ("refuse", "x" * 5000, "at most 4096"),
        ("refuse", "\ud800", "lone surrogate"),
    ],
)
def test_what_cannot_be_stored_closes_nothing(close: str, given: Any, complaint: str) -> None:
    """The code may go on and answer otherwise."""

    @workflow
    async def flow() -> str:
        question = await continuum.wait_question("q")
        with pytest.raises(PayloadError, match=complaint):
            getattr(question, close)(given)
        question.answer("after all")
        return "went on"

    run = Driver(flow).start().ask("q")
    assert run.result == "went on"
    assert run.answers == [Answer("q", value=b'"after all"')]


async def coroutine(value: Any) -> None:
    """No check."""


@pytest.mark.parametrize(
    ("options", "kind", "complaint"),
    [
        ({"name": ""}, PayloadError, "question name has 1 to 255 characters"),
        ({"name": 7}, PayloadError, "question name must be text"),
        ({"timeout": "soon"}, DefinitionError, r"wait_question\(timeout=\) takes a timedelta"),
        ({"type": Opaque}, DefinitionError, "question payload"),
        ({"check": 7}, DefinitionError, "takes a plain function, not 7"),
        ({"check": coroutine}, DefinitionError, "takes a plain function.*refuse the question"),
        ({"check": a}, DefinitionError, "takes a plain function"),
    ],
)
def test_a_wait_that_makes_no_sense_is_refused(
    options: dict[str, Any], kind: type[Exception], complaint: str
) -> None:
    """Before anything is journaled."""

    @workflow
    async def flow() -> None:
        with pytest.raises(kind, match=complaint):
            await continuum.wait_question(**{"name": "q", **options})

    run = Driver(flow).start()
    assert run.result is None
    assert run.commands() == []


def test_outside_its_run_a_question_can_do_nothing() -> None:
    """Neither outside any workflow, nor in another run."""
    with pytest.raises(NotInWorkflow, match=r"continuum\.wait_question"):
        continuum.wait_question("q")
    kept: list[Question[Any]] = []

    @workflow
    async def flow() -> str:
        if not kept:
            kept.append(await continuum.wait_question("q"))
            await a()
        with pytest.raises(NotInWorkflow, match="<question q 1> is another run's"):
            kept[0].answer()
        return "refused"

    run = Driver(flow).start().ask("q", None, "1")
    other = Driver(flow, run_id=uuid4()).start()
    assert (other.result, other.answers) == ("refused", [])
    with pytest.raises(NotInWorkflow, match=r"continuum\.Question\.refuse"):
        kept[0].refuse("no")
    run.execution.drop()


def test_a_cancelled_wait_gives_its_question_to_the_next() -> None:
    """Whose check counts then, so what the first accepted may be refused."""

    @workflow
    async def flow() -> str:
        first = asyncio.create_task(continuum.wait_question("q"))
        second = asyncio.create_task(continuum.wait_question("q", type=int))
        third = asyncio.create_task(continuum.wait_signal("go"))
        third.add_done_callback(lambda _: first.cancel())
        await asyncio.wait([first])
        question = await second
        question.answer()
        return f"{first.cancelled()} {question.value}"

    run = Driver(flow).start().signal("go")
    run.ask("q", "text", "1").ask("q", 4, "2")
    assert run.answers[0].question == "1"
    assert run.answers[0].refusal is not None
    assert run.result == "True 4"
    run.check_replays()
