"""When the last run that needs something can end, and which runs may never end by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from continuum import VersionNotFound
from tests.audit import releases
from tests.audit.conftest import Shop, site
from tests.worker.cluster import eventually


async def test_the_last_deadline_of_a_run_that_needs_it_is_the_removal_date(shop: Shop) -> None:
    """Timers and signal timeouts end by themselves, at the latest when the last is due."""
    async with shop.release(releases.nap_between, releases.patient):
        early = await shop.start(releases.nap_between, 3600.0, waits="timer")
        late = await shop.start(releases.nap_between, 7200.0, waits="timer")
        await shop.start(releases.patient, 900.0, waits="signal go until")
    report = await shop.audit(releases.nap_between)
    forecast = site(report, "well").forecast
    started = (await shop.client.get_run(late)).started_at
    assert (forecast.runs, forecast.endless, forecast.p99) == (2, 0, None)
    assert forecast.done_at is not None
    assert abs(forecast.done_at - started - timedelta(hours=2)) < timedelta(seconds=5)
    await shop.client.cancel(late, force=True)
    sooner = site(await shop.audit(releases.nap_between), "well").forecast.done_at
    started = (await shop.client.get_run(early)).started_at
    assert sooner is not None
    assert abs(sooner - started - timedelta(hours=1)) < timedelta(seconds=5)
    drain = await shop.client.drain_forecast(releases.patient.pin.version_hash[:8])
    assert drain.forecast.done_at is not None
    assert not drain.will_have_drained(drain.forecast.done_at - timedelta(seconds=1))
    assert drain.will_have_drained(drain.forecast.done_at)


async def test_past_runs_tell_when_a_run_without_a_deadline_ends(shop: Shop) -> None:
    """Work under way is expected to take as long as 99 in 100 completed runs took."""
    flow = releases.working
    async with shop.release(flow):
        first = await shop.client.start(flow, 0.2)
        assert await first.result(timeout=20) == 0.2
        lasted = (await shop.client.get_run(first.id)).duration
        second = await shop.client.start(flow, 60.0)
        await shop.attempted(second.id)
        drain = await shop.client.drain_forecast(flow.version_hash)
        started = (await shop.client.get_run(second.id)).started_at
        assert (drain.forecast.runs, drain.forecast.endless) == (1, 0)
        assert (drain.forecast.past_runs, drain.forecast.p99) == (1, lasted.total_seconds())
        assert drain.forecast.done_at == max(started + lasted, drain.generated_at)
        await shop.client.cancel(second.id, force=True)
    drained = await shop.client.drain_forecast(flow.version_hash)
    assert drained.drained
    assert drained.will_have_drained(drained.generated_at)


async def test_a_run_is_as_endless_as_the_child_that_it_waits_for(shop: Shop) -> None:
    """A signal without a deadline, three children down, keeps the whole family."""
    async with shop.release(releases.family):
        parent = await shop.client.start(releases.family, 3)
        await shop.waiting([parent.id], "child ")

        async def leaf_waits() -> bool:
            page = await shop.client.query("waiting_on = 'signal go'")
            return len(page.entries) == 1

        await eventually(leaf_waits)
        drain = await shop.client.drain_forecast(releases.family.version_hash)
        assert (drain.forecast.runs, drain.forecast.endless) == (4, 4)
        assert drain.forecast.examples[0].run_id == parent.id
        assert not drain.will_have_drained(drain.generated_at + timedelta(days=1000))


async def test_a_version_is_found_by_how_its_hash_begins(shop: Shop) -> None:
    """A short or unknown hash is refused with the nearest one, or with what tells them apart."""
    with pytest.raises(VersionNotFound, match="no worker has registered any"):
        await shop.client.drain_forecast("abcd1234")
    async with shop.release(releases.before, releases.rewritten):
        pass
    listed = await shop.client.versions()
    assert [(each.workflow, each.version, each.loaded) for each in listed] == [
        ("order", 4, False), ("order", 1, False),
    ]  # fmt: skip
    whole = releases.before.version_hash
    wrong = whole[:10] + ("0" if whole[10] != "0" else "1") + whole[11:]
    with pytest.raises(VersionNotFound, match=f"the nearest is {whole[:12]}"):
        await shop.client.drain_forecast(wrong)
    with pytest.raises(VersionNotFound, match="no version"):
        await shop.client.drain_forecast(whole[:3])
    assert (await shop.client.drain_forecast(whole[:4])).version_hash == whole
