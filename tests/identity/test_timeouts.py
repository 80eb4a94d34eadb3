"""Execution timeouts: asked to end, then ended, whatever the run or its owner does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from continuum import Continuum, WorkflowFailed
from continuum.testing import environment
from tests.cli.processes import new_shell
from tests.conformance.stage import open_stage, order_of
from tests.identity import flows

TYPE = "continuum.errors.ExecutionTimeout"


async def test_a_run_that_is_out_of_time_cleans_up_and_fails(ct: Continuum) -> None:
    """It gets one `CancelledError`; its clean-up is executed; the failure says what happened."""
    run = await ct.start(flows.tidy, 0.1, execution_timeout=0.5, timeout_grace=60)
    with pytest.raises(WorkflowFailed, match=r"execution timeout of 0\.5 s$") as caught:
        await run.result(30)
    assert caught.value.type == TYPE
    assert flows.calls == {"cleaning up": 1, "clean": 1}
    kinds = [event.type for event in await ct.history(run.id)]
    assert kinds.count("cancel_requested") == 1
    assert kinds[-1] == "run_failed"


async def test_a_clean_up_that_takes_too_long_is_cut_off(ct: Continuum) -> None:
    """After the grace it is ended by force, and nothing of it goes on."""
    run = await ct.start(flows.tidy, 86_400.0, execution_timeout=0.2, timeout_grace=4)
    with pytest.raises(WorkflowFailed, match="ended by force") as caught:
        await run.result(30)
    assert caught.value.type == TYPE
    assert flows.calls == {"cleaning up": 1}
    page = await ct.query(f"error_type = '{TYPE}'")
    assert [found.id for found in page.entries] == [run.id]


async def test_the_time_runs_over_all_incarnations() -> None:
    """`continue_as_new` does not begin it anew, and a delay comes before it."""
    async with environment(flows.ALL) as env:
        begin = env.now
        run = await env.client.start(
            flows.turning, 60.0, delay=3600, execution_timeout=timedelta(minutes=10)
        )
        with pytest.raises(WorkflowFailed, match="600 s"):
            await run.result()
        row = await run.get()
        assert row.incarnation == 11
        assert env.now - begin < timedelta(minutes=71)


async def test_one_that_ends_in_time_is_left_alone(ct: Continuum) -> None:
    """Its deadline goes with its lease."""
    run = await ct.start(flows.when, execution_timeout=1)
    await run.result(20)
    await asyncio.sleep(0.1)
    assert (await run.get()).state == "completed"


@pytest.mark.parametrize("kind", ["memory", "postgres"])
async def test_nobody_has_to_run_it(kind: str, dsn: str) -> None:
    """A run that no worker can run is asked, then ended; each is said once, and its mail goes."""
    async with open_stage(None if kind == "memory" else dsn) as stage:
        order = order_of(timeout=2.0, grace=1.0)
        plain = order_of(timeout=3600.0)
        await stage.store.orders.start_orders([order, plain])
        run_id = order.run.run_id
        nothing = await stage.store.timeouts.end_overdue(10)
        assert (list(nothing.asked), list(nothing.ended)) == ([], [])
        await stage.reach(await stage.now() + timedelta(seconds=2))
        asked = await stage.store.timeouts.end_overdue(10)
        assert (list(asked.asked), list(asked.ended)) == ([run_id], [])
        again = await stage.store.timeouts.end_overdue(10)
        assert list(again.asked) == []
        await stage.reach(await stage.now() + timedelta(seconds=0.1))
        early = await stage.store.timeouts.end_overdue(10)
        await stage.reach(await stage.now() + timedelta(seconds=1))
        late = await stage.store.timeouts.end_overdue(10)
        assert [*again.ended, *early.ended, *late.ended] == [run_id]
        row = await stage.run(run_id)
        assert row.error is not None
        assert (row.state, row.error.type) == ("failed", TYPE)
        assert await stage.journal(run_id) == [(1, "run_failed")]
        assert await stage.state(plain.run.run_id) == "running"


def test_times_on_the_command_line(dsn: str, tmp_path: Path) -> None:
    """--delay, --start-at and --execution-timeout reach the run."""
    shell = new_shell(tmp_path, dsn)
    app = ["--app", "tests.identity.flows:when"]
    later = ["--start-at", "2100-01-01T00:00:00Z", "--execution-timeout", "60"]
    started = shell.run("start", "when", *later, *app)
    shown = shell.run("show", started.stdout.strip(), "--format", "table")
    assert "start at 2100-01-01T00:00:00Z" in shown.stdout
    assert shell.run("start", "when", "--delay", "5", *app).returncode == 0
    wrong = shell.run("start", "when", "--start-at", "soon", *app)
    assert (wrong.returncode, "soon" in wrong.stderr) == (2, True)
    both = shell.run("start", "when", "--delay", "5", "--start-at", "2100-01-01", *app)
    assert both.returncode == 2
