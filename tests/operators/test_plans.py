"""Plans: what is frozen, what is checked, and what becomes of each run, exactly once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from continuum import (
    BulkPlan,
    ConfigurationError,
    Continuum,
    PayloadError,
    PlanError,
    QueryError,
    ReasonRequired,
    RunHandle,
    WorkflowFailed,
)
from continuum.operators.plans import PlanRun
from tests.operators import flows
from tests.operators.conftest import Place
from tests.worker.cluster import eventually


async def parked(place: Place, count: int, **options: str) -> list[RunHandle[str]]:
    """Runs that wait for `go`."""
    runs = [await place.app.start(flows.waiting, f"r{n}", **options) for n in range(count)]

    async def all_wait() -> bool:
        waits = [run.id for run in runs]
        return await place.app.count(where=[("in", "id", waits), ("eq", "state", "suspended")],
                                     namespace=None) == count  # fmt: skip

    await eventually(all_wait)
    return runs


async def results(ct: Continuum, plan: BulkPlan) -> list[PlanRun]:
    """All runs of a plan."""
    page = await ct.plan_runs(plan.id)
    assert page.next_cursor is None
    return list(page.entries)


async def test_a_plan_names_its_runs_and_changes_none(place: Place) -> None:
    """Ids, states, count and sample are those of the moment; runs the act does not fit are told."""
    runs = await parked(place, 3)
    await place.app.signal(runs[0].id, "go", 1)
    assert await runs[0].result(30) == "1"
    expression = "workflow like '%waiting' order by started_at"
    in_order = [run.id async for run in place.app.stream(expression)]  # ties go by id
    plan = await place.ann.plan("cancel", expression, reason="cleaning up")
    late = await parked(place, 1)
    assert (plan.act, plan.count, plan.matched, plan.namespace) == ("cancel", 2, 3, "default")
    assert (plan.operator, plan.reason, plan.status) == ("ann", "cleaning up", "planned")
    assert plan.sample == tuple(in_order)
    assert set(in_order) == {run.id for run in runs}
    assert plan.expression == expression
    assert [(run.run_id, run.outcome, run.detail) for run in await results(place.app, plan)] == [
        (run_id, "skipped", "already completed")
        if run_id == runs[0].id
        else (run_id, "pending", None)
        for run_id in in_order
    ]
    for run in [*runs[1:], *late]:
        assert (await run.get()).cancelling_since is None
    found = await place.bob.get_plan(plan.id)
    assert replace(found, read_at=plan.read_at) == plan
    [entry] = (await place.app.operator_journal(plan_id=plan.id)).entries
    assert (entry.act, entry.outcome, entry.expression) == (
        "plan cancel", "2 planned", plan.expression,
    )  # fmt: skip


async def test_applying_acts_upon_each_run_once(place: Place) -> None:
    """The typed count must be the plan's; afterwards nothing is pending, and all is on record."""
    runs = await parked(place, 5)
    plan = await place.ann.plan("signal", "state = 'suspended'",
                                arguments={"name": "go", "payload": {"n": 2**40}})  # fmt: skip
    for wrong in (4, 6, 0):
        with pytest.raises(PlanError, match="acts upon 5 runs, not"):
            await place.bob.apply_plan(plan.id, count=wrong)
    assert (await place.app.get_plan(plan.id)).status == "planned"
    seen: list[tuple[int, int]] = []
    done = await place.bob.apply_plan(
        plan.id, count=5, on_progress=lambda done, total: seen.append((done, total))
    )
    assert (done.done, done.skipped, done.failed, done.pending) == (5, 0, 0, 0)
    assert (done.status, seen[-1]) == ("applied", (5, 5))
    for run in runs:
        assert await run.result(30) == str({"n": 2**40})
        [act] = (await place.app.operator_journal(run_id=run.id)).entries
        assert (act.operator, act.act, act.plan_id, act.expression) == (
            "bob", "signal", plan.id, "state = 'suspended'",
        )  # fmt: skip
    again = await place.ann.apply_plan(plan.id, count=5)
    assert again.done == 5
    assert len((await place.app.operator_journal(plan_id=plan.id, act="signal")).entries) == 5
    assert {run.detail for run in await results(place.app, plan)} == {"signalled"}


