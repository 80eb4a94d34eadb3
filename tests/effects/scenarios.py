"""What is done to one run of each effect, and what must be equal when it has ended."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from continuum import (
    Continuum,
    QuestionRefused,
    QuestionUnanswered,
    ResultTimeout,
    WorkflowCancelled,
    WorkflowFailed,
)
from continuum.client.handle import RunHandle
from continuum.declare.workflow import Workflow
from continuum.model import Run
from continuum.system import new_run_id
from tests.effects import activities, flows

LOOK: Final = 0.02
"""Seconds between two looks at a run that another task or process moves."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ONCE = {"activity_scheduled", "activity_completed", "activity_failed", "timer_fired",
         "child_started", "child_completed", "child_failed", "child_cancelled",
         "side_effect", "attributes_set", "value_published", "question_answered",
         "question_refused"}  # fmt: skip

Drive = Callable[[Continuum, RunHandle[Any]], Awaitable[None]]


@dataclass(frozen=True)
class End:
    """Everything that must not depend on where a worker died.

    Attributes:
        runs: of the run and its descendants: workflow, input, state, result, error, attributes,
            incarnation, what it published.
        bookings: rows that transactional activities wrote.
        effects: what the ledger says.
    """

    runs: list[tuple[str, ...]]
    bookings: int
    effects: Counter[str]

    def check_equals(self, undisturbed: End, at_most_once: frozenset[str]) -> None:
        """The same end; with one death, an effect in flight happened once more, or not twice."""
        assert self.runs == undisturbed.runs
        assert self.bookings == undisturbed.bookings
        assert set(self.effects) | at_most_once == set(undisturbed.effects) | at_most_once
        for effect, times in undisturbed.effects.items():
            least, most = (0, times) if effect in at_most_once else (times, times + 1)
            assert least <= self.effects[effect] <= most, f"{effect}: {self.effects[effect]} times"


async def _only_wait(ct: Continuum, run: RunHandle[Any]) -> None:
    """Nothing has to be done to it."""


@dataclass(frozen=True)
class Scenario:
    """One effect.

    Args:
        flow: takes the scene, which is also the namespace of its runs.
        drive: what a client does to the run.
        at_most_once: effects that one death may prevent, and none may repeat.
        needs_database: the memory store has no transactions.
    """

    flow: Workflow[..., Any]
    drive: Drive = _only_wait
    at_most_once: frozenset[str] = field(default=frozenset())
    needs_database: bool = False

    async def perform(
        self, ct: Continuum, scene: str, run_id: UUID | None = None
    ) -> RunHandle[Any]:
        """One run from its start until it and all its descendants have ended.

        It is inserted before any worker takes it, so whatever dies finds it.
        """
        run = await ct.start(self.flow, scene, namespace=scene, run_id=run_id or new_run_id())
        await self.drive(ct, run)
        with suppress(WorkflowFailed, WorkflowCancelled):
            await run.result(timeout=60)
        await _until(lambda: _all_ended(ct, scene), "its children to end")
        return run


async def take_end(ct: Continuum, scene: str, bookings: int = 0) -> End:
    """What one performance left behind; its journals are checked on the way."""
    runs = [run async for run in ct.stream(namespace=scene, payloads=True)]
    for run in runs:
        await _check_journal(ct, run)
    outlines = [_outline(run, await ct.published(run.id)) for run in runs]
    return End(sorted(outlines), bookings, activities.noted(scene))


def _outline(run: Run, published: dict[str, Any]) -> tuple[str, ...]:
    error = None if run.error is None else (run.error.type, run.error.message)
    texts = [run.workflow, run.input, run.state.value, run.output, error,
             sorted(run.attributes.items()), run.incarnation, run.parent_id is None,
             published]  # fmt: skip
    scene = re.escape(run.namespace)
    return tuple(_UUID.sub("<id>", re.sub(scene, "<scene>", repr(text))) for text in texts)


async def _check_journal(ct: Continuum, run: Run) -> None:
    """Gapless, and no command completed or timer fired twice."""
    events = await ct.history(run.id, limit=5000, operators=False)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    counted = Counter(
        (event.incarnation, event.command, event.type) for event in events if event.type in _ONCE
    )
    assert max(counted.values(), default=1) == 1, counted.most_common(1)
    assert events[-1].type == f"run_{run.state}"


