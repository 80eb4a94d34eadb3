"""A journal folded into steps: all events of one command, or one event that belongs to none."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from console.present.history import body
from console.present.plain import one_line, short_name
from console.present.shapes import is_object
from continuum.model import HistoryEvent

ACTIVITY, TIMER, SIGNAL, CHILD, EVENT = "activity", "timer", "signal", "child", "event"
QUESTION: Final = "question"

LIVE, RETRYING, QUEUED = "running", "retrying", "scheduled"
WAITING, DONE, FAILED, CANCELLED = "waiting", "completed", "failed", "cancelled"
OVER: Final = frozenset({DONE, FAILED, CANCELLED})

_HEADS: Final = {
    "activity_scheduled": ACTIVITY,
    "timer_started": TIMER,
    "signal_awaited": SIGNAL,
    "question_awaited": QUESTION,
    "child_started": CHILD,
    "child_carried": CHILD,
}
_AWAITED: Final = frozenset({"signal_awaited", "question_awaited"})
_RECEIVED: Final = {"signal_received": SIGNAL, "question_received": QUESTION}
_TARGETED: Final = {
    "activity_cancelled": ACTIVITY,
    "timer_cancelled": TIMER,
    "child_cancel_requested": CHILD,
}
"""Commands that are about an earlier one."""
_PARTS: Final = {
    "activity_started": ACTIVITY,
    "activity_attempt_failed": ACTIVITY,
    "activity_attempt_crashed": ACTIVITY,
    "activity_released": ACTIVITY,
    "activity_completed": ACTIVITY,
    "activity_failed": ACTIVITY,
    "timer_fired": TIMER,
    "child_completed": CHILD,
    "child_failed": CHILD,
    "child_cancelled": CHILD,
}
_OUTCOME: Final = {
    "activity_scheduled": QUEUED,
    "activity_started": LIVE,
    "activity_attempt_failed": RETRYING,
    "activity_attempt_crashed": RETRYING,
    "activity_released": QUEUED,
    "activity_completed": DONE,
    "activity_failed": FAILED,
    "activity_cancelled": CANCELLED,
    "timer_started": WAITING,
    "timer_fired": DONE,
    "timer_cancelled": CANCELLED,
    "signal_awaited": WAITING,
    "signal_received": DONE,
    "question_awaited": WAITING,
    "question_received": DONE,
    "child_started": LIVE,
    "child_carried": LIVE,
    "child_completed": DONE,
    "child_failed": FAILED,
    "child_cancelled": CANCELLED,
    "run_failed": FAILED,
    "run_cancelled": CANCELLED,
    "run_completed": DONE,
}
FAILURES: Final = frozenset({
    "activity_failed", "activity_attempt_failed", "activity_attempt_crashed", "child_failed",
    "run_failed",
})  # fmt: skip


@dataclass(slots=True)
class Step:
    """One command with everything that happened to it.

    Attributes:
        kind: one of the kinds above; "event" for anything that has no duration.
        name: of the activity, signal, question or child; empty when its first event is not held.
        events: oldest first.
        outcome: how it stands; empty for an event that is neither good nor bad.
    """

    kind: str
    name: str = ""
    events: list[HistoryEvent] = field(default_factory=list[HistoryEvent])
    outcome: str = ""

    @property
    def head(self) -> HistoryEvent:
        """The first event that is held."""
        return self.events[0]

    @property
    def last(self) -> HistoryEvent:
        """The last event."""
        return self.events[-1]

    @property
    def key(self) -> tuple[str, int, int]:
        """What identifies it, whichever of its events are held."""
        head = self.head
        if head.operator is not None:
            return (f"{head.type} {head.at.isoformat()}", head.incarnation, head.seq)
        if self.kind == EVENT or head.command is None:
            return (EVENT, head.incarnation, head.seq)
        return (self.kind, self.head.incarnation, self.command)

    @property
    def command(self) -> int:
        """The number of the command; 0 for an event that is none."""
        head = self.head
        if head.type in _TARGETED and (target := _field(head, "target")):
            return target if isinstance(target, int) else 0
        return head.command or 0

    @property
    def begun(self) -> bool:
        """Whether its beginning is held."""
        return self.kind == EVENT or self.head.type in _HEADS

    @property
    def over(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.kind == EVENT or self.outcome in OVER

    @property
    def lasted(self) -> timedelta | None:
        """From its beginning to its end, once both are known."""
        if self.kind == EVENT or not (self.begun and self.over):
            return None
        return max(timedelta(), self.last.at - self.head.at)

    @property
    def failing(self) -> bool:
        """Whether it failed, or an attempt of it did."""
        return any(event.type in FAILURES for event in self.events)

    @property
    def attempts(self) -> int:
        """How many attempts of the activity there were."""
        found = (_field(event, "attempt") for event in self.events)
        return max((number for number in found if isinstance(number, int)), default=0)


def fold(events: Iterable[HistoryEvent]) -> list[Step]:
    """The steps of a stretch of a journal, in the order of their first events."""
    folding = _Folding()
    for event in events:
        folding.add(event)
    return folding.steps


class _Folding:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._open: dict[tuple[str, int, int], Step] = {}
        self._waiters: defaultdict[tuple[str, str], deque[Step]] = defaultdict(deque)
        self._early: defaultdict[tuple[str, str], deque[Step]] = defaultdict(deque)
        """Of each kind and name."""
        self._took: dict[str, Step] = {}
        """Which step has a question, by its id."""
        self._timers_of: dict[tuple[int, int], Step] = {}
        self._doubtful: set[int] = set()
        """Waits whose time was over, if the timer after them was their limit."""
        self._before: HistoryEvent | None = None

    def add(self, event: HistoryEvent) -> None:
        if event.type in _AWAITED:
            self._await(event)
        elif (what := _RECEIVED.get(event.type)) is not None:
            self._receive(what, event)
        elif event.type == "question_refused" and _field(event, "unfit"):
            self._refuse(event)
        elif event.type in _HEADS:
            self._begin(event)
        elif (kind := _PARTS.get(event.type) or _TARGETED.get(event.type)) is not None:
            self._go_on(kind, event)
        else:
            self._append(Step(EVENT), event)
        self._before = event

    def _begin(self, event: HistoryEvent) -> None:
        step = self._append(Step(_HEADS[event.type], short_name(_text(event, "name"))), event)
        if event.command is not None:
            self._open[step.kind, event.incarnation, event.command] = step
        self._note_timeout(event)

    def _note_timeout(self, event: HistoryEvent) -> None:
        """A timer right after a wait may be its time limit."""
        before = self._before
        if (
            event.type == "timer_started"
            and before is not None
            and before.type in _AWAITED
            and event.command is not None
            and event.command == (before.command or 0) + 1
        ):
            waiter = self._open.get((_HEADS[before.type], before.incarnation, before.command or 0))
            if waiter is not None:
                self._timers_of[event.incarnation, event.command] = waiter

    def _go_on(self, kind: str, event: HistoryEvent) -> None:
        number = _field(event, "target") if event.type in _TARGETED else event.command
        key = (kind, event.incarnation, number if isinstance(number, int) else 0)
        step = self._open.get(key)
        if step is None:
            step = self._open[key] = self._append(Step(kind), event)
        else:
            _extend(step, event)
        if event.type == "timer_fired" and (
            waiter := self._timers_of.get((event.incarnation, event.command or 0))
        ):
            self._doubtful.add(id(waiter))

    def _await(self, event: HistoryEvent) -> None:
        name = one_line(_text(event, "name"), 200)
        kind = _HEADS[event.type]
        if self._early[kind, name]:
            self._early[kind, name].popleft().events.append(event)
            return
        step = self._append(Step(kind, name), event)
        self._open[kind, event.incarnation, event.command or 0] = step
        self._waiters[kind, name].append(step)

    def _receive(self, kind: str, event: HistoryEvent) -> None:
        name = one_line(_text(event, "name"), 200)
        step = self._taker(kind, name, event)
        if kind == QUESTION:
            self._took[_text(event, "question")] = step

    def _taker(self, kind: str, name: str, event: HistoryEvent) -> Step:
        """The wait that it ends, or a step of its own when it is early."""
        if waiters := self._waiters[kind, name]:
            certain = (waiter for waiter in waiters if id(waiter) not in self._doubtful)
            waiter = next(certain, waiters[0])
            waiters.remove(waiter)
            _extend(waiter, event)
            return waiter
        step = self._append(Step(EVENT, name), event)
        self._early[kind, name].append(step)
        return step

    def _refuse(self, event: HistoryEvent) -> None:
        """The payload of a question did not fit: the wait that it had ended goes on."""
        step = self._took.pop(_text(event, "question"), None)
        if step is None:
            self._append(Step(EVENT), event)
            return
        if step.kind == EVENT:  # it was early, and is an event no less; the wait begins now
            awaited = step.events.pop() if step.last.type in _AWAITED else None
            _extend(step, event)
            if awaited is not None:
                self._await(awaited)
            return
        step.events.append(event)
        step.outcome = WAITING
        self._waiters[QUESTION, step.name].appendleft(step)

    def _append(self, step: Step, event: HistoryEvent) -> Step:
        _extend(step, event)
        self.steps.append(step)
        return step


def _extend(step: Step, event: HistoryEvent) -> None:
    step.events.append(event)
    if event.type == "child_cancel_requested":  # asked, not ended
        return
    if step.outcome in OVER and event.type in _TARGETED:
        return
    step.outcome = _OUTCOME.get(event.type, step.outcome)


def _field(event: HistoryEvent, name: str) -> Any:
    found = body(event)
    return found.get(name) if is_object(found) else None


def _text(event: HistoryEvent, name: str) -> str:
    value = _field(event, name)
    return value if isinstance(value, str) else ""
