"""Journals of any length and shape, made by the engine itself, for measuring a replay."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Raw
from msgspec.structs import replace

import continuum
from continuum import Retry, activity, workflow
from continuum.engine.execution import Execution, RunIdentity
from continuum.journal.events import ChildEnded, Entry, Event, Failure

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUN_ID = UUID("01930000-0000-7000-8000-00000000beef")


@dataclass
class Line:
    """What the activities are given and answer."""

    sku: str
    amount: int


@activity
async def price(line: Line) -> Line:
    """Never run: the recorder gives the result."""
    return line


@activity(queue="gpu")
async def render(line: Line) -> Line:
    """Likewise, in a queue."""
    return line


@activity(retry=Retry(max_attempts=3, initial=1, factor=1))
async def flaky(line: Line) -> Line:
    """Fails twice before it returns."""
    return line


@workflow
async def item(n: int) -> int:
    """A child; never run either."""
    return n


@workflow
async def activities(n: int) -> int:
    """One after another."""
    return sum([(await price(Line("a", i))).amount for i in range(n)])


@workflow
async def activities_at_once(n: int) -> int:
    """All scheduled in the first turn."""
    return len(await asyncio.gather(*(price(Line("a", i)) for i in range(n))))


@workflow
async def queued_activities(n: int) -> int:
    """All in a queue at once."""
    return len(await asyncio.gather(*(render(Line("a", i)) for i in range(n))))


@workflow
async def retried_activities(n: int) -> int:
    """Three attempts each, one after another."""
    return len([await flaky(Line("a", i)) for i in range(n)])


@workflow
async def signals(n: int) -> int:
    """Awaited one after another."""
    return len([await continuum.wait_signal("go", type=Line) for _ in range(n)])


@workflow
async def signals_with_timeout(n: int) -> int:
    """As `signals`, each behind a timer that it cancels."""
    return len([await continuum.wait_signal("go", type=Line, timeout=60) for _ in range(n)])


@workflow
async def early_signals(n: int) -> int:
    """All arrive while the code waits for something else."""
    await continuum.wait_signal("last", type=Line)
    return len([await continuum.wait_signal("go", type=Line) for _ in range(n)])


@workflow
async def timers(n: int) -> None:
    """Sleeps."""
    for _ in range(n):
        await continuum.sleep(1)


@workflow
async def timers_at_once(n: int) -> None:
    """All sleeps begin in the first turn."""
    await asyncio.gather(*(continuum.sleep(i + 1) for i in range(n)))


@workflow
async def side_effects(n: int) -> int:
    """No stimulus between them."""
    return sum(continuum.side_effect(lambda: 1) for _ in range(n))


@workflow
async def attributes(n: int) -> None:
    """No stimulus between them either."""
    for i in range(n):
        continuum.set_attributes({"at": i})


@workflow
async def children(n: int) -> int:
    """One after another."""
    return sum([await continuum.run_child(item, i) for i in range(n)])


@workflow
async def children_at_once(n: int) -> int:
    """All inserted with the first turn."""
    return sum(await asyncio.gather(*(continuum.run_child(item, i) for i in range(n))))


@workflow
async def patches(n: int) -> int:
    """Another name each time, and an activity."""
    total = 0
    for i in range(n):
        if continuum.patched(f"change {i}"):  # noqa: CTM016 (many names, made up)
            total += (await price(Line("a", i))).amount
    return total


@workflow
async def mixed(n: int) -> int:
    """A round of everything, again and again."""
    total = 0
    for i in range(n):
        first, second = await asyncio.gather(price(Line("a", i)), render(Line("b", i)))
        total += first.amount + second.amount + continuum.side_effect(lambda: 1)
        if continuum.patched(f"change {i % 10}"):  # noqa: CTM016 (many names, made up)
            total += await continuum.run_child(item, i)
        await continuum.wait_signal("go", type=Line, timeout=60)
        await flaky(Line("c", i))
        await continuum.sleep(1)
        continuum.set_attributes({"at": continuum.rng().randint(0, i)})
    return total


@dataclass(frozen=True, slots=True)
class Shape:
    """A sort of journal: `per_step` events are written for each of a flow's steps."""

    flow: Any
    per_step: int

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.flow.fn.__name__.replace("_", " ")

    def journal(self, events: int) -> tuple[RunIdentity, list[Event]]:
        """A whole journal of about so many events, from `run_started` to `run_completed`."""
        return record(self.flow, events // self.per_step)


SHAPES: tuple[Shape, ...] = (
    Shape(activities, 2), Shape(activities_at_once, 2), Shape(queued_activities, 2),
    Shape(retried_activities, 6), Shape(signals, 2), Shape(signals_with_timeout, 4),
    Shape(early_signals, 2), Shape(timers, 2), Shape(timers_at_once, 2), Shape(side_effects, 1),
    Shape(attributes, 1), Shape(children, 2), Shape(children_at_once, 2), Shape(patches, 3),
    Shape(mixed, 21),
)  # fmt: skip


def record(flow: Any, steps: int) -> tuple[RunIdentity, list[Event]]:
    """Run a flow to its end with everything that it waits for, and keep its journal."""
    identity = RunIdentity(RUN_ID, "default", flow, 1, b"[%d]" % steps, AT)
    recorder = Recorder(Execution(identity))
    recorder.execution.start(AT)
    if flow is early_signals:
        for _ in range(steps):
            recorder.signal("go")
    while recorder.advance():
        pass
    recorder.execution.drop()
    return identity, recorder.events


class Recorder:
    """Gives an execution, oldest first, what it asks for."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.events: list[Event] = []
        self._answers: deque[Callable[[datetime], None]] = deque()
        self._messages = 0
        self._now = AT

    def advance(self) -> bool:
        """Take what the last step did, then let one thing happen; False when the run has ended."""
        execution = self.execution
        self.collect()
        if execution.ended_as is not None:
            return False
        if self._answers:
            self._answers.popleft()(self._now)
            return True
        waits = execution.waiting_on or ""
        if waits.startswith("signal "):
            self.signal(waits.split()[1])
        else:
            assert execution.wake_at is not None, waits
            self._now = execution.wake_at
            execution.fire_due(self._now)
        return True

    def signal(self, name: str) -> None:
        """A signal arrives."""
        self._messages += 1
        self.execution.signal(self._messages, name, b'{"sku":"s","amount":1}', self._now)

    def collect(self) -> None:
        execution, collected = self.execution, self.execution.collect()
        self.events += [self._stored(n, entry) for n, entry in enumerate(collected.entries, 1)]
        for call in collected.start:
            if call.activity.name == flaky.name and call.attempt < 3:
                self._answers.append(_failing(execution, call.command, call.attempt))
            else:
                self._answers.append(_completing(execution, call.command, call.attempt))
        self._answers.extend(_completing(execution, t.command, t.attempt) for t in collected.tasks)
        for child in collected.children:
            self._answers.append(_ending(execution, child.run_id))

    def _stored(self, n: int, entry: Entry) -> Event:
        return Event(
            RUN_ID, len(self.events) + n, 1, entry.kind, entry.command, entry.payload(), entry.at
        )


def _completing(execution: Execution, command: int, attempt: int) -> Callable[[datetime], None]:
    def answer(at: datetime) -> None:
        execution.attempt_begun(command, attempt)
        execution.attempt_completed(command, attempt, b'{"sku":"a","amount":1}', at)

    return answer


def _failing(execution: Execution, command: int, attempt: int) -> Callable[[datetime], None]:
    def answer(at: datetime) -> None:
        failure = Failure("builtins.ConnectionError", "the bank is busy")
        execution.attempt_failed(command, attempt, failure, "raised", True, 0.0, at)

    return answer


def _ending(execution: Execution, run_id: UUID) -> Callable[[datetime], None]:
    return lambda at: execution.child_ended(ChildEnded(run_id, "completed", Raw(b"1")), at)


def replayed(identity: RunIdentity, events: list[Event]) -> Execution:
    """A fresh execution that has replayed a journal, checked to have come to its end."""
    execution = Execution(replace(identity))
    execution.replay(events)
    assert execution.drift is None, execution.drift
    assert execution.ended_as is events[-1].kind
    return execution