async def test_a_run_that_is_not_as_it_was_is_left_alone(place: Place) -> None:
    """Skipped with the reason: it has ended, or has another state than the expression asks for."""
    runs = await parked(place, 3)
    asked = await place.ann.plan("cancel", "state = 'suspended' order by started_at")
    any_state = await place.ann.plan("cancel", "workflow like '%waiting' order by started_at")
    await place.app.signal(runs[0].id, "go", "x")
    assert await runs[0].result(30) == "x"
    flows.broken.clear()
    for plan in (asked, any_state):
        await place.ann.apply_plan(plan.id, count=3)
        found = {run.run_id: run for run in await results(place.app, plan)}  # ties go by id
        ended = found[runs[0].id]
        assert (ended.outcome, ended.detail) == ("skipped", "already completed")
    outcomes = {run.run_id: run.outcome for run in await results(place.app, asked)}
    assert outcomes == {runs[0].id: "skipped", runs[1].id: "done", runs[2].id: "done"}
    for run in runs[1:]:
        assert (await run.get()).cancelling_since is not None or (await run.get()).state.terminal


async def test_repairs_can_be_planned(place: Place) -> None:
    """Retry and restart of what fits; what does not is told with the reason."""
    flows.broken.add("bank")
    failed = [await place.app.start(flows.asking, "bank") for _ in range(3)]
    for run in failed:
        with pytest.raises(WorkflowFailed):
            await run.result(30)
    fine = await place.app.start(flows.asking, "post")
    assert await fine.result(30) == "post"
    flows.broken.clear()
    plan = await place.ann.plan("retry", "workflow like '%asking'")
    assert (plan.count, plan.matched) == (3, 4)
    await place.ann.retry(failed[0].id)
    assert await failed[0].result(30) == "bank"
    done = await place.ann.apply_plan(plan.id, count=3)
    assert (done.done, done.skipped) == (2, 2)
    details = {run.run_id: run.detail for run in await results(place.app, plan)}
    assert details[fine.id] == "it has not failed, it is completed"
    assert details[failed[0].id] == "it has not failed, it is completed"
    assert details[failed[1].id] == "retried"
    for run in failed:
        assert await run.result(30) == "bank"
    again = await place.ann.plan("restart", "workflow like '%asking'")
    assert (await place.ann.apply_plan(again.id, count=4)).done == 4
    assert await place.app.count("workflow like '%asking'") == 8
    release = await place.ann.plan("release", "workflow like '%waiting'")
    assert (release.count, (await place.ann.apply_plan(release.id, count=0)).status) == (
        0,
        "applied",
    )


async def test_attributes_of_many_runs(place: Place) -> None:
    """Set and removed on runs in any state; one with no room for more is a failure of its own."""
    runs = await parked(place, 3)
    await place.app.set_attributes(runs[0].id, {"old": 1})
    await place.app.set_attributes(runs[1].id, {"big": "x" * 65_000})
    await place.app.cancel(runs[2].id, force=True)
    changes = {"attributes": {"note": "y" * 1000}, "unset": ["old"]}
    plan = await place.ann.plan("attributes", "workflow like '%waiting'", arguments=changes)
    done = await place.ann.apply_plan(plan.id, count=3)
    assert (done.done, done.failed) == (2, 1)
    [bad] = (await place.app.plan_runs(plan.id, "failed")).entries
    assert bad.run_id == runs[1].id
    assert "limit of 65,536" in (bad.detail or "")
    assert dict((await runs[0].get()).attributes) == {"note": "y" * 1000}
    assert "note" in (await runs[2].get()).attributes


async def test_two_who_apply_one_plan_share_it(place: Place) -> None:
    """Each run is acted upon by one of them."""
    await parked(place, 60)
    plan = await place.ann.plan("signal", "true", arguments={"name": "other"})
    await asyncio.gather(*(ct.apply_plan(plan.id, count=60) for ct in (place.ann, place.bob)))
    assert (await place.app.get_plan(plan.id)).done == 60
    acts = await place.app.operator_journal(plan_id=plan.id, act="signal", limit=1000)
    assert len({act.run_id for act in acts.entries}) == len(acts.entries) == 60


