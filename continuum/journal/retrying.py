"""Trying a failed run again from the activity that failed: which events are annulled, and by what.

Nothing is removed from a journal. `run_retried` annuls a stretch of it that ends just before
itself: the failure of the activity, what the code did about it, and the end of the run. A replay
leaves that stretch out, so every earlier step is there with its result, and the activity gets
another attempt. What others had sent meanwhile (signals, results) is delivered again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from continuum.journal.events import Event, EventKind, RunRetried
from continuum.journal.questions import QUESTION, encode_question
from continuum.journal.tasks import RESULT, AttemptResult, attempt_name, encode_task

_EFFECTS: Final = frozenset({
    EventKind.ACTIVITY_SCHEDULED, EventKind.CHILD_STARTED, EventKind.CHILD_CANCEL_REQUESTED,
    EventKind.CHILD_SIGNALLED, EventKind.QUESTION_ANSWERED, EventKind.QUESTION_REFUSED,
})  # fmt: skip
"""Commands that others see: what they did is not undone by leaving them out."""

_ATTEMPTS: Final = frozenset({
    EventKind.ACTIVITY_STARTED, EventKind.ACTIVITY_ATTEMPT_FAILED,
    EventKind.ACTIVITY_ATTEMPT_CRASHED, EventKind.ACTIVITY_RELEASED,
    EventKind.ACTIVITY_COMPLETED, EventKind.ACTIVITY_FAILED,
})  # fmt: skip
_OUTCOMES: Final = frozenset({EventKind.ACTIVITY_COMPLETED, EventKind.ACTIVITY_FAILED})
_CHILD_ENDS: Final = frozenset({
    EventKind.CHILD_COMPLETED, EventKind.CHILD_FAILED, EventKind.CHILD_CANCELLED,
})  # fmt: skip


class CannotRetry(Exception):
    """There is no failure from which this run could go on; the text says why."""


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """How to go on with a failed run.

    Attributes:
        body: of the event that annuls the failure.
        mail: kind, name and value of messages to deliver again.
        questions: ids of the questions that were asked before the failure, answered or not.
    """

    body: RunRetried
    mail: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])
    questions: frozenset[str] = frozenset()


def surviving(events: Sequence[Event]) -> Sequence[Event]:
    """The events that no later `run_retried` annuls, in order; the same ones when there is none."""
    if not any(event.kind is EventKind.RUN_RETRIED for event in events):
        return events
    kept: list[Event] = []
    for event in events:
        if event.kind is EventKind.RUN_RETRIED:
            first = event.body().from_seq
            while kept and kept[-1].seq >= first:
                kept.pop()
        kept.append(event)
    return kept


def plan_retry(events: Sequence[Event], reason: str | None, *, force: bool) -> RetryPlan:
    """How to go on from the failed activity.

    Args:
        events: the whole journal of the run's incarnation.
        reason: why, for people.
        force: also when the process of an attempt died, so that nobody knows what it did.

    Raises:
        CannotRetry: no activity failed, or others saw what was done about it.
    """
    left = surviving(events)
    if not left or left[-1].kind is not EventKind.RUN_FAILED:
        raise CannotRetry("its journal does not end with a failure")
    first = _first_annulled(left)
    kept, gone = left[:first], left[first:]
    opened = _open_activities(kept)
    given_up = _given_up(kept)
    again: dict[int, int] = {}
    lost: dict[int, int] = {}
    mail: list[tuple[str, str, bytes]] = []
    for event in gone:
        command = event.command or 0
        if event.kind is EventKind.SIGNAL_RECEIVED:
            body = event.body()
            mail.append(("signal", body.name, bytes(body.value)))
        elif event.kind is EventKind.QUESTION_RECEIVED:
            body = event.body()
            data = encode_question(body.question, bytes(body.value), copied=body.copied)
            mail.append((QUESTION, body.name, data))
        elif event.kind in _CHILD_ENDS:
            mail.append(("child_result", "", msgspec.json.encode(event.body())))
        elif event.kind in _ATTEMPTS and command in opened:
            body = event.body()
            lost[command] = max(body.attempt, lost.get(command, 0))
            if _counts(event) and command not in given_up:
                _check_known(command, body.reason, force=force)
                again[command] = body.attempt
            elif event.kind is EventKind.ACTIVITY_COMPLETED:
                name = attempt_name(event.incarnation, command, body.attempt)
                result = AttemptResult("completed", value=body.value)
                mail.append((RESULT, name, encode_task(result)))
    others = [(command, attempt) for command, attempt in lost.items() if command not in again]
    asked = (e.body().question for e in left if e.kind is EventKind.QUESTION_RECEIVED)
    body = RunRetried(gone[0].seq, list(again.items()), others, reason)
    return RetryPlan(body, mail, frozenset(asked))


def _first_annulled(events: Sequence[Event]) -> int:
    """The place of the first failure after which nothing was done that others have seen."""
    found: int | None = None
    for place in range(len(events) - 2, -1, -1):
        event = events[place]
        if event.kind in _EFFECTS:
            break
        if _counts(event) and event.command not in _given_up(events[:place]):
            found = place
    if found is None:
        raise CannotRetry(_why_not(events))
    return found


def _why_not(events: Sequence[Event]) -> str:
    for event in reversed(events):
        if _counts(event):
            return (
                f"after the activity of command {event.command} had failed, the workflow did "
                "more that others have seen (a compensation, another activity, a child, an answer)"
            )
        if event.kind is EventKind.CHILD_FAILED:
            return f"its child {event.body().run_id} failed, not an activity of its own"
    failure = events[-1].body().error
    return f"no activity failed; the workflow itself raised {failure.type}"


def _counts(event: Event) -> bool:
    """Whether an activity failed by itself, rather than because it was told to stop."""
    return event.kind is EventKind.ACTIVITY_FAILED and event.body().reason != "cancelled"


def _check_known(command: int, reason: str, *, force: bool) -> None:
    if reason == "crashed" and not force:
        raise CannotRetry(
            f"the process that ran the activity of command {command} died, so nobody knows what it "
            "did; it may run again with force"
        )


def _open_activities(events: Iterable[Event]) -> set[int]:
    found: set[int] = set()
    for event in events:
        if event.kind is EventKind.ACTIVITY_SCHEDULED:
            found.add(event.command or 0)
        elif event.kind in _OUTCOMES:
            found.discard(event.command or 0)
    return found


def _given_up(events: Iterable[Event]) -> set[int]:
    """Activities that the workflow stopped waiting for."""
    return {e.body().target for e in events if e.kind is EventKind.ACTIVITY_CANCELLED}
