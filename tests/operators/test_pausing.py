"""Pausing and resuming: through the client, in bulk, recorded, and on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from continuum import (
    ConfigurationError,
    Continuum,
    ReasonRequired,
    RunHandle,
    RunNotFound,
    RunTerminal,
)
from tests.cli.processes import new_shell
from tests.operators import flows
from tests.operators.conftest import Place
from tests.operators.test_plans import parked, results
from tests.worker.cluster import eventually

NOBODY = "01a20315-3d0a-71a3-972b-4747caa3612a"


async def let_go(ct: Continuum, runs: list[RunHandle[str]]) -> None:
    """Until no worker has any of them."""

    async def look() -> bool:
        return all([(await ct.get_run(run.id)).owner is None for run in runs])

    await eventually(look)


async def test_a_run_is_paused_and_resumed(place: Place) -> None:
    """It can be found, says so, and goes on with what had come; both acts are in its history."""
    runs = await parked(place, 2)
    assert await place.ann.pause(runs[0].id, reason="wait for legal")
    assert not await place.bob.pause(runs[0].id)
    await let_go(place.app, runs[:1])
    assert [run.id async for run in place.app.stream("paused")] == [runs[0].id]
    assert await place.app.count("not paused") == 1
    assert (await runs[0].get()).paused
    await runs[0].signal("go", 1)
    await runs[1].signal("go", 2)
    assert await runs[1].result(30) == "2"
    assert (await runs[0].get()).state == "suspended"
    assert await place.bob.resume(runs[0].id)
    assert not await place.bob.resume(runs[0].id)
    assert await runs[0].result(30) == "1"
    acts = [event for event in await place.app.history(runs[0].id) if event.operator]
    assert [(act.type, act.operator, act.data["outcome"]) for act in acts] == [
        ("operator_pause", "ann", "paused"),
        ("operator_pause", "bob", "repeated"),
        ("operator_resume", "bob", "resumed"),
    ]
    assert acts[0].data["reason"] == "wait for legal"


async def test_what_cannot_be_paused_is_refused(place: Place) -> None:
    """Ended, unknown, of another namespace; nothing named, too much named; no reason given."""
    [run] = await parked(place, 1)
    for call in (place.ann.pause, place.ann.resume):
        with pytest.raises(RunNotFound):
            await call(NOBODY)
        with pytest.raises(RunNotFound):
            await call(run.id, namespace="other")
        with pytest.raises(ConfigurationError, match="name what to pause"):
            await call()
        with pytest.raises(ConfigurationError, match="only one of them"):
            await call(run.id, workflow=flows.waiting)
        with pytest.raises(ConfigurationError, match="only one of them"):
            await call(queue="gpu", namespace="default")
    await place.ann.require_reasons("default")
    with pytest.raises(ReasonRequired):
        await place.ann.pause(run.id)
    with pytest.raises(ReasonRequired):
        await place.ann.pause(namespace="default")
    assert await place.ann.pauses() == []
    assert not (await run.get()).paused
    await run.cancel(force=True, reason="enough")
    for call in (place.ann.pause, place.ann.resume):
        with pytest.raises(RunTerminal):
            await call(run.id, reason="too late")


async def test_a_workflow_in_a_namespace_is_paused(place: Place) -> None:
    """Its runs there, new ones included; the same workflow elsewhere goes on."""
    here, there = await parked(place, 1, namespace="billing"), await parked(place, 1)
    scope = {"workflow": flows.waiting, "namespace": "billing"}
    assert await place.ann.pause(**scope, reason="prices change")
    assert not await place.bob.pause(**scope)
    [pause] = await place.app.pauses()
    assert (pause.namespace, pause.workflow, pause.queue) == ("billing", flows.waiting.name, None)
    assert (pause.operator, pause.reason) == ("ann", "prices change")
    await let_go(place.app, here)
    here.append(await place.app.start(flows.waiting, namespace="billing"))
    for run in (*here, *there):
        await run.signal("go", 1)
    assert await there[0].result(30) == "1"
    await let_go(place.app, here)
    assert await place.app.count("paused", namespace=None) == 2
    assert await place.bob.resume(**scope)
    assert not await place.bob.resume(**scope)
    assert [await run.result(30) for run in here] == ["1", "1"]
    entries = (await place.app.operator_journal(limit=10)).entries
    told = [(e.operator, e.act, e.outcome, dict(e.detail)) for e in entries]
    assert told[::-1] == [
        ("ann", "pause", "paused", {"workflow": flows.waiting.name}),
        ("bob", "pause", "repeated", {"workflow": flows.waiting.name}),
        ("bob", "resume", "resumed", {"workflow": flows.waiting.name}),
    ]


async def test_many_runs_are_paused_by_a_plan(place: Place) -> None:
    """Each once; what is not paused any more is left alone by the plan that resumes them."""
    runs = await parked(place, 4)
    plan = await place.ann.plan("pause", "workflow like '%waiting'", reason="a new law")
    assert (await place.ann.apply_plan(plan.id, count=4)).done == 4
    await let_go(place.app, runs)
    assert await place.app.count("paused") == 4
    plan = await place.ann.plan("resume", "paused")
    await place.bob.resume(runs[0].id)
    done = await place.ann.apply_plan(plan.id, count=4)
    assert (done.done, done.skipped) == (3, 1)
    [skipped] = [run for run in await results(place.app, plan) if run.outcome == "skipped"]
    assert (skipped.run_id, skipped.detail) == (runs[0].id, "it is not paused")
    for run in runs:
        await run.signal("go", 1)
        assert await run.result(30) == "1"


async def test_the_commands(dsn: str, tmp_path: Path) -> None:
    """Runs, conditions and scopes; exit codes; what cannot be said at once is wrong usage."""
    shell = new_shell(tmp_path, dsn)

    async def run(*words: str) -> tuple[int, str, str]:
        done = await asyncio.to_thread(shell.run, *words)
        return done.returncode, done.stdout, done.stderr

    async with Continuum(dsn) as ct:
        runs = [await ct.start(flows.waiting, namespace="billing") for _ in range(2)]
        first = str(runs[0].id)
        paused = await run("pause", first, "--reason", "legal")
        assert paused == (0, f'{{"id":"{first}","outcome":"paused"}}\n', "")
        assert (await run("pause", first))[1] == f'{{"id":"{first}","outcome":"paused before"}}\n'
        listed = await run("query", "paused", "-A", "--format", "ids")
        assert listed[1] == f"{first}\n"
        assert (await run("show", first))[1].count('"paused":true') == 1
        code, out, _ = await run("pause", "-A", "--where", "not paused", "--execute", "--yes")
        assert (code, out.count('"outcome":"paused"')) == (0, 1)
        assert (await run("plan", "resume", "-A", "--where", "paused", "--format", "json"))[0] == 0
        assert (await run("resume", first, str(runs[1].id)))[1].count('"resumed"') == 2
        assert (await run("resume", first))[1] == f'{{"id":"{first}","outcome":"not paused"}}\n'
        assert await run("pause", "--whole-namespace", "-n", "billing") == (0, "", "paused\n")
        again = await run("pause", "--whole-namespace", "-n", "billing")
        assert again == (0, "", "it was paused already\n")
        assert (await run("pause", "--queue", "gpu", "--reason", "hot"))[0] == 0
        assert (await run("pause", "--workflow", "w"))[0] == 0
        code, out, _ = await run("pauses", "--format", "csv")
        assert [line.split(",")[:3] for line in out.splitlines()[1:]] == [
            ["billing", "", ""], ["", "", "gpu"], ["", "w", ""],
        ]  # fmt: skip
        assert (await run("query", "paused", "-n", "billing", "--count"))[1].strip() == "2"
        nodes = (0, "", "3 pauses keep them from some work; see: continuum pauses\n")
        assert await run("nodes") == nodes
        assert await run("resume", "--queue", "gpu") == (0, "", "resumed\n")
        gone = await run("resume", "--queue", "gpu")
        assert gone == (1, "", "it is not paused; see: continuum pauses\n")
        for wrong in (
            ("pause",), ("pause", first, "--queue", "gpu"), ("pause", "--whole-namespace"),
            ("pause", "--queue", "gpu", "-n", "billing"), ("pause", "--queue", "gpu", "--yes"),
            ("resume", "--workflow", "w", "--where", "true"),
        ):  # fmt: skip
            code, out, err = await run(*wrong)
            assert (code, out) == (2, ""), wrong
            assert len(err.splitlines()) <= 2, wrong
