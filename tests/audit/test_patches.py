"""Patches in the audit: needed, safe to remove, removed too early; with real runs."""

from __future__ import annotations

from dataclasses import astuple

from continuum.audit.report import Split
from tests.audit import releases
from tests.audit.conftest import Shop, codes, site, told, unknown
from tests.worker.cluster import eventually


async def test_a_patch_is_in_use_until_no_live_run_needs_the_code_before_it(shop: Shop) -> None:
    """Each kind of run is counted by its hash; the verdict changes with the last one that needs."""
    async with shop.release(releases.before):
        runs = [await shop.start(releases.before, n, waits="signal check") for n in range(4)]
        await shop.move(runs[:1], "check", "signal end")
    preflight = await shop.audit(releases.between)
    assert (preflight.strict_ok, site(preflight, "thorough").first_seen_at) == (True, None)
    assert site(preflight, "thorough").split == Split(
        took_new=0, old_or_not_reached=4, cannot_reach=0,
        took_old=1, not_reached=3, undetermined=0,
    )  # fmt: skip
    assert preflight.replay is not None
    assert (preflight.replay.runs, preflight.replay.same) == (4, 4)
    assert codes(preflight) == {"patch-in-use": "info", "version-not-served": "info"}
    assert await shop.found(site(preflight, "thorough").where) == set(runs)

    async with shop.release(releases.between):
        await shop.move(runs[1:3], "check", "signal end")
        report = await shop.audit(releases.between)
        patch = site(report, "thorough")
        assert (patch.verdict, patch.proof, report.strict_ok) == ("still-in-use", "proved", True)
        assert patch.split == Split(2, 2, 0, took_old=1, not_reached=1, undetermined=0)
        assert await shop.found(patch.where) == {runs[0], runs[3]}
        assert told(report, "patch-in-use").where == patch.where
        quick = await shop.client.audit([releases.between], split=0)
        assert site(quick, "thorough").split == Split(2, 2, 0)
        assert quick.replay is None
        some = await shop.client.audit([releases.between], split=1)
        assert site(some, "thorough").split == Split(
            2, 2, 0, took_old=1, not_reached=0, undetermined=1
        )
        assert (patch.forecast.endless, patch.forecast.done_at) == (2, None)
        assert {run.run_id for run in patch.forecast.examples} == {runs[0], runs[3]}
        new, old = report.workflows
        assert (new.version_hash, new.live_runs, new.taken) == (
            releases.after.version_hash, 2, ("thorough",),
        )  # fmt: skip
        assert (old.version_hash, old.live_runs, old.taken) == (
            releases.before.version_hash, 2, (),
        )  # fmt: skip
        assert patch.first_seen_at == new.first_seen_at
        assert len(new.nodes) == len(old.nodes) == 1
        assert all(each.loaded and each.last_started_at is not None for each in (new, old))

        await shop.finish(runs[:1], "end")
        await shop.move(runs[3:], "check", "signal end")
        report = await shop.audit(releases.between)
        patch = site(report, "thorough")
        assert (patch.verdict, report.strict_ok) == ("safe-to-remove", False)
        assert patch.split == Split(took_new=3, old_or_not_reached=0, cannot_reach=0)
        assert codes(report) == {"patch-safe-to-remove": "warning"}
        assert (await shop.audit(releases.after)).strict_ok
        assert (await shop.audit()).strict_ok

    async with shop.release(releases.after):
        await shop.finish(runs[1:], "end")


async def test_a_patch_that_is_removed_too_early_is_an_error(shop: Shop) -> None:
    """Code without the patch cannot run what needs its old branch; the finding names the place."""
    async with shop.release(releases.between):
        run_id = await shop.start(releases.between, 1, waits="signal check")
    report = await shop.audit(releases.after)
    assert (codes(report), report.strict_ok) == ({"patch-gone": "error"}, False)
    lost = unknown(report)
    [place] = lost.lost_patches
    assert (place.name, place.file) == ("thorough", "tests/audit/releases.py")
    assert (lost.live_runs, list(lost.sample_run_ids)) == (1, [run_id])
    assert "the old branch of patch thorough" in report.findings[0].message
    assert f"{place.file}:{place.line}" in report.findings[0].message


