"""Failed runs go on from the activity that failed; every earlier step was executed once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from continuum import (
    Continuum,
    RepairRefused,
    RunHandle,
    RunNotFound,
    WorkflowFailed,
)
from continuum.testing import assert_replays, dump_history
from tests.repair import flows
from tests.worker.cluster import eventually

NO_RUN = "01a20315-3d0a-71a3-972b-4747caa3612a"


async def failed(run: RunHandle[Any]) -> RunHandle[Any]:
    """The run, once it has failed."""
    with pytest.raises(WorkflowFailed):
        await run.result(30)
    return run


async def kinds(ct: Continuum, run: RunHandle[Any]) -> list[str]:
    """The kinds in its journal, checked to be gapless."""
    events = await ct.history(run.id, operators=False)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [event.type for event in events]


async def test_a_failed_run_goes_on_from_its_failed_activity(ct: Continuum) -> None:
    """Same id, earlier steps once, all retries again; the journal keeps the failure and replays."""
    flows.reset("bank")
    run = await failed(await ct.start(flows.three_steps, "bank", attributes={"plan": "pro"}))
    flows.broken.clear()
    assert await ct.retry(run.id, reason="the bank is back")
    assert await run.result(30) == ["before bank", "bank answered", "after bank"]
    assert flows.calls == {"before bank": 1, "bank": 3, "after bank": 1}
    found = await kinds(ct, run)
    assert found.count("run_failed") == found.count("run_retried") == 1
    assert found[found.index("run_failed") :] == [
        "run_failed", "run_retried", "activity_started", "activity_completed",
        "activity_scheduled", "activity_completed", "run_completed",
    ]  # fmt: skip
    retried = (await ct.history(run.id, operators=False))[found.index("run_retried")]
    assert retried.data["reason"] == "the bank is back"
    snapshot = await run.get()
    assert (snapshot.state, snapshot.error, snapshot.attributes) == (
        "completed", None, {"plan": "pro"},
    )  # fmt: skip
    assert_replays(flows.three_steps, await dump_history(run))
    assert await ct.count(group_by="state") != []


async def test_a_run_that_fails_again_may_be_retried_again(ct: Continuum) -> None:
    """Each retry gives all attempts again and annuls the failure before it."""
    flows.reset("bank")
    run = await failed(await ct.start(flows.three_steps, "bank"))
    for calls in (4, 6):
        assert await ct.retry(run.id)
        await failed(run)
        assert flows.calls["bank"] == calls
    flows.broken.clear()
    await ct.retry(run.id)
    assert (await run.result(30))[1] == "bank answered"
    assert flows.calls["before bank"] == 1
    assert (await kinds(ct, run)).count("run_retried") == 3
    assert_replays(flows.three_steps, await dump_history(run))


async def test_what_was_under_way_beside_it_goes_on_too(ct: Continuum) -> None:
    """What the failure stopped is tried again, as after a crash."""
    flows.reset("bank", "beside bank")
    run = await ct.start(flows.beside, "bank")
    await eventually(lambda: flows.calls["beside bank"])
    await run.signal("begun")
    await failed(run)
    flows.broken.clear()
    await ct.retry(run.id)
    assert await run.result(30) == ["beside bank", "bank answered"]
    assert flows.calls == {"beside bank": 2, "bank": 2}
    assert_replays(flows.beside, await dump_history(run))


async def test_what_ended_after_the_failure_keeps_its_result(ct: Continuum) -> None:
    """A result that the annulled part had read is delivered again, not computed again."""
    flows.reset("bank")
    run = await failed(await ct.start(flows.gathering, "bank"))
    flows.broken.clear()
    await ct.retry(run.id)
    assert await run.result(30) == ["bank answered", "thread bank"]
    assert flows.calls == {"thread bank": 1, "bank": 2}
    assert_replays(flows.gathering, await dump_history(run))


async def test_an_activity_of_a_queue_is_queued_again(ct: Continuum) -> None:
    """Its task went with the failed run; the retry makes a new one."""
    flows.reset("bank")
    run = await failed(await ct.start(flows.queueing, "bank"))
    flows.broken.clear()
    await ct.retry(run.id)
    assert await run.result(30) == ["bank answered", "after bank"]
    assert flows.calls == {"bank": 3, "after bank": 1}
    assert_replays(flows.queueing, await dump_history(run))


async def test_signals_that_came_after_the_failure_are_delivered_again(ct: Continuum) -> None:
    """A signal that the annulled part had read is not lost."""
    flows.reset("bank")
    run = await ct.start(flows.waiting_after, "bank")
    await eventually(lambda: flows.calls["bank"])
    await run.signal("verdict", "granted")
    await failed(run)
    flows.broken.clear()
    await ct.retry(run.id)
    assert await run.result(30) == "bank answered granted"
    assert_replays(flows.waiting_after, await dump_history(run))


async def test_a_later_incarnation_is_retried_in_itself(ct: Continuum) -> None:
    """Earlier incarnations are closed and stay so."""
    flows.reset("bank")
    run = await failed(await ct.start(flows.again_and_again, 2, "bank"))
    flows.broken.clear()
    await ct.retry(run.id)
    assert await run.result(30) == "bank answered"
    assert flows.calls == {"round 2": 1, "round 1": 1, "round 0": 1, "bank": 3}


async def test_a_key_makes_repeated_retries_count_once(ct: Continuum) -> None:
    """With the same key a run that failed again is not tried twice; with another one it is."""
    flows.reset("bank")
    run = await failed(await ct.start(flows.three_steps, "bank"))
    assert await ct.retry(run.id, once="incident 7")
    await failed(run)
    assert not await ct.retry(run.id, once="incident 7")
    assert (await run.get()).state == "failed"
    assert await ct.retry(run.id, once="incident 8")
    await failed(run)
    assert flows.calls["bank"] == 6


async def test_simultaneous_retries_are_one(ct: Continuum) -> None:
    """Ten operators at once: one retry, nine refusals."""
    flows.reset("bank")
    run = await failed(await ct.start(flows.three_steps, "bank"))
    flows.broken.clear()
    answers = await asyncio.gather(*(ct.retry(run.id) for _ in range(10)), return_exceptions=True)
    assert answers.count(True) == 1
    assert sum(isinstance(answer, RepairRefused) for answer in answers) == 9
    assert (await run.result(30))[2] == "after bank"
    assert flows.calls["bank"] == 3


@pytest.mark.parametrize(
    ("flow", "argument", "reason"),
    [
        (flows.raising, "x", "no activity failed; the workflow itself raised"),
        (flows.careless, "bank", "did more that others have seen"),
        (flows.compensating, "bank", "did more that others have seen"),
        (flows.parent, "bank", "failed, not an activity of its own"),
    ],
)
async def test_what_cannot_be_retried_is_refused(
    ct: Continuum, flow: Any, argument: str, reason: str
) -> None:
    """The run stays as it is, and the error says why."""
    flows.reset("bank")
    run = await failed(await ct.start(flow, argument))
    before = await ct.history(run.id)
    with pytest.raises(RepairRefused, match=reason):
        await ct.retry(run.id)
    assert (await run.get()).state == "failed"
    assert await ct.history(run.id) == before


async def test_a_child_whose_parent_goes_on_is_refused(ct: Continuum) -> None:
    """The parent knows of the failure; once it has ended, its child may be retried for itself."""
    flows.reset("bank")
    run = await ct.start(flows.patient, "bank")
    child_id = await eventually(lambda: _child(ct, run))
    with pytest.raises(WorkflowFailed):
        await ct.result(child_id, 30)
    with pytest.raises(RepairRefused, match="its parent goes on"):
        await ct.retry(child_id)
    await run.signal("go", "on")
    assert await run.result(30) == "on"
    flows.broken.clear()
    await ct.retry(child_id)
    assert (await ct.result(child_id, 30))[1] == "bank answered"


async def _child(ct: Continuum, run: RunHandle[Any]) -> Any:
    page = await ct.query(f"parent_id = '{run.id}'")
    return page.entries[0].id if page.entries else None


async def test_only_failed_runs_are_retried(ct: Continuum) -> None:
    """Live, completed and cancelled runs, unknown ones, and those of another namespace."""
    live = await ct.start(flows.waiting_after, "bank")
    with pytest.raises(RepairRefused, match="has not failed"):
        await ct.retry(live.id)
    await live.cancel(force=True)
    with pytest.raises(RepairRefused, match="it is cancelled"):
        await ct.retry(live.id)
    done = await ct.start(flows.three_steps, "shop")
    await done.result(30)
    with pytest.raises(RepairRefused, match="it is completed"):
        await ct.retry(done.id)
    with pytest.raises(RunNotFound):
        await ct.retry(NO_RUN)
    flows.reset("bank")
    run = await failed(await ct.start(flows.three_steps, "bank"))
    with pytest.raises(RunNotFound):
        await ct.retry(run.id, namespace="other")
