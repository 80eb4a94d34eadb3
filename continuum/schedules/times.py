"""When a schedule is due: by a cron expression or an interval, in a time zone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from continuum.errors import ScheduleError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=3660)


@dataclass(frozen=True)
class ScheduleTimes:
    """The moments at which a schedule is due, in order; made by `checked_times`.

    A cron expression is read in the zone, as Debian's cron reads it: what falls into the hour that
    is skipped in spring happens right after it, and what falls into the hour that comes twice in
    autumn happens once, unless it recurs every hour anyway. Intervals count from 1970-01-01 UTC,
    so two schedules of one interval and offset are due at the same moments.

    Attributes:
        cron: five fields, or six with seconds in front.
        every, offset: seconds.
        zone: an IANA name, such as "Europe/Berlin".
        jitter: seconds by which a start is put off at most; how long is the same on every worker.
        starts_at, ends_at: not due before and not after.
    """

    cron: str | None = None
    every: float | None = None
    offset: float = 0.0
    zone: str = "UTC"
    jitter: float = 0.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def after(self, moment: datetime) -> datetime | None:
        """The first time due after a moment, in UTC; None: never again.

        Example:
            checked_times(cron="0 3 * * *", zone="Europe/Berlin").after(now)
        """
        return next(self.all_after(moment), None)

    def all_after(self, moment: datetime) -> Iterator[datetime]:
        """Every time due after a moment, in UTC and in order."""
        if self.starts_at is not None and moment < self.starts_at:
            moment = self.starts_at - timedelta(microseconds=1)
        due = self._by_interval(moment) if self.cron is None else self._by_cron(moment)
        for each in due:
            if self.ends_at is not None and each > self.ends_at:
                return
            yield each

    def start_of(self, due: datetime, namespace: str, name: str) -> datetime:
        """When the run that is due then is to start: later by the jitter.

        Args:
            due: a time of this schedule.
            namespace, name: tell schedules apart, so that they do not all start at once.
        """
        if not self.jitter:
            return due
        digest = hashlib.sha256(f"{namespace}\n{name}\n{due.isoformat()}".encode()).digest()
        return due + timedelta(seconds=self.jitter * int.from_bytes(digest[:6]) / 2**48)

    @property
    def text(self) -> str:
        """For people: `0 3 * * * Europe/Berlin`, `every 0:05:00`."""
        if self.cron is not None:
            return f"{self.cron} {self.zone}"
        every = f"every {timedelta(seconds=self.every or 0)}"
        return f"{every} from {timedelta(seconds=self.offset)}" if self.offset else every

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def _by_cron(self, moment: datetime) -> Iterator[datetime]:
        # A time that comes twice in autumn is told apart by its fold, which CronSim leaves alone.
        for local in CronSim(self.cron or "", moment.astimezone(self._zone)):
            due = local.astimezone(UTC)
            if due > moment:
                yield due

    def _by_interval(self, moment: datetime) -> Iterator[datetime]:
        every, first = timedelta(seconds=self.every or 0), EPOCH + timedelta(seconds=self.offset)
        due = first + ((moment - first) // every + 1) * every
        while True:
            yield due
            due += every


def checked_times(
    *,
    cron: str | None = None,
    every: timedelta | float | None = None,
    offset: timedelta | float = 0,
    zone: str = "UTC",
    jitter: timedelta | float = 0,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> ScheduleTimes:
    """`ScheduleTimes` that make sense.

    Args:
        cron: a cron expression.
        every: instead of it, an interval of a second at least.
        offset: moves the times of an interval.
        zone: an IANA name.
        jitter: at most this much later.
        starts_at, ends_at: aware datetimes.

    Raises:
        ScheduleError: says what is wrong.
    """
    if (cron is None) == (every is None):
        raise ScheduleError("a schedule has either a cron expression or an interval")
    if cron is not None and offset:
        raise ScheduleError("an offset belongs to an interval, not to a cron expression")
    times = ScheduleTimes(
        cron=None if cron is None else " ".join(cron.split()),
        every=None if every is None else check_seconds("interval", every, at_least=1),
        offset=check_seconds("offset", offset),
        zone=zone,
        jitter=check_seconds("jitter", jitter),
        starts_at=_aware("starts_at", starts_at),
        ends_at=_aware("ends_at", ends_at),
    )
    _check_zone(zone)
    if cron is not None:
        try:
            CronSim(cron, EPOCH)
        except CronSimError as error:
            raise ScheduleError(
                f"{cron!r:.100} is no cron expression: {error}",
                hint='five fields, as "0 3 * * mon-fri": minute, hour, day, month, weekday',
            ) from None
    return times


def next_times(times: ScheduleTimes, moment: datetime, count: int) -> list[datetime]:
    """The next `count` times after a moment, fewer when it ends."""
    return list(islice(times.all_after(moment), count))


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        from difflib import get_close_matches
        from zoneinfo import available_timezones

        near = get_close_matches(zone, available_timezones(), n=1)
        raise ScheduleError(
            f"there is no time zone {zone!r:.80}",
            hint=f"did you mean {near[0]}?" if near else "use a name such as Europe/Berlin",
        ) from None


def check_seconds(what: str, value: timedelta | float, *, at_least: float = 0) -> float:
    """A duration as seconds, ten years at most.

    Raises:
        ScheduleError.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not at_least <= seconds <= LONGEST.total_seconds():
        raise ScheduleError(f"the {what} is {at_least:g} seconds to ten years, not {seconds:g} s")
    return float(seconds)


def _aware(what: str, moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ScheduleError(
            f"{what} has no time zone: {moment}", hint="use an aware datetime, as of timezone.utc"
        )
    return moment.astimezone(UTC)
