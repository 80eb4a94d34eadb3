"""What any store does for schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from continuum.operators.acts import Act
from continuum.schedules.model import NewSchedule, Schedule, ScheduleFiring

MAKE_ROOM: Final = b'"the next run of its schedule is due"'
"""Why runs are cancelled, as JSON."""

KEPT_FIRINGS: Final = 100
"""Times that are remembered of each schedule."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What one look at the schedules brought.

    Attributes:
        decided: schedules that were due.
        started: new runs, unowned and ready.
        cancelled: runs that were asked to make room for the next of their schedule.
        now: the store's clock.
        next_at: when the next schedule is due, None if none ever is.
    """

    decided: int
    started: Sequence[UUID]
    cancelled: Sequence[UUID]
    now: datetime
    next_at: datetime | None


class ScheduleStore(Protocol):
    """Schedules are durable rows; each of their times is decided once, under the row's lock."""

    async def put(
        self, schedule: NewSchedule, *, replace: bool, act: Act | None = None
    ) -> Schedule | None:
        """Store a schedule; None: one of that name exists, and it is not to be replaced.

        A replaced one keeps its last run and its failures; its times count from now on.
        """
        ...

    async def get(self, namespace: str, name: str) -> Schedule | None:
        """One schedule."""
        ...

    async def list(self, namespace: str | None) -> Sequence[Schedule]:
        """All of a namespace (None: of every one), by namespace and name."""
        ...

    async def pause(
        self, namespace: str, name: str, note: str | None, act: Act | None = None
    ) -> Schedule | None:
        """It starts nothing until it is resumed; None: there is none."""
        ...

    async def resume(
        self, namespace: str, name: str, note: str | None, act: Act | None = None
    ) -> Schedule | None:
        """It is due again from now on, and no longer backs off; None: there is none."""
        ...

    async def trigger(self, namespace: str, name: str, act: Act | None = None) -> UUID | None:
        """Start a run now, whatever its times and its last run say; None: there is none."""
        ...

    async def delete(self, namespace: str, name: str, act: Act | None = None) -> bool:
        """Remove it; its runs stay. Whether there was one."""
        ...

    async def firings(self, namespace: str, name: str, limit: int) -> Sequence[ScheduleFiring]:
        """Its latest times, the newest first."""
        ...

    async def fire_due(self, limit: int) -> Fired:
        """Decide about up to `limit` schedules that are due, and start their runs, in one commit.

        Schedules that another worker decides about just now are left to it.
        """
        ...
