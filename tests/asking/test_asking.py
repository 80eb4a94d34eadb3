"""Asking a run: its answer, its refusals, its end, and the same question again."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import Raw

from continuum import (
    ConfigurationError,
    Continuum,
    DefinitionError,
    PayloadError,
    QuestionRefused,
    QuestionUnanswered,
    RepairRefused,
    ResultTimeout,
    RunHandle,
    RunNotFound,
    RunTerminal,
    WorkflowFailed,
)
from continuum.journal.events import (
    ActivityEnded,
    Entry,
    EventKind,
    Failure,
    QuestionReceived,
    RunFailed,
)
from continuum.journal.turn import RunEnd, RunState
from continuum.store.questions import Reply
from tests.asking import flows
from tests.asking.flows import Address
from tests.postgres.scene import first_turn, next_turn
from tests.worker.cluster import eventually


class Opaque:
    """Plain JSON cannot restore it."""


ELM, OAK = Address("Elm", 1000), Address("Oak", 2000)
POINT = Address("pick-up point", 3000)


async def kinds(ct: Continuum, run_id: UUID) -> list[str]:
    return [event.type for event in await ct.history(run_id)]


async def waits_for(ct: Continuum, run: RunHandle[Any], text: str) -> None:
    async def waiting() -> bool:
        return text in ((await run.get()).waiting_on or "")

    await eventually(waiting)


async def test_who_asks_gets_the_answer(ct: Continuum) -> None:
    """As plain JSON, or as the type that is asked for; from the handle, by id, or by key."""
    run = await ct.start(flows.parcel, ELM, key="p1")
    assert await run.ask("redirect", OAK) == {"street": "Oak", "zip": 2000}
    assert await ct.ask(run.id, "redirect", ELM, type=Address) == ELM
    assert await run.ask("redirect", OAK, type=Address, timeout=30) == OAK
    assert await ct.ask("p1", "redirect", POINT, namespace="default", type=dict[str, Any]) == {
        "street": "pick-up point", "zip": 3000,
    }  # fmt: skip
    assert await run.result(30) == "to 3000"
    assert flows.calls == {"to Oak": 2, "to Elm": 1, "to pick-up point": 1}


async def test_a_question_may_come_first(ct: Continuum) -> None:
    """It waits in the inbox of a run that nobody has begun, and for code that comes to it later."""
    run = await ct.start(flows.deciding)
    first = asyncio.create_task(run.ask("decide", 1))
    await waits_for(ct, run, "signal go")
    second = asyncio.create_task(run.ask("decide", 2))
    await asyncio.sleep(0.05)
    assert not first.done()
    assert not second.done()
    await run.signal("go")
    assert await first == ["first", 1]
    assert await second == ["second", 2]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"street": "Elm"}, "required field `zip`"),
        ("Elm", "Expected `object`, got `str`"),
        (Address("Elm", 7), "^there is no zip 7$"),
        (ELM, "^it goes there already$"),
    ],
)
async def test_a_refusal_says_why(ct: Continuum, payload: Any, reason: str) -> None:
    """By the type, by the check, and by the code; the run goes on, and says the same again."""
    run = await ct.start(flows.parcel, ELM)
    for _ in range(2):
        with pytest.raises(QuestionRefused) as caught:
            await run.ask("redirect", payload, id="mine", timeout=30)
        assert re.search(reason, caught.value.reason)
        assert (caught.value.run_id, caught.value.question_id) == (run.id, "mine")
        assert f"run {run.id} refused question redirect: " in str(caught.value)
    assert (await kinds(ct, run.id)).count("question_received") == 1
    assert await run.ask("redirect", POINT) == {"street": "pick-up point", "zip": 3000}


async def test_an_answer_that_is_no_such_type_says_so(ct: Continuum) -> None:
    """The question is answered all the same."""
    run = await ct.start(flows.parcel, ELM)
    with pytest.raises(PayloadError, match=r"answer to question redirect: .*`int`"):
        await run.ask("redirect", OAK, id="q", type=int)
    assert await run.ask("redirect", OAK, id="q", type=Address) == OAK


async def test_when_time_is_over_the_question_stays(ct: Continuum) -> None:
    """Asking again with its id waits on, and gets the answer."""
    run = await ct.start(flows.deciding)
    for timeout in (0, 0.05):
        with pytest.raises(ResultTimeout, match=r"question decide \(q\) within") as caught:
            await run.ask("decide", 1, id="q", timeout=timeout)
        assert isinstance(caught.value, TimeoutError)
        assert "ask again with this id" in str(caught.value)
    await waits_for(ct, run, "signal go")
    await run.signal("go")
    waiting = asyncio.create_task(run.ask("decide", 1, id="q", timeout=30))
    await run.ask("decide", 2)
    assert await waiting == ["first", 1]
    assert (await kinds(ct, run.id)).count("question_received") == 2


async def test_two_who_ask_with_one_id_get_one_answer(ct: Continuum) -> None:
    """At once and afterwards, also when the run has ended; the code sees one question."""
    run = await ct.start(flows.parcel, ELM)
    answers = await asyncio.gather(
        *(run.ask("redirect", POINT, id="same", type=Address) for _ in range(8))
    )
    assert answers == [POINT] * 8
    await run.result(30)
    assert await run.ask("redirect", OAK, id="same", type=Address) == POINT
    assert (await kinds(ct, run.id)).count("question_received") == 1
    assert flows.calls == {"to pick-up point": 1}


@pytest.mark.parametrize("how", ["completed", "failed", "cancelled", "force", "timeout"])
async def test_whoever_waits_hears_of_every_kind_of_end(ct: Continuum, how: str) -> None:
    """Whether the code had taken the question or not; and so does whoever asks afterwards."""
    options: dict[str, Any] = {"execution_timeout": 1.0} if how == "timeout" else {}
    run = await ct.start(flows.leaving, how, **options)
    asking = [
        asyncio.create_task(run.ask(name, id=name, timeout=30)) for name in ("taken", "untaken")
    ]
    if how != "timeout":
        await waits_for(ct, run, "signal end")
    if how == "cancelled":
        await run.cancel()
    elif how == "force":
        await run.cancel(force=True)
    elif how != "timeout":
        await run.signal("end")
    state = {"force": "cancelled", "timeout": "failed"}.get(how, how)
    for task in asking:
        with pytest.raises(QuestionUnanswered) as caught:
            await task
        assert (caught.value.run_id, caught.value.state) == (run.id, state)
        assert f"run {run.id} is {state}: it ended without an answer" in str(caught.value)
    assert (await run.get()).state == state
    with pytest.raises(QuestionUnanswered):
        await run.ask("taken", id="taken")


async def test_a_run_that_has_ended_is_asked_nothing(ct: Continuum) -> None:
    """Nor one that is not there, or in another namespace: nothing is written."""
    run = await ct.start(flows.forgetful)
    await run.cancel(force=True)
    with pytest.raises(RunTerminal, match="cancelled"):
        await run.ask("q", id="q")
    for missing, namespace in ((uuid4(), None), (run.id, "other"), ("no such key", None)):
        with pytest.raises(RunNotFound):
            await ct.ask(missing, "q", namespace=namespace)
    with pytest.raises(RunTerminal):
        await run.ask("q", id="q")


@pytest.mark.parametrize(
    ("call", "kind", "complaint"),
    [
        ({"name": ""}, PayloadError, "question name has 1 to 255 characters"),
        ({"name": "a\0"}, PayloadError, "question name contains a NUL"),
        ({"id": ""}, PayloadError, "question id has 1 to 255 characters"),
        ({"id": 7}, PayloadError, "question id must be text"),
        ({"payload": {1, object()}}, PayloadError, "payload of question q"),
        ({"payload": float("nan")}, PayloadError, "payload of question q: nan"),
        ({"type": Opaque}, DefinitionError, "answer to question q"),
        ({"timeout": -1}, ConfigurationError, "timeout must be 0 or more seconds"),
        ({"reason": "a\0"}, PayloadError, "reason"),
    ],
)
async def test_what_makes_no_sense_asks_nothing(
    ct: Continuum, call: dict[str, Any], kind: type[Exception], complaint: str
) -> None:
    """One line says what is wrong."""
    run = await ct.start(flows.forgetful)
    with pytest.raises(kind, match=complaint):
        await ct.ask(run.id, **{"name": "q", "id": "q", "timeout": 0, **call})
    await run.signal("go", "on")
    await run.result(30)
    assert "question_received" not in await kinds(ct, run.id)


async def test_an_id_belongs_to_one_name(ct: Continuum) -> None:
    """Who takes it for another question is told, instead of getting that one's answer."""
    run = await ct.start(flows.parcel, ELM)
    await run.ask("redirect", OAK, id="q")
    with pytest.raises(PayloadError, match="question id 'q' is that of a question 'redirect'"):
        await run.ask("other", OAK, id="q")


