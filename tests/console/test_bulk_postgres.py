"""Plans from the console over a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from console.bulk_source import ClientBulk, Selection, Stopped
from console.dialogs.plan import PlanDialog
from console.source import ClientSource, RunsQuery
from continuum import Continuum, workflow
from continuum.operators.plans import BulkPlan
from tests.console.driving import Clock, console, wait_until


@workflow
async def idle(number: int) -> int:
    """Nobody runs it: no worker is there."""
    return number


async def started(client: Continuum, count: int, namespace: str = "billing") -> list[str]:
    """Runs that stay as they are."""
    runs = await asyncio.gather(
        *(
            client.start(idle, number, namespace=namespace, attributes={"n": number})
            for number in range(count)
        )
    )
    return [str(run.id) for run in runs]


async def states(client: Continuum, ids: Sequence[str]) -> set[str]:
    """The states that these runs have."""
    page = await client.query(where=[("in", "id", list(ids))], namespace=None, limit=1000)
    return {run.state.value for run in page.entries}


async def test_cancel_by_query_with_the_typed_count(dsn: str) -> None:
    """`*`, X, y, the count, Enter, y: all that matched then, none that came later."""
    async with Continuum(dsn, operator="ann") as client:
        meant = await started(client, 150)
        others = await started(client, 3, "orders")
        source, clock = ClientSource(client), Clock()
        query = RunsQuery("billing", "attributes.n >= 0")
        async with console(source, namespace="billing", query=query, clock=clock) as ui:
            await wait_until(lambda: len(ui.runs.list.rows) == 100, "the first page")
            await ui.press("asterisk", "X")
            clock.now += 1
            await ui.press("f", "y")
            await ui.on_screen("PlanDialog")
            dialog = ui.app.screen
            assert isinstance(dialog, PlanDialog)
            await ui.shows("150 runs to force cancel")
            await ui.shows("   150  ")
            late = await started(client, 2)
            clock.now += 1
            await ui.type("150")
            await ui.press("enter")
            clock.now += 1
            await ui.press("y")
            await wait_until(lambda: dialog.phase == "done", "the end")
            assert (dialog.plan.done, dialog.plan.skipped, dialog.plan.failed) == (150, 0, 0)
        assert await states(client, meant) == {"cancelled"}
        assert "cancelled" not in await states(client, [*others, *late])
        plan = await client.get_plan(dialog.plan.id)
        assert (plan.operator, plan.act, plan.expression) == ("ann", "cancel", "attributes.n >= 0")


async def test_marked_runs_by_the_thousand(dsn: str) -> None:
    """As many as can be marked are one plan, told apart by what they are, and changed once each."""
    async with Continuum(dsn) as client:
        ids = await started(client, 1000)
        bulk = ClientBulk(client)
        page = await client.query(namespace="billing", limit=1000)
        marked = tuple(run.id for run in page.entries)
        selection = Selection("billing", "", marked)
        given = {"attributes": {"seen": True}, "unset": ["n"]}
        plan = await bulk.plan("attributes", selection, given, "spring cleaning")
        assert (plan.count, plan.matched, plan.reason) == (1000, 1000, "spring cleaning")
        groups = await bulk.groups(plan)
        assert sum(groups.of.values()) == 1000
        assert groups.exact
        assert not groups.now
        assert [run.id for run in await bulk.sample(plan)] == list(plan.sample)
        told: list[tuple[int, int]] = []

        def stop_halfway(behind: int, total: int) -> None:
            told.append((behind, total))
            if behind >= 300:
                raise Stopped

        half = await bulk.apply(plan, stop_halfway)
        assert (half.done, half.pending) == (300, 700)
        assert told == [(100, 1000), (200, 1000), (300, 1000)]
        done = await bulk.apply(plan, lambda *_: None)
        assert (done.done, done.pending) == (1000, 0)
        assert {run.outcome for run in await bulk.outcomes(plan.id)} == {"done"}
        page = await client.query("attributes.seen = true", namespace=None, limit=1000)
        assert {str(run.id) for run in page.entries} == set(ids)
        assert all(run.attributes == {"seen": True} for run in page.entries)


async def test_runs_that_have_ended_are_skipped_and_told(dsn: str) -> None:
    """Those that had when the plan was made are not of its count; those that did since are."""
    async with Continuum(dsn) as client:
        ids = await started(client, 5)
        await client.cancel(ids[0], force=True)
        bulk = ClientBulk(client)
        plan = await bulk.plan("signal", Selection("billing", "order by id"), {"name": "go"}, None)
        assert (plan.count, plan.matched) == (4, 5)
        sample = {str(run.id) for run in await bulk.sample(plan)}
        assert sample == set(ids[1:])
        groups = await bulk.groups(plan)
        assert sum(groups.of.values()) == 4
        assert {state for _, _, state in groups.of} <= {"running", "suspended"}
        await client.cancel(ids[1], force=True)
        done = await bulk.apply(plan, lambda *_: None)
        assert (done.done, done.skipped) == (3, 2)
        details = {str(run.run_id): run.detail for run in await bulk.outcomes(plan.id)}
        assert details[ids[0]] == "already cancelled"
        assert "cancelled" in (details[ids[1]] or "")


async def test_a_plan_for_nothing(dsn: str) -> None:
    """Nothing matches: there is nothing to count and nothing to look at."""
    async with Continuum(dsn) as client:
        bulk = ClientBulk(client)
        plan = await bulk.plan("cancel", Selection("nowhere", "stuck"), {"force": False}, None)
        assert isinstance(plan, BulkPlan)
        assert plan.count == 0
        assert not (await bulk.groups(plan)).of
        assert list(await bulk.sample(plan)) == []


async def test_attributes_of_one_run(dsn: str) -> None:
    """Set and removed in one go, with the reason in the operator journal."""
    async with Continuum(dsn, operator="ann") as client:
        [run_id] = await started(client, 1)
        run = await client.get_run(run_id)
        await ClientBulk(client).set_attributes(run.id, {"tier": 4}, ["n"], "as they asked")
        assert (await client.get_run(run_id)).attributes == {"tier": 4}
        acts = [each for each in await client.history(run_id) if each.operator == "ann"]
        assert len(acts) == 1
        assert acts[0].data["reason"] == "as they asked"
