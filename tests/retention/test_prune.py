"""What a prune deletes and what it keeps, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from continuum import (
    ConfigurationError,
    Continuum,
    DefinitionError,
    NamespaceError,
    QueryError,
    ReasonRequired,
    RunHandle,
    RunNotFound,
    WorkflowFailed,
)
from tests.retention import flows

SHORT = flows.short.name


async def ended(ct: Continuum, word: str = "a", **options: Any) -> RunHandle[str]:
    """A run that has ended."""
    run = await ct.start(flows.short, word, **options)
    assert await run.result(30) == word
    return run


async def completed(ct: Continuum, runs: int) -> None:
    """Wait until so many have completed."""
    async with asyncio.timeout(30):
        while await ct.count("state = 'completed'") < runs:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def gone(ct: Continuum, run: RunHandle[Any]) -> bool:
    """Whether nothing is left of it."""
    try:
        await run.get()
    except RunNotFound:
        with pytest.raises(RunNotFound):
            await ct.history(run.id)
        with pytest.raises(RunNotFound):
            await ct.published(run.id)
        return True
    return False


async def prune_now(ct: Continuum, **options: Any) -> Mapping[str, int]:
    """Prune every ended run that nobody needs; what was kept, and for what."""
    report = await ct.prune(older_than=0, execute=True, rest=0, **options)
    return dict(report.kept)


async def test_a_dry_run_counts_and_writes_nothing(ct: Continuum) -> None:
    """It is the default: numbers by namespace and workflow, and everything is as it was."""
    first = await ended(ct)
    await ended(ct, "b", namespace="billing")
    events = await ct.history(first.id)
    report = await ct.prune(older_than=0, namespace=None)
    assert [(g.namespace, g.workflow, g.runs, g.kept) for g in report.groups] == [
        ("billing", SHORT, 1, {}), ("default", SHORT, 1, {}),
    ]  # fmt: skip
    assert (report.executed, report.runs, report.events) == (False, 2, 2 * len(events))
    assert report.size > 0
    assert (report.looked, report.total) == (2, 2)
    assert await ct.history(first.id) == events
    assert await ct.count(namespace=None) == 2
    assert (await ct.operator_journal()).entries == ()
    default = await ct.prune(older_than=0)
    assert [group.namespace for group in default.groups] == ["default"]


async def test_what_is_pruned_is_gone(ct: Continuum) -> None:
    """With its journal, its published values and its numbers; repeating finds nothing."""
    run, other = await ended(ct), await ended(ct, "b", namespace="billing")
    dry = await ct.prune(older_than=0)
    report = await ct.prune(older_than=0, execute=True)
    assert (report.runs, report.events, report.size) == (dry.runs, dry.events, dry.size)
    assert report.executed
    assert await gone(ct, run)
    assert not await gone(ct, other)
    assert await ct.count() == 0
    assert await ct.count(namespace=None) == 1
    again = await ct.prune(older_than=0, execute=True)
    assert (again.runs, again.groups) == (0, ())


async def test_age_counts_from_the_end(ct: Continuum) -> None:
    """A run that ended a moment ago is not an hour old."""
    run = await ended(ct)
    for age in (timedelta(hours=1), 3600.0):
        report = await ct.prune(older_than=age, execute=True)
        assert (report.runs, report.kept) == (0, {})
    assert not await gone(ct, run)


async def test_live_runs_are_not_touched(ct: Continuum) -> None:
    """Whatever their age, and they go on."""
    live = await ct.start(flows.waiting)
    assert await prune_now(ct) == {}
    await live.signal("go", "on")
    assert await live.result(30) == "on"


async def test_a_condition_chooses_among_the_ended(ct: Continuum) -> None:
    """As text and as data; one that fits live runs, too, deletes ended ones only."""
    a = await ended(ct, "a", attributes={"plan": "pro"})
    b = await ended(ct, "b", attributes={"plan": "free"})
    live = await ct.start(flows.waiting, attributes={"plan": "pro"})
    report = await ct.prune("attributes.plan = 'pro'", older_than=0, execute=True)
    assert report.runs == 1
    assert (await gone(ct, a), await gone(ct, b)) == (True, False)
    where = [("eq", ["attributes", "plan"], "free")]
    assert (await ct.prune(older_than=0, where=where, execute=True)).runs == 1
    assert (await live.get()).state in ("running", "suspended")
    assert (await ct.prune("completed_at < -1h", older_than=0)).runs == 0


async def test_a_run_with_a_live_child_is_kept(ct: Continuum) -> None:
    """Until the child has ended."""
    parent = await ct.start(flows.leaving)
    child = await parent.result(30)
    assert await prune_now(ct) == {"live child": 1}
    await ct.signal(child, "go", "x")
    await ct.result(child, 30)
    assert await prune_now(ct) == {}
    assert await gone(ct, parent)
    assert await ct.count() == 0


async def test_a_child_of_a_live_run_is_kept(ct: Continuum) -> None:
    """Its parent may ask about it."""
    parent = await ct.start(flows.patient, "x")
    await completed(ct, 1)
    assert await prune_now(ct) == {"live parent": 1}
    await parent.signal("go", "on")
    assert await parent.result(30) == "on"
    assert await prune_now(ct) == {}
    assert await ct.count() == 0


async def test_the_origin_of_a_live_run_is_kept(ct: Continuum) -> None:
    """Of a fork and of a restart, as long as they live."""
    origin = await ct.start(flows.heard, "x")
    await origin.signal("go", "first")
    await origin.result(30)
    again = await ct.restart(origin.id)
    assert await prune_now(ct) == {"live origin": 1}
    await again.signal("go", "second")
    await again.result(30)
    fork = await ct.fork(again.id, at=1)
    assert await prune_now(ct) == {"live origin": 1}
    assert (await gone(ct, origin), await gone(ct, again)) == (True, False)
    await fork.signal("go", "third")
    assert await fork.result(30) == "third"
    assert await prune_now(ct) == {}
    assert await ct.count() == 0


async def test_the_last_run_of_a_schedule_is_kept(ct: Continuum) -> None:
    """It says how the schedule does; those before it go."""
    await ct.create_schedule("nightly", flows.short, "s", every=timedelta(days=300))
    for _ in range(2):
        await ct.result(await ct.trigger_schedule("nightly"), 30)
    assert await prune_now(ct) == {"schedule": 1}
    assert await ct.count() == 1
    await ct.delete_schedule("nightly")
    assert await prune_now(ct) == {}
    assert await ct.count() == 0


async def test_a_run_that_a_plan_names_is_kept(ct: Continuum) -> None:
    """Until the plan is applied."""
    run = await ended(ct)
    plan = await ct.plan("restart", "true")
    assert await prune_now(ct) == {"plan": 1}
    await ct.apply_plan(plan.id, count=1)
    await completed(ct, 2)
    assert await prune_now(ct) == {}
    assert await gone(ct, run)


async def test_without_an_age_each_workflow_says_how_long(ct: Continuum) -> None:
    """Runs of one that declares nothing stay."""
    runs = [await ct.start(flow, "x") for flow in (flows.short, flows.kept_long, flows.kept_short)]
    for run in runs:
        await run.result(30)
    await (await ct.start(flows.nap)).result(30)
    report = await ct.prune(execute=True)
    assert [(g.workflow, g.retention, g.runs) for g in report.groups] == [
        (flows.kept_short.name, 0.001, 1)
    ]
    assert [await gone(ct, run) for run in runs] == [False, False, True]


async def test_an_age_does_not_overrule_a_longer_retention(ct: Continuum) -> None:
    """Unless it is told to."""
    run = await ct.start(flows.kept_long, "x")
    await run.result(30)
    assert await prune_now(ct) == {"retention": 1}
    report = await ct.prune(older_than=0)
    [group] = report.groups
    assert (group.retention, group.runs) == (365 * 86400.0, 0)
    assert await prune_now(ct, ignore_retention=True) == {}
    assert await gone(ct, run)


async def test_a_result_of_a_key_outlives_its_run(ct: Continuum) -> None:
    """It answers calls with the key when the run is gone, and is forgotten at its own time."""
    run = await ct.start(flows.keyed, "pay")
    await run.result(30)
    assert (await ct.prune(older_than=0, keep_results=0, execute=True)).results == 1
    run = await ct.start(flows.keyed, "pay")
    await run.result(30)
    assert flows.calls["pay"] == 2
    assert (await ct.prune(older_than=timedelta(days=1), keep_results=0)).results == 0
    assert (await ct.prune(older_than=0, execute=True)).results == 0
    run = await ct.start(flows.keyed, "pay")
    assert await run.result(30) == "pay"
    assert flows.calls["pay"] == 2
    await prune_now(ct)
    dry = await ct.prune(older_than=0, keep_results=0)
    assert (dry.results, (await ct.prune("true", older_than=0, keep_results=0)).results) == (1, 0)
    assert (await ct.prune(older_than=0, namespace="other", keep_results=0)).results == 0


async def test_delivery_ids_have_a_time_of_their_own(ct: Continuum) -> None:
    """Those of live runs stay; those of ended ones may go before the run does."""
    run, live = [await ct.start(flows.heard, key) for key in ("a", "b")]
    await run.signal("go", "x", delivery_id="d1")
    await live.signal("other", "x", delivery_id="d1")
    await run.result(30)
    day = timedelta(days=1)
    assert (await ct.prune(older_than=day, execute=True)).deliveries == 0
    assert (await ct.prune(older_than=day, keep_deliveries=0)).deliveries == 1
    report = await ct.prune(older_than=day, keep_deliveries=0, execute=True)
    assert (report.deliveries, report.runs) == (1, 0)
    assert (await ct.prune(older_than=day, keep_deliveries=0, execute=True)).deliveries == 0
    assert not await gone(ct, run)


async def test_a_key_of_a_retry_is_not_a_delivery_id(ct: Continuum) -> None:
    """A repeated retry counts once, however late."""
    flows.reset("bank")
    run = await ct.start(flows.short, "bank")
    for _ in range(2):
        with pytest.raises(WorkflowFailed):
            await run.result(30)
        await ct.retry(run.id, once="k")
    await ct.prune(older_than=timedelta(days=1), keep_deliveries=0, execute=True)
    assert not await ct.retry(run.id, once="k")


async def test_idempotency_keys_of_starts_go_with_their_runs(ct: Continuum) -> None:
    """A later start with the key is another run; so is one with a business key."""
    first = await ended(ct, "a", idempotency_key="once", key="order-1")
    await prune_now(ct)
    second = await ended(ct, "a", idempotency_key="once", key="order-1")
    assert second.new
    assert second.id != first.id


async def test_prunes_are_in_the_operator_journal(ct: Continuum) -> None:
    """That it began, with the first deletion, and what came of it; by namespace, with a reason."""
    await ended(ct)
    await ended(ct, "b", namespace="billing")
    await ct.prune("true", older_than=0, namespace=None, execute=True, reason="tidy up")
    acts = list(reversed((await ct.operator_journal()).entries))
    assert [(a.act, a.namespace, a.outcome, a.reason) for a in acts] == [
        ("prune", "billing", "began", "tidy up"),
        ("prune", "billing", f"1 runs of {SHORT} deleted", "tidy up"),
        ("prune", "default", "began", "tidy up"),
        ("prune", "default", f"1 runs of {SHORT} deleted", "tidy up"),
    ]
    assert acts[0].expression == "true"
    assert acts[0].detail == {"older_than": 0.0, "workflow": SHORT}


async def test_a_namespace_may_want_a_reason(ct: Continuum) -> None:
    """Without one nothing of it is deleted."""
    run = await ended(ct)
    await ct.require_reasons("default")
    with pytest.raises(ReasonRequired):
        await ct.prune(older_than=0, execute=True)
    assert not await gone(ct, run)
    assert (await ct.prune(older_than=0)).runs == 1
    assert await prune_now(ct, reason="asked for") == {}
    assert await gone(ct, run)


@pytest.mark.parametrize(
    "age", [-1, float("nan"), timedelta(days=-1), timedelta(days=40_000), "30d"]
)
async def test_bad_durations_are_refused(ct: Continuum, age: Any) -> None:
    """Before anything is looked at, each by its name."""
    for name in ("older_than", "keep_results", "keep_deliveries"):
        options: dict[str, Any] = {"older_than": 0, "execute": True} | {name: age}
        with pytest.raises(DefinitionError, match=name):
            await ct.prune(**options)


async def test_bad_input_is_refused(ct: Continuum) -> None:
    """A condition, a namespace, an order, and options that exclude each other."""
    run = await ended(ct)
    for wrong, error in (
        ({"expression": "stat = 'x'"}, QueryError),
        ({"expression": "true order by started_at"}, QueryError),
        ({"where": [("eq", "nothing", 1)]}, QueryError),
        ({"namespace": ""}, NamespaceError),
        ({"rest": -1}, ConfigurationError),
        ({"rest": float("inf")}, ConfigurationError),
    ):
        options: dict[str, Any] = {"older_than": 0, "execute": True} | wrong
        with pytest.raises(error):
            await ct.prune(**options)
    with pytest.raises(ConfigurationError, match="ignore_retention"):
        await ct.prune(ignore_retention=True, execute=True)
    assert not await gone(ct, run)