async def test_an_answer_may_come_from_a_later_incarnation(ct: Continuum) -> None:
    """Taken or not, questions that are open are carried, in their order."""
    run = await ct.start(flows.counting)
    first = asyncio.create_task(run.ask("next", id="1", timeout=30))
    await waits_for(ct, run, "signal on")
    second = asyncio.create_task(run.ask("next", id="2", timeout=30))
    for number in (1, 2):
        await run.signal("on")

        async def goes_on(number: int = number) -> bool:
            events = await ct.history(run.id)
            return max(event.incarnation for event in events) > number

        await eventually(goes_on)
    assert await run.result(30) == 2
    assert (await first, await second) == (2, "and this")


async def test_a_fork_answers_nobody_who_asked_its_origin(ct: Continuum) -> None:
    """Each answers its own, also under the same id."""
    run = await ct.start(flows.deciding)
    asked = asyncio.create_task(run.ask("decide", "origin", id="same", timeout=30))
    await waits_for(ct, run, "signal go")
    at = (await kinds(ct, run.id)).index("question_received") + 1
    fork = await ct.fork(run.id, at=at)
    await fork.signal("go")
    assert await fork.ask("decide", "fork", id="same", timeout=30) == ["second", "fork"]
    assert await fork.result(30) == ["origin", "fork"]
    assert not asked.done()
    await run.signal("go")
    assert await run.ask("decide", 2) == ["second", 2]
    assert await asked == ["first", "origin"]


