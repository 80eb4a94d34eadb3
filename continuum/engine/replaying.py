"""Feeds a journal to a fresh execution, interval by interval, and checks what the code does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from continuum.engine import drift as drifts
from continuum.engine.attempts import Attempts
from continuum.engine.commands import CommandLog, read_body
from continuum.engine.drift import Drift
from continuum.journal.events import COMMANDS, ENDS, STIMULI, Event, EventKind

_ABOUT_THE_RUN = (EventKind.PATCH_DECIDED, EventKind.RUN_ADOPTED)
_WITHOUT_CODE = (EventKind.RUN_CANCELLED, EventKind.RUN_FAILED)
_ABOUT_ACTIVITIES = (EventKind.ACTIVITY_COMPLETED, EventKind.ACTIVITY_FAILED)


class Replayed(Protocol):
    """What a replay needs of the execution."""

    ended_as: EventKind | None

    def deliver(self, kind: EventKind, command: int | None, body: Any) -> None:
        """Apply one stimulus and run to quiescence."""
        ...

    def forked(self, run_id: UUID) -> None:
        """What comes next is another run's."""
        ...

    def unentered(self, kind: EventKind, body: Any) -> None:
        """The code was never entered."""
        ...

    def waiting_at(self) -> str | None:
        """Where the code waits."""
        ...


@dataclass(slots=True)
class Interval:
    """A stimulus, the commands it caused, progress in between, and perhaps the end."""

    stimulus: Event
    commands: list[Event] = field(default_factory=list[Event])
    progress: list[Event] = field(default_factory=list[Event])
    end: Event | None = None


def replay(
    execution: Replayed,
    log: CommandLog,
    attempts: Attempts,
    events: Sequence[Event],
    incarnation: int,
) -> None:
    """Replay the events of one incarnation; a difference latches the log with its drift."""
    log.replaying = True
    intervals = list(_intervals(events, incarnation))
    if not intervals:
        _replay_only_end(execution, log, events, incarnation)
    for index, interval in enumerate(intervals):
        _replay_interval(execution, log, attempts, interval)
        if log.drift is None and execution.ended_as is not None:
            _check_end(execution, log, interval, intervals[index + 1 :])
        if log.drift is not None:
            break
    log.replaying = False


def _intervals(events: Sequence[Event], incarnation: int) -> Iterator[Interval]:
    current: Interval | None = None
    for event in events:
        if event.incarnation != incarnation:
            continue
        if event.kind in STIMULI:
            if current is not None:
                yield current
            current = Interval(event)
        elif current is None:
            continue
        elif event.kind in COMMANDS:
            current.commands.append(event)
        elif event.kind in ENDS:
            current.end = event
        else:
            current.progress.append(event)
    if current is not None:
        yield current


def _replay_only_end(
    execution: Replayed, log: CommandLog, events: Sequence[Event], incarnation: int
) -> None:
    """Cancelled before its time, or refused by the store with its first turn."""
    for event in events:
        if event.incarnation == incarnation and event.kind in _WITHOUT_CODE:
            body = read_body(event)
            if isinstance(body, Drift):
                return log.fail(body)
            log.last = event.at
            return execution.unentered(event.kind, body)
    return None


def _replay_interval(
    execution: Replayed, log: CommandLog, attempts: Attempts, interval: Interval
) -> None:
    stimulus = interval.stimulus
    body = read_body(stimulus)
    if isinstance(body, Drift):
        return log.fail(body)
    if stimulus.kind in _ABOUT_ACTIVITIES and stimulus.command not in attempts.open:
        return log.fail(drifts.unknown_command(stimulus))
    log.expect(stimulus, interval.commands)
    execution.deliver(stimulus.kind, stimulus.command, body)
    if log.drift is not None:
        return None
    missing = log.unmatched()
    if missing is not None:
        return log.fail(_missing(execution, missing))
    for event in interval.progress:
        _replay_progress(execution, log, attempts, event)
    if interval.end is not None and execution.ended_as is None:
        log.fail(drifts.other_end(interval.end, None, execution.waiting_at()))
    return None


def _missing(execution: Replayed, event: Event) -> Drift:
    body = read_body(event)
    if isinstance(body, Drift):
        return body
    ended = execution.ended_as is not None
    return drifts.missing_command(event, body, ended=ended, location=execution.waiting_at())


def _replay_progress(
    execution: Replayed, log: CommandLog, attempts: Attempts, event: Event
) -> None:
    log.last = max(log.last, event.at)
    if event.kind in _ABOUT_THE_RUN:
        return
    state = attempts.open.get(event.command or 0)
    body = read_body(event)
    if isinstance(body, Drift):
        log.fail(body)
    elif event.kind is EventKind.RUN_FORKED:
        attempts.replay_retry((), ())  # what was queued is in no queue of this run
        execution.forked(body.run_id)
    elif event.kind is EventKind.RUN_RETRIED:
        attempts.replay_retry(body.again, body.lost)
    elif state is None:
        log.fail(drifts.unknown_command(event))
    else:
        attempts.replay_progress(state, event.kind, body)


def _check_end(
    execution: Replayed, log: CommandLog, interval: Interval, following: Sequence[Interval]
) -> None:
    """The code has ended: so must the journal, in the same way."""
    ended = execution.ended_as
    if ended is None:
        return
    if following:
        log.fail(drifts.left_over(following[0].stimulus))
    elif interval.end is None:
        log.fail(drifts.ended_early(interval.stimulus))
    elif ended is not interval.end.kind:
        log.fail(drifts.other_end(interval.end, ended, None))