async def test_a_plan_expires(place: Place) -> None:
    """It cannot be applied after its time; nothing is done."""
    [run] = await parked(place, 1)
    plan = await place.ann.plan("cancel", "true", expires_after=timedelta(microseconds=1))

    async def expired() -> bool:
        return (await place.app.get_plan(plan.id)).status == "expired"

    await place.app.set_attributes(run.id, {"time": "passes"})
    await eventually(expired)
    with pytest.raises(PlanError, match="expired"):
        await place.ann.apply_plan(plan.id, count=1)
    assert (await run.get()).cancelling_since is None


async def test_a_plan_without_the_reason_that_is_wanted(place: Place) -> None:
    """Refused when it is made; one for all namespaces when it comes to such a run."""
    [run] = await parked(place, 1, namespace="billing")
    await place.ann.require_reasons("billing")
    with pytest.raises(ReasonRequired):
        await place.ann.plan("cancel", "true", namespace="billing")
    assert (await place.app.plans()).entries == ()
    everywhere = await place.ann.plan("cancel", "true", namespace=None)
    with pytest.raises(ReasonRequired):
        await place.ann.apply_plan(everywhere.id, count=1)
    assert (await run.get()).cancelling_since is None
    done = await place.ann.apply_plan(everywhere.id, count=1, reason="now with one")
    assert done.done == 1
    acts = await place.app.operator_journal(run_id=run.id)
    assert [act.reason for act in acts.entries] == ["now with one"]


async def test_plans_and_their_runs_come_in_pages(place: Place) -> None:
    """Newest plans first; runs in the order of the plan."""
    await parked(place, 5)
    made = [await place.ann.plan("cancel", "true", namespace=None) for _ in range(3)]
    first = await place.app.plans(limit=2)
    rest = await place.app.plans(limit=2, cursor=first.next_cursor)
    assert [plan.id for plan in (*first.entries, *rest.entries)] == [p.id for p in reversed(made)]
    assert rest.next_cursor is None
    assert (await place.app.plans(namespace="billing")).entries == ()
    walked, cursor = list[PlanRun](), None
    while True:
        page = await place.app.plan_runs(made[0].id, "pending", limit=2, cursor=cursor)
        walked += page.entries
        cursor = page.next_cursor
        if cursor is None:
            break
    assert walked == await results(place.app, made[0])
    for bad in ("x", "2026-01-01 y", f"2026-01-01 {made[0].id}"):
        with pytest.raises(QueryError, match="not a cursor"):
            await place.app.plans(cursor=bad)
    for bad in ("x", "-1", "9999999999"):
        with pytest.raises(QueryError, match="not a cursor"):
            await place.app.plan_runs(made[0].id, cursor=bad)


async def test_what_is_no_plan_is_refused(place: Place) -> None:
    """Before anything is looked up or written."""
    for act, arguments, match in (
        ("delete", {}, "cannot be planned"),
        ("cancel", {"name": "x"}, "takes no 'name'"),
        ("signal", {}, "needs arguments="),
        ("attributes", {}, "at least one"),
        ("attributes", {"attributes": {"a": 1}, "unset": ["a"]}, "set and removed"),
        ("cancel", {"force": "yes"}, "true or false"),
    ):
        with pytest.raises(ConfigurationError, match=match):
            await place.ann.plan(act, "true", arguments=arguments)  # pyright: ignore[reportArgumentType]
    with pytest.raises(PayloadError):
        await place.ann.plan("signal", "true", arguments={"name": "x", "payload": object()})
    with pytest.raises(PlanError, match="there is no plan"):
        await place.ann.apply_plan(uuid4(), count=1)
    with pytest.raises(ConfigurationError, match="no outcome"):
        await place.ann.plan_runs(uuid4(), "lost")  # pyright: ignore[reportArgumentType]
    unsaved = await place.ann.plan("cancel", "true", save=False)
    with pytest.raises(PlanError, match="there is no plan"):
        await place.ann.get_plan(unsaved.id)
    assert (await place.app.operator_journal()).entries == ()
