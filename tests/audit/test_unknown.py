"""Runs that nobody will pick up: unknown versions, workflows and runtimes; leases of the dead."""

from __future__ import annotations

import asyncio

import pytest

from continuum import workflow
from continuum.declare import workflow as declaring
from tests.audit import releases
from tests.audit.conftest import Shop, codes, site, told, unknown
from tests.worker.cluster import Cluster, eventually


async def test_runs_of_an_unknown_version_are_reported_stuck_and_never_claimed(shop: Shop) -> None:
    """The audit, the query "stuck" and the workers agree about a run whose code is gone."""
    async with shop.release(releases.before):
        run_id = await shop.start(releases.before, 1, waits="signal check")
    async with shop.client.worker([releases.rewritten]) as here:
        report = await shop.audit(releases.rewritten)
        assert (codes(report), report.strict_ok) == ({"version-unknown": "error"}, False)
        found = unknown(report)
        assert (found.workflow, found.version_hash) == ("order", releases.before.version_hash)
        assert (found.live_runs, found.reason, found.nodes) == (1, "version", [])
        run = await shop.client.get_run(run_id)
        assert found.oldest_started_at == run.started_at
        assert found.last_known_source is not None
        assert found.last_known_source.startswith("tests/audit/releases.py:")
        [entry] = [each for each in report.workflows if not each.loaded]
        assert (entry.live_runs, entry.patch_sites) == (1, [])
        assert unknown(await shop.audit()).sample_run_ids == [run_id]
        for where in (found.where, entry.where, told(report, "version-unknown").where):
            assert await shop.found(where) == {run_id}
        stuck = await shop.client.query("stuck = true")
        assert [each.id for each in stuck.entries] == [run_id]

        await shop.client.signal(run_id, "check")
        polls = here.worker.wake.polled.listen()
        for _ in range(3):
            await asyncio.wait_for(polls.get(), 10)
        run = await shop.client.get_run(run_id)
        assert (run.owner, run.waiting_on, here.owned) == (None, "signal check", {}.keys())


async def test_runs_of_a_workflow_that_is_not_loaded_are_reported(shop: Shop) -> None:
    """Also those that have not begun, and so have no version yet."""
    async with shop.client.worker([releases.nap]):
        pass
    run = await shop.client.start(releases.before, 1)
    report = await shop.audit(releases.nap)
    assert (codes(report), report.strict_ok) == ({"workflow-unknown": "error"}, False)
    assert (unknown(report).version_hash, unknown(report).sample_run_ids) == ("", [run.id])
    assert await shop.found(unknown(report).where) == {run.id}
    assert await shop.found(told(report, "workflow-unknown").where) == {run.id}
    assert (await shop.audit(releases.before, releases.nap)).strict_ok
    async with shop.release(releases.before):
        await shop.waiting([run.id], "signal check")
    report = await shop.audit(releases.nap)
    assert unknown(report).reason == "workflow"
    assert unknown(report).version_hash == releases.before.version_hash


