"""Schedules as clients see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from continuum.journal.turn import RunState
from continuum.schedules.deciding import Outcome, Overlap
from continuum.schedules.times import ScheduleTimes, next_times

SCHEDULED_AT: Final = datetime.max.replace(tzinfo=UTC)
"""As an argument of a scheduled workflow: the time at which the run was due."""


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule to be stored.

    Attributes:
        input: arguments of its runs, a JSON array.
        time_arguments: places in it where the time goes at which the run was due.
        attributes: of its runs.
        catch_up: times that are later than this are missed.
        back_off: whether runs that fail in a row put the next ones off.
    """

    namespace: str
    name: str
    workflow: str
    input: bytes
    time_arguments: Sequence[int]
    attributes: Mapping[str, Any]
    times: ScheduleTimes
    overlap: Overlap = Overlap.SKIP
    catch_up: timedelta = timedelta(hours=1)
    back_off: bool = True
    paused: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A snapshot of a schedule.

    Attributes:
        next_at: when it is looked at next; None: paused, or over.
        waiting_at: a time whose run waits for the one before it.
        failures: runs that failed in a row.
        resting_until: it fails too often; nothing starts before.
        last_error: of the last run that failed.
        last_run_id, last_fired_at: its latest run, and for when that was due.
    """

    namespace: str
    name: str
    workflow: str
    times: ScheduleTimes
    overlap: Overlap
    catch_up: timedelta
    back_off: bool
    attributes: Mapping[str, Any]
    paused: bool
    note: str | None
    next_at: datetime | None
    waiting_at: datetime | None
    failures: int
    resting_until: datetime | None
    last_error: str | None
    last_run_id: UUID | None
    last_fired_at: datetime | None
    created_at: datetime
    updated_at: datetime
    read_at: datetime = field(compare=False)

    @property
    def status(self) -> str:
        """`paused`, `ended`, `backing off`, `waiting` for the run before, or `active`."""
        if self.paused:
            return "paused"
        if self.next_at is None:
            return "ended"
        if self.resting_until is not None and self.resting_until > self.read_at:
            return "backing off"
        return "active" if self.waiting_at is None else "waiting"

    def next_times(self, count: int = 5, *, after: datetime | None = None) -> list[datetime]:
        """The next times at which it is due, in UTC, whether paused or not.

        Args:
            count: how many; fewer when it ends.
            after: an aware datetime; default: when this snapshot was taken.
        """
        return next_times(self.times, after or self.read_at, count)


@dataclass(frozen=True, slots=True)
class ScheduleFiring:
    """One time of a schedule, and what became of it.

    Attributes:
        run_id, state: of the run that was started; `state` is None when it was pruned.
    """

    due_at: datetime
    fired_at: datetime
    outcome: Outcome
    run_id: UUID | None
    state: RunState | None


def input_of(arguments: bytes, places: Sequence[int], due: datetime) -> bytes:
    """The arguments of one run: with the time it was due in the places for it."""
    if not places:
        return arguments
    values = json.loads(arguments)
    for place in places:
        values[place] = due.isoformat().replace("+00:00", "Z")
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
