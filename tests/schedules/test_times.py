"""When a schedule is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.errors import ScheduleError
from continuum.schedules.times import checked_times, next_times

BERLIN = ZoneInfo("Europe/Berlin")


def local(times: list[datetime], zone: ZoneInfo = BERLIN) -> list[str]:
    return [f"{each.astimezone(zone):%d %H:%M%z}" for each in times]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_cron_expression_is_read_in_its_zone() -> None:
    """3 o'clock in Berlin, not in UTC."""
    times = checked_times(cron="0 3 * * mon-fri", zone="Europe/Berlin")
    found = next_times(times, at("2026-01-02T00:00"), 3)
    assert local(found) == ["02 03:00+0100", "05 03:00+0100", "06 03:00+0100"]
    assert all(each.tzinfo is UTC for each in found)


def test_the_hour_that_is_skipped_in_spring_is_made_up_for() -> None:
    """2:30 does not exist on 29 March 2026 in Berlin: it is due right after, once."""
    times = checked_times(cron="30 2 * * *", zone="Europe/Berlin")
    found = next_times(times, at("2026-03-27T12:00"), 3)
    assert local(found) == ["28 02:30+0100", "29 03:00+0200", "30 02:30+0200"]


def test_the_hour_that_comes_twice_in_autumn_counts_once() -> None:
    """2:30 comes twice on 25 October 2026 in Berlin: it is due once that day."""
    times = checked_times(cron="30 2 * * *", zone="Europe/Berlin")
    found = next_times(times, at("2026-10-24T12:00"), 3)
    assert [text[:8] for text in local(found)] == ["25 02:30", "26 02:30", "27 02:30"]


def test_what_recurs_within_the_hour_goes_on_in_autumn() -> None:
    """Every half hour is every half hour, also in the hour that comes twice."""
    times = checked_times(cron="*/30 * * * *", zone="Europe/Berlin")
    found = next_times(times, at("2026-10-24T23:59"), 8)
    gaps = {later - sooner for sooner, later in pairwise(found)}
    assert gaps == {timedelta(minutes=30)}


def test_an_interval_does_not_know_of_clock_changes() -> None:
    """Every six hours is every six hours."""
    times = checked_times(every=timedelta(hours=6), offset=timedelta(hours=1))
    found = next_times(times, at("2026-03-28T22:00"), 4)
    assert [f"{each:%d %H}" for each in found] == ["29 01", "29 07", "29 13", "29 19"]


@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 0 1 * *", "15,45 1-3 * * sun"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_times_rise_and_do_not_depend_on_where_one_begins(
    cron: str, zone: str, moment: datetime
) -> None:
    """The times after a moment rise, and those after the first of them are the rest."""
    times = checked_times(cron=cron, zone=zone)
    found = next_times(times, moment, 6)
    assert found == sorted(set(found))
    assert found[0] > moment
    assert next_times(times, found[0], 5) == found[1:]


def test_start_and_end_bound_the_times() -> None:
    """Not before the start, which counts itself, and not after the end."""
    times = checked_times(
        cron="0 * * * *", starts_at=at("2026-01-01T03:00"), ends_at=at("2026-01-01T05:30")
    )
    found = next_times(times, at("2025-12-01T00:00"), 9)
    assert [f"{each:%H}" for each in found] == ["03", "04", "05"]


def test_jitter_is_bounded_spread_and_the_same_everywhere() -> None:
    """A start is put off by less than the jitter, the same each time it is asked for."""
    times = checked_times(every=60, jitter=30)
    due = at("2026-01-01T00:00")
    starts = [times.start_of(due, "default", f"s{n}") for n in range(200)]
    assert starts == [times.start_of(due, "default", f"s{n}") for n in range(200)]
    delays = [(each - due).total_seconds() for each in starts]
    assert 0 <= min(delays) < 3
    assert 27 < max(delays) < 30


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either a cron expression or an interval"),
        ({"cron": "0 3 * * *", "every": 5}, "either a cron expression or an interval"),
        ({"cron": "61 * * * *"}, "'61 * * * *' is no cron expression"),
        ({"cron": "0 3 * *"}, "no cron expression"),
        ({"cron": "0 3 * * *", "zone": "Europe/Berlim"}, "did you mean Europe/Berlin?"),
        ({"cron": "0 3 * * *", "offset": 4}, "an offset belongs to an interval"),
        ({"every": 0.5}, "the interval is 1 seconds to ten years, not 0.5 s"),
        ({"every": 5, "jitter": -1}, "the jitter is 0 seconds to ten years"),
        ({"every": 5, "starts_at": datetime(2026, 1, 1)}, "starts_at has no time zone"),  # noqa: DTZ001
    ],
)
def test_times_that_make_no_sense_are_refused(given: dict[str, object], message: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ScheduleError, match=message.replace("*", r"\*").replace("?", r"\?")):
        checked_times(**given)  # type: ignore[arg-type]
