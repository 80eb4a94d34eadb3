"""What happens when a schedule is due: a pure function of what is known of it.

Whoever calls it has locked the schedule, so each time is decided once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from continuum.journal.turn import RunState
from continuum.schedules.times import ScheduleTimes

MAX_TIMES = 500
"""Times decided in one go; what is left comes in the next."""

LOOK_AGAIN = timedelta(seconds=1)
"""While a start waits for the run before it."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""After a failed run no start is due for so long, doubled with each further failure in a row."""


class Overlap(StrEnum):
    """What to do when the run before is still live."""

    SKIP = "skip"
    BUFFER = "buffer"
    CANCEL = "cancel"
    ALLOW = "allow"


class Outcome(StrEnum):
    """What became of one time of a schedule."""

    STARTED = "started"
    TRIGGERED = "triggered"
    OVERLAPPED = "overlapped"
    BACKED_OFF = "backed off"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run that a schedule started last.

    Attributes:
        state: None when it was pruned.
        cancelling: it was asked to stop.
    """

    run_id: UUID
    state: RunState | None
    cancelling: bool
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a schedule is.

    Attributes:
        due_at: the next time to decide about; None: it has ended.
        waiting_at: a time whose run starts when the one before has ended.
        failures: runs that failed in a row, as far as `judged`.
        judged: whether the last run's end is in `failures`.
        resting_until: no start is due before; it fails too often.
        last_error: of the last run that failed.
    """

    due_at: datetime | None
    waiting_at: datetime | None = None
    failures: int = 0
    judged: bool = True
    resting_until: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule that is due, locked by whoever decides."""

    namespace: str
    name: str
    times: ScheduleTimes
    overlap: Overlap
    catch_up: timedelta
    back_off: bool
    progress: Progress
    last: LastRun | None


@dataclass(frozen=True, slots=True)
class Firing:
    """One time, decided."""

    due_at: datetime
    outcome: Outcome


@dataclass(slots=True)
class Decision:
    """What is to be written.

    Attributes:
        progress: how far the schedule is now.
        look_at: when to decide again; None: never.
        firings: the times decided; each `started` one is a run to start.
        cancel: a run that has to make room.
    """

    progress: Progress
    look_at: datetime | None = None
    firings: list[Firing] = field(default_factory=list[Firing])
    cancel: UUID | None = None


def decide(schedule: DueSchedule, now: datetime) -> Decision:
    """Decide about every time that has come.

    Args:
        schedule: as locked.
        now: the store's clock.
    """
    decision = Decision(_judge(schedule))
    last = schedule.last
    live = last is not None and not _has_ended(last)
    progress = decision.progress
    if progress.waiting_at is not None and not live:
        decision.firings.append(Firing(progress.waiting_at, Outcome.STARTED))
        progress, live = replace(progress, waiting_at=None, judged=False), True
    due, left = _due_times(schedule, now)
    for each in due:
        outcome = _outcome(schedule, progress, each, now, live=live)
        if outcome is Outcome.STARTED:
            progress, live = replace(progress, judged=False), True
        elif outcome is None:
            progress = replace(progress, waiting_at=each)
            continue
        decision.firings.append(Firing(each, outcome))
    in_the_way = progress.waiting_at is not None and schedule.overlap is Overlap.CANCEL
    # One that was started just now is asked at the next look.
    if in_the_way and last is not None and not _has_ended(last) and not last.cancelling:
        decision.cancel = last.run_id
    decision.progress = replace(progress, due_at=left)
    decision.look_at = _next_look(schedule, decision.progress, now)
    return decision


def _outcome(
    schedule: DueSchedule, progress: Progress, due: datetime, now: datetime, *, live: bool
) -> Outcome | None:
    """What becomes of a time; None: it waits for the run before."""
    if now - _start_of(schedule, due) > schedule.catch_up:
        return Outcome.MISSED
    if progress.resting_until is not None and due < progress.resting_until:
        return Outcome.BACKED_OFF
    if not live or schedule.overlap is Overlap.ALLOW:
        return Outcome.STARTED
    if schedule.overlap is Overlap.SKIP or progress.waiting_at is not None:
        return Outcome.OVERLAPPED
    return None


def _has_ended(run: LastRun) -> bool:
    return run.state is None or run.state.terminal


def _judge(schedule: DueSchedule) -> Progress:
    """Learn how the last run ended, once."""
    progress, last = schedule.progress, schedule.last
    if progress.judged or last is None or not _has_ended(last):
        return progress
    if last.state is not RunState.FAILED:
        return replace(progress, judged=True, failures=0, resting_until=None, last_error=None)
    failures = progress.failures + 1
    resting_until = None
    if schedule.back_off and last.ended_at is not None:
        resting_until = last.ended_at + min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE)
    return replace(
        progress,
        judged=True,
        failures=failures,
        resting_until=resting_until,
        last_error=last.error,
    )


def _due_times(schedule: DueSchedule, now: datetime) -> tuple[Sequence[datetime], datetime | None]:
    """The times that have come, and the first that has not.

    After a long outage the times that are too old to be caught up count as one, the first of them,
    however many they are.
    """
    first = schedule.progress.due_at
    if first is None:
        return (), None
    due: list[datetime] = []
    latest = first
    if now - _start_of(schedule, first) > schedule.catch_up:
        due.append(first)
        jitter = timedelta(seconds=schedule.times.jitter)
        latest = max(first, now - schedule.catch_up - jitter - timedelta(microseconds=1))
    elif _start_of(schedule, first) <= now:
        due.append(first)
    else:
        return due, first
    for each in schedule.times.all_after(latest):
        if _start_of(schedule, each) > now or len(due) >= MAX_TIMES:
            return due, each
        due.append(each)
    return due, None


def _next_look(schedule: DueSchedule, progress: Progress, now: datetime) -> datetime | None:
    moments = [] if progress.waiting_at is None else [now + LOOK_AGAIN]
    if progress.due_at is not None:
        moments.append(_start_of(schedule, progress.due_at))
    return min(moments, default=None)


def _start_of(schedule: DueSchedule, due: datetime) -> datetime:
    return schedule.times.start_of(due, schedule.namespace, schedule.name)