async def test_a_roll_back_that_loses_a_patch_is_an_error(shop: Shop) -> None:
    """Code from before the patch cannot run what took its new branch."""
    async with shop.release(releases.between):
        run_id = await shop.start(releases.between, 1, waits="signal check")
        await shop.move([run_id], "check", "signal end")
    report = await shop.audit(releases.before)
    assert codes(report) == {"patch-gone": "error"}
    assert "the new branch of patch thorough" in report.findings[0].message
    assert list(unknown(report).taken) == ["thorough"]


async def test_a_run_whose_code_lacks_the_site_can_no_longer_reach_it(shop: Shop) -> None:
    """A patch behind the end of another's branch does not concern who took that branch."""
    async with shop.release(releases.exclusive):
        await shop.start(releases.exclusive, 1, waits="signal go")
    report = await shop.audit(releases.exclusive)
    assert astuple(site(report, "small").split)[:3] == (0, 0, 1)
    assert astuple(site(report, "all-new").split)[:3] == (1, 0, 0)
    assert site(report, "small").verdict == "safe-to-remove"


async def test_opaque_references_limit_the_proof(shop: Shop) -> None:
    """Code that reads a dict is proved only except for it, and the report says where it does."""
    async with shop.release(releases.opaque):
        await shop.start(releases.opaque, 1, waits="signal go")
    report = await shop.audit(releases.opaque)
    patch = site(report, "limit")
    assert (patch.verdict, patch.proof) == (
        "safe-to-remove", "proved except for 1 opaque reference",
    )  # fmt: skip
    [reference] = report.workflows[0].opaque
    assert (reference.file, "dict" in reference.name) == ("tests/audit/releases.py", True)
    assert patch.proof in report.findings[0].message


async def test_code_beside_it_can_stand_in_for_the_old_branch(shop: Shop) -> None:
    """With the code before the patch loaded as a version of its own, the patch is not needed."""
    async with shop.release(releases.between):
        await shop.start(releases.between, 1, waits="signal check")
    beside = await shop.audit(releases.before, releases.between)
    assert site(beside, "thorough").verdict == "safe-to-remove"
    newer = await shop.audit(releases.between, releases.after)
    assert site(newer, "thorough").verdict == "still-in-use"
    assert not newer.unknown_versions


async def test_a_patch_is_retired_under_steady_traffic(shop: Shop) -> None:
    """With the code after it loaded beside it, new runs need it no more, and old ones run out."""
    async with shop.release(releases.between):
        old = [await shop.start(releases.between, n, waits="signal check") for n in range(2)]
    both = releases.between, releases.after
    async with shop.release(*both):
        await shop.waiting(old, "signal check")
        new = await shop.start(releases.after, 2, waits="signal check")
        assert (await shop.client.get_run(new)).version == releases.after.version
        assert site(await shop.audit(*both), "thorough").split.old_or_not_reached == 2
        await shop.move(old[:1], "check", "signal end")
        await shop.client.cancel(old[1], force=True)
        report = await shop.audit(*both)
        assert site(report, "thorough").verdict == "safe-to-remove"
        assert (await shop.audit(releases.after)).strict_ok
    async with shop.release(releases.after):
        await shop.move([new], "check", "signal end")
        await shop.finish([new, old[0]], "end")


async def test_many_patches_are_told_apart_by_the_sets_that_exist(shop: Shop) -> None:
    """With more patches than all sets of them are tried, a run still needs only what it needs."""
    flow = releases.many
    async with shop.release(flow):
        run_id = await shop.start(flow, 6, waits="signal next")
        report = await shop.audit(flow)
        assert {site(report, f"p{n}").split.old_or_not_reached for n in range(6)} == {1}
        await shop.client.signal(run_id, "next")

        async def stamped() -> bool:
            run = await shop.client.get_run(run_id)
            return run.version_hash == flow.code.hash(["p0"])

        await eventually(stamped)
        report = await shop.audit(flow)
    assert not report.unknown_versions
    assert site(report, "p0").split == Split(1, 0, 0, took_old=0, not_reached=0, undetermined=0)
    assert site(report, "p1").split == Split(0, 1, 0, took_old=0, not_reached=1, undetermined=0)
