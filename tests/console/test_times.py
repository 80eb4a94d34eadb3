"""How times are told: as ages, in UTC, or in the zone of the machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from console.present import ages
from console.sample import SampleSource
from tests.console.driving import console, wait_until


@pytest.mark.parametrize("way", [ages.Times.UTC, ages.Times.LOCAL])
def test_times_are_told_in_one_way_everywhere(
    way: ages.Times, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ages, in UTC or local; never wider than the column of ages."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    now = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
    try:
        ages.tell(way)
        shift = 0 if way is ages.Times.UTC else 9
        assert ages.ago(now, now) == f"{9 + shift:02d}:26:53"
        assert ages.ago(now - timedelta(days=2), now) == f"12 {9 + shift:02d}:26"
        assert ages.ago(now - timedelta(days=40), now) == "26-02-02"
        assert ages.zone() == ("JST" if shift else "UTC")
        assert ages.stamp(now).endswith(ages.zone())
        assert ages.clock(now) == f"{9 + shift:02d}:26:53.000"
        for seconds in (0, 59, 86_399, 86_401, 10**6, 10**8):
            assert len(ages.ago(now - timedelta(seconds=seconds), now)) <= 8
    finally:
        ages.tell(ages.Times.RELATIVE)
        monkeypatch.undo()
        time.tzset()


async def test_t_changes_how_times_are_told_on_every_screen() -> None:
    """From ages to UTC to local and back; what is on screen already, too."""
    async with console(SampleSource(), size=(120, 36)) as ui:
        for key in ("1", "3", "5"):
            await ui.settled()
            await ui.press(key)
            await wait_until(lambda: ui.answered, "an answer")
            await ui.shows("ago")
            await ui.press("t")
            await wait_until(lambda: " ago" not in ui.text(), "times of day")
            await ui.press("t", "t")
            await ui.shows("ago")