async def test_the_same_code_under_another_python_is_not_the_same_version(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run belongs to the runtime that began it; the finding says which one that is."""

    async def steady(n: int) -> int:
        return await releases.wait_signal("go", type=int)

    monkeypatch.setattr(declaring, "runtime_tag", lambda: "1-py3.10")
    old = workflow(name="steady")(steady)
    assert old.pin.runtime == "1-py3.10"
    monkeypatch.undo()
    new = workflow(name="steady")(steady)
    async with shop.release(old):
        await shop.start(old, 1, waits="signal go")
    report = await shop.audit(new)
    assert (codes(report), report.strict_ok) == ({"runtime-unknown": "error"}, False)
    assert "began under Python 3.10" in report.findings[0].message
    assert unknown(report).version_hash == new.pin.version_hash
    async with shop.release(new):
        assert codes(await shop.audit()) == {"runtime-unknown": "error"}


async def test_leases_of_a_dead_worker_count_by_how_long_it_is_gone(
    shop: Shop, cluster: Cluster
) -> None:
    """Strict says no only after ten TTLs; another worker takes the runs over and all is well."""
    member = await cluster.join(releases.before, ttl=0.3, heartbeat=0.1)
    run_id = await cluster.start(releases.before, 1)
    assert await cluster.suspended(run_id) == "signal check"
    report = await shop.audit(releases.before)
    assert (report.expired_leases, report.findings) == (0, [])
    await member.die()

    async def expired() -> bool:
        report = await shop.audit(releases.before)
        assert report.abandoned_leases in (0, report.expired_leases)
        return report.expired_leases == 1

    await eventually(expired)

    async def abandoned() -> bool:
        report = await shop.audit(releases.before)
        expected = "lease-abandoned" if report.abandoned_leases else "lease-expired"
        assert expected in codes(report)
        assert report.strict_ok is (report.abandoned_leases == 0)
        assert await shop.found(told(report, expected).where) == {run_id}
        return report.abandoned_leases == 1

    await eventually(abandoned)
    await cluster.join(releases.before, look=0.05)

    async def taken_over() -> bool:
        report = await shop.audit(releases.before)
        return report.expired_leases == 0 and report.strict_ok

    await eventually(taken_over)


@pytest.mark.drifts
async def test_a_run_that_would_drift_is_found_before_the_roll_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no hash can see, the replay of the runs before a patch does; strict says no."""
    async with shop.release(releases.opaque_patch):
        run_id = await shop.start(releases.opaque_patch, 1, waits="signal go")
    assert (await shop.audit(releases.opaque_patch)).strict_ok
    monkeypatch.setitem(releases.SETTINGS, "limit", 9)
    report = await shop.audit(releases.opaque_patch)
    assert (report.strict_ok, codes(report)["replay-drift"]) == (False, "error")
    finding = told(report, "replay-drift")
    assert await shop.found(finding.where) == {run_id}
    assert str(run_id) in finding.message
    assert "activity_scheduled tests.audit.releases:cheap" in finding.message
    assert report.replay is not None
    assert (report.replay.drift, site(report, "later").split.undetermined) == (1, 1)


@pytest.mark.drifts
async def test_drifted_runs_are_reported(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that no hash can see parks the run; the audit says so, and that it may not end."""
    async with shop.release(releases.opaque_steps):
        run_id = await shop.start(releases.opaque_steps, 1, waits="signal go")
    monkeypatch.setitem(releases.SETTINGS, "limit", 9)
    async with shop.release(releases.opaque_steps):
        await shop.client.signal(run_id, "go")
        await shop.waiting([run_id], "blocked: drift")
        report = await shop.audit(releases.opaque_steps)
    assert (report.blocked_runs, codes(report)["runs-drifted"]) == (1, "warning")
    assert await shop.found(told(report, "runs-drifted").where) == {run_id}
    drain = await shop.client.drain_forecast(releases.opaque_steps.version_hash)
    assert (drain.forecast.runs, drain.forecast.endless) == (1, 1)


async def test_values_that_other_types_restore_are_a_finding(shop: Shop) -> None:
    """The hash is the same, an activity's result is not: before the roll-out and after it."""
    old, new = releases.priced("int"), releases.priced("str")
    assert old.version_hash == new.version_hash
    async with shop.release(old):
        await shop.start(old, 1, waits="signal go")
    assert "codec-changed" not in codes(await shop.audit(old))
    report = await shop.audit(new)
    assert (codes(report)["codec-changed"], report.strict_ok) == ("warning", True)
    [finding] = [each for each in report.findings if each.code == "codec-changed"]
    assert "activity price result int, now str" in finding.message
    assert "the audited code" in finding.message
    async with shop.release(new):
        await shop.start(new, 2, waits="signal go")
        report = await shop.audit(new)
        [finding] = [each for each in report.findings if each.code == "codec-changed"]
        assert "code since" in finding.message
        assert finding == (await shop.audit()).findings[0]
        old_run, _ = (await shop.client.query("workflow = 'priced' order by started_at")).entries
        await shop.client.cancel(old_run.id, force=True)
        assert codes(await shop.audit(new)) == {}