async def _until(condition: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Look until the answer is true; another task or process moves the run."""
    async with asyncio.timeout(60):
        while True:
            answer = await condition()
            if answer:
                return answer
            await asyncio.sleep(LOOK)
    raise AssertionError(what)


async def _all_ended(ct: Continuum, scene: str) -> bool:
    return all([run.state.terminal async for run in ct.stream(namespace=scene)])


async def _waits(ct: Continuum, run_id: Any, text: str) -> None:
    """Until it is suspended and says so."""

    async def look() -> bool:
        return text in ((await ct.get_run(run_id)).waiting_on or "")

    await _until(look, f"{run_id} to wait for {text}")


async def _child(ct: Continuum, parent: RunHandle[Any], text: str) -> Run:
    """The child of a run that waits for `text`."""
    scene = (await parent.get()).namespace

    async def look() -> list[Run]:
        runs = [run async for run in ct.stream(namespace=scene)]
        return [r for r in runs if r.parent_id == parent.id and text in (r.waiting_on or "")]

    return (await _until(look, "a child"))[0]


async def _send_two(ct: Continuum, run: RunHandle[Any]) -> None:
    await run.signal("go", "early")
    await _waits(ct, run.id, "signal go")
    await run.signal("go", "later")


async def _answer_both(ct: Continuum, run: RunHandle[Any]) -> None:
    await _waits(ct, run.id, "signal yes, signal no")
    await run.signal("no", "first")
    await _waits(ct, run.id, "signal yes")
    await run.signal("yes", "second")


def _asking(*asked: tuple[str, Any, Any]) -> Drive:
    """Asks all that, in order: name, payload, and what becomes of it, now and ever after."""

    async def drive(ct: Continuum, run: RunHandle[Any]) -> None:
        expected = [answer for _, _, answer in asked]
        for number in range(len(asked)):
            await _ask(run, number, timeout=0)
        answers = [_ask(run, number) for number in range(len(asked))]
        assert await asyncio.gather(*answers) == expected
        with suppress(WorkflowFailed, WorkflowCancelled):
            await run.result(timeout=60)
        assert [await _ask(run, number) for number in range(len(asked))] == expected

    async def _ask(run: RunHandle[Any], number: int, timeout: float = 60) -> Any:
        name, payload, _ = asked[number]
        try:
            return await run.ask(name, payload, id=f"question {number}", timeout=timeout)
        except (QuestionRefused, QuestionUnanswered) as error:
            return type(error), getattr(error, "reason", "")
        except ResultTimeout:
            return None

    return drive


_ASKED: Final = (
    ("change", -1, (QuestionRefused, "not below zero")),
    ("change", 5, {"is": 5}),
    ("change", 6, (QuestionRefused, "once is enough")),
    ("last", "bye", "bye"),
)
_CARRIED: Final = (
    ("first", "early", 2),
    ("second", 7, (QuestionRefused, "too late")),
    ("never", 8, (QuestionUnanswered, "")),
)


async def _free_the_child(ct: Continuum, run: RunHandle[Any]) -> None:
    await run.result(timeout=60)
    child = await _child(ct, run, "signal go")
    await ct.signal(child.id, "go", "by itself")


async def _reject(ct: Continuum, run: RunHandle[Any]) -> None:
    await _waits(ct, run.id, "signal verdict")
    await run.signal("verdict", "rejected")


async def _cancel(ct: Continuum, run: RunHandle[Any]) -> None:
    await _waits(ct, run.id, "signal verdict")
    await run.cancel(reason="enough")


async def _continue(ct: Continuum, run: RunHandle[Any]) -> None:
    await _child(ct, run, "signal go")
    for value in (1, 2):
        await run.signal("carried", value)
    await _waits(ct, run.id, "signal continue")
    await run.signal("continue")


async def _cancel_parent(ct: Continuum, run: RunHandle[Any]) -> None:
    await _child(ct, run, "signal go")
    await run.cancel(reason="enough")
    await _waits(ct, run.id, "signal cleaned")
    await run.signal("cleaned")


SCENARIOS: Final[dict[str, Scenario]] = {
    "activities": Scenario(flows.activities),
    "thread": Scenario(flows.thread),
    "process": Scenario(flows.process),
    "queue": Scenario(flows.queue),
    "key": Scenario(flows.key),
    "key_in_queue": Scenario(flows.key_in_queue),
    "transaction": Scenario(flows.transaction, needs_database=True),
    "transaction_in_queue": Scenario(flows.transaction_in_queue, needs_database=True),
    "transaction_with_key": Scenario(flows.transaction_with_key, needs_database=True),
    "heartbeat": Scenario(flows.heartbeat),
    "retry": Scenario(flows.retry),
    "timeout": Scenario(flows.timeout),
    "at_most_once": Scenario(flows.at_most_once, at_most_once=frozenset({"once"})),
    "sleep": Scenario(flows.sleep),
    "deadline": Scenario(flows.deadline),
    "signals": Scenario(flows.signals, _send_two),
    "several_signals": Scenario(flows.several_signals, _answer_both),
    "side_effect": Scenario(flows.side_effect),
    "run_child": Scenario(flows.run_child),
    "start_child": Scenario(flows.start_child),
    "fan_out": Scenario(flows.fan_out),
    "abandon": Scenario(flows.abandon, _free_the_child),
    "saga_fails": Scenario(flows.saga, _reject),
    "saga_is_cancelled": Scenario(flows.saga, _cancel),
    "continue_as_new": Scenario(flows.continue_as_new, _continue),
    "patch": Scenario(flows.patch),
    "attributes": Scenario(flows.attributes),
    "publish": Scenario(flows.publish),
    "questions": Scenario(flows.questions, _asking(*_ASKED)),
    "questions_carried": Scenario(flows.questions_carried, _asking(*_CARRIED)),
    "cancellation": Scenario(flows.cancellation, _cancel_parent),
}

FLOWS: Final = (*dict.fromkeys(scenario.flow for scenario in SCENARIOS.values()), *flows.CHILDREN)

SERVED: Final = [activities.step_in_queue, activities.flaky, activities.pay, activities.book]
"""What the named queue may bring."""
