"""Runs that have ended are started anew: same input, a new id, linked to the old one."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from continuum import Continuum, RepairRefused, RunNotFound, WorkflowFailed
from tests.cli.processes import new_shell
from tests.repair import flows

NO_RUN = "01a20315-3d0a-71a3-972b-4747caa3612a"


async def test_a_run_is_started_anew(ct: Continuum) -> None:
    """Workflow, input, namespace and attributes are the same; everything is executed again."""
    flows.reset("bank")
    run = await ct.start(flows.three_steps, "bank", namespace="billing", attributes={"plan": "pro"})
    with pytest.raises(WorkflowFailed):
        await run.result(30)
    flows.broken.clear()
    again = await ct.restart(run.id)
    assert again.id != run.id
    assert await again.result(30) == ["before bank", "bank answered", "after bank"]
    assert flows.calls["before bank"] == 2
    new, old = await again.get(), await run.get()
    assert (new.namespace, new.workflow, new.input) == (old.namespace, old.workflow, old.input)
    assert new.attributes == {"plan": "pro", "restarted_from": str(run.id)}
    assert (old.state, old.attributes) == ("failed", {"plan": "pro"})
    page = await ct.query(f"attributes.restarted_from = '{run.id}'", namespace="billing")
    assert [found.id for found in page.entries] == [again.id]


async def test_restarting_twice_is_once(ct: Continuum) -> None:
    """Repeating answers the same new run; another key starts another one."""
    run = await ct.start(flows.three_steps, "shop")
    await run.result(30)
    first = await ct.restart(run.id)
    assert (await ct.restart(run.id)).id == first.id
    other = await ct.restart(run.id, once="second")
    assert other.id not in (first.id, run.id)
    for each in (first, other):
        await each.result(30)
    assert (await ct.restart(run.id)).id == first.id
    third = await ct.restart(first.id)
    assert (await third.get()).attributes == {"restarted_from": str(first.id)}


async def test_only_runs_that_have_ended_are_restarted(ct: Continuum) -> None:
    """A live run is refused, an unknown one or one of another namespace not found."""
    live = await ct.start(flows.patient, "bank")
    with pytest.raises(RepairRefused, match="has not ended"):
        await ct.restart(live.id)
    await live.cancel(force=True)
    with pytest.raises(RunNotFound):
        await ct.restart(live.id, namespace="other")
    with pytest.raises(RunNotFound):
        await ct.restart(NO_RUN)
    assert (await ct.restart(live.id)).id != live.id


async def test_after_continue_as_new_the_last_input_counts(ct: Continuum) -> None:
    """That is the one that is kept."""
    run = await ct.start(flows.again_and_again, 2, "shop")
    await run.result(30)
    flows.reset()
    assert await (await ct.restart(run.id)).result(30) == "shop answered"
    assert flows.calls == {"round 0": 1, "shop": 1}


def test_restart_as_it_is_called(dsn: str, tmp_path: Path) -> None:
    """By id it prints the new id; by condition it shows first, and never starts a run twice."""
    shell = new_shell(tmp_path, dsn)
    with shell.worker():
        run_id = shell.answer("start", "flows:add", "--input", "1", "--app", "flows")
        assert shell.answer("result", run_id) == "2"
        done = json.loads(shell.answer("restart", run_id))
        assert done["id"] == run_id
        new_id = done["outcome"].removeprefix("restarted as ")
        assert shell.answer("result", new_id) == "2"
        where = ("restart", "--where", "attributes.restarted_from is null")
        assert json.loads(shell.answer(*where))["matches"] == 1
        done = json.loads(shell.answer(*where, "--execute", "--yes"))  # it has been restarted
        assert (done["outcome"], done["runs"]) == ("repeated", 1)
        assert shell.run("restart", NO_RUN).returncode == 1
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM continuum_runs").fetchone() == (2,)


def test_the_blocking_client_restarts(dsn: str) -> None:
    """And gives a handle of its own kind."""
    flows.reset()
    with Continuum.blocking(dsn) as ct, ct.worker([flows.three_steps]):
        run = ct.start(flows.three_steps, "shop")
        run.result(30)
        assert ct.restart(run.id).result(30)[1] == "shop answered"