async def test_a_retried_run_answers_what_it_was_asked_before(ct: Continuum) -> None:
    """Whoever asked was told that it had ended; asking again with the id waits on."""
    flows.broken.add("charge")
    run = await ct.start(flows.charging)
    with pytest.raises(QuestionUnanswered, match="failed"):
        await run.ask("charge", id="q", timeout=30)
    flows.broken.clear()
    assert await ct.retry(run.id)
    assert await run.ask("charge", id="q", timeout=30) == "charged"
    assert await run.ask("late", "more", timeout=30) == "more"
    assert await run.result(30) == "done"


async def test_what_was_asked_after_the_failure_is_delivered_again(ct: Continuum) -> None:
    """With its id, to the run that is tried again: whoever asked gets the answer."""
    flows.broken.add("charge")
    run = await ct.start(flows.hesitating)
    await waits_for(ct, run, "signal give up")
    with pytest.raises(ResultTimeout):
        await run.ask("late", 1, id="q", timeout=0)
    await run.signal("give up")
    with pytest.raises(QuestionUnanswered):
        await run.ask("late", 1, id="q", timeout=30)
    with pytest.raises(RunTerminal):
        await run.ask("late", 1, id="other")
    flows.broken.clear()
    assert await ct.retry(run.id)
    assert await run.ask("late", 1, id="q", timeout=30) == 2
    assert await run.result(30) == "q"
    assert (await kinds(ct, run.id)).count("question_received") == 2


async def test_what_a_failed_run_has_never_read_may_be_asked_again(ct: Continuum) -> None:
    """It went with the inbox: after a retry the same id asks anew; what was read is kept."""
    store, node = ct._backend.store, uuid4()
    [token] = await store.allocate_tokens(1)
    first = first_turn(token=token)
    run_id = first.run_id
    await store.commit_turns(node, [first])
    for question in ("read", "unread"):
        with pytest.raises(ResultTimeout):
            await ct.ask(run_id, "q", id=question, timeout=0)
    read = (await store.read_inbox(node, [run_id]))[0]
    received = QuestionReceived("q", Raw(b"null"), read.id, "read")
    failure = Failure("ValueError", "no")
    at = first.entries[0].at
    last = next_turn(first, consumed=[read.id], end=RunEnd(RunState.FAILED, error=failure))
    last.entries = [
        Entry(EventKind.QUESTION_RECEIVED, None, received, at),
        Entry(EventKind.ACTIVITY_FAILED, 1, ActivityEnded(1, failure), at),
        Entry(EventKind.RUN_FAILED, None, RunFailed(failure), at),
    ]
    await store.commit_turns(node, [last])
    keys = [(run_id, "read"), (run_id, "unread")]
    ended = Reply(ended=RunState.FAILED)
    assert await store.questions.replies(keys) == dict.fromkeys(keys, ended)
    assert await ct.retry(run_id)
    assert await store.questions.replies(keys) == {keys[0]: None}
    for question in ("read", "unread"):
        with pytest.raises(ResultTimeout):
            await ct.ask(run_id, "q", id=question, timeout=0)
    assert await store.questions.replies(keys) == dict.fromkeys(keys)


async def test_a_retry_does_not_go_back_behind_an_answer(ct: Continuum) -> None:
    """Somebody has seen it."""
    flows.broken.add("charge")
    run = await ct.start(flows.apologising)
    with pytest.raises(QuestionRefused, match="it failed"):
        await run.ask("charge", timeout=30)
    with pytest.raises(WorkflowFailed):
        await run.result(30)
    with pytest.raises(RepairRefused, match=r"others have seen .*an answer"):
        await ct.retry(run.id)


async def test_a_run_tells_which_question_it_waits_for(ct: Continuum) -> None:
    """In words, and as a wait of its chain."""
    run = await ct.start(flows.parcel, ELM)
    await waits_for(ct, run, "question redirect")
    node = await ct.wait_chain(run.id)
    assert [(wait.kind, wait.text) for wait in node.waits] == [("question", "question redirect")]
