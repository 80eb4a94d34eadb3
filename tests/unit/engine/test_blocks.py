"""TaskGroup and timeout in a run: cancellations are counted alike on every Python."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

import continuum
from continuum import ActivityFailed, workflow
from tests.pythons import ask, every_python
from tests.unit.engine.counting import CASES
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b, undo

SCRIPT = Path(__file__).with_name("counting.py")
IN_RUNS = {
    "a_failed_group_leaves_no_trace": ["cancelled 0 times"],
    "a_timeout_after_a_failed_group": ["late"],
    "a_group_fails_in_the_clean_up_of_a_timeout": ["late", "cancelled 0 times"],
    "a_group_fails_because_of_a_timeout": ["handled", "late", "cancelled 0 times"],
    "a_failure_goes_out_through_a_timeout": [
        "a0", "b0", "a1", "b1", "failed", "TimeoutError", "a2", "b2", "cancelled 0 times",
        "a3", "b3",
    ],
    "a_block_that_is_late_but_returns": ["cancelled 1 times"],
    "a_task_returns_before_it_is_late": ["returned"],
    "a_clean_up_in_which_a_group_fails": ["a step failed", "cleaned up", "cancelled"],
    "a_timeout_in_a_clean_up_in_which_a_group_fails": ["late", "cleaned up", "cancelled"],
    "a_cancelled_task_whose_group_fails": ["handled", "cancelled"],
    "a_cancelled_task_whose_group_fails_and_that_returns": ["cancelled"],
    "a_cancelled_task_with_two_groups": ["handled", "cancelled"],
    "a_group_in_a_group": ["handled", "failed", "cancelled 0 times"],
}  # fmt: skip
BEFORE_3_13 = {
    "a_failed_group_leaves_no_trace": ["cancelled 1 times"],
    "a_timeout_after_a_failed_group": ["cancelled by nobody"],
    "a_group_fails_in_the_clean_up_of_a_timeout": ["cancelled by nobody", "cancelled 1 times"],
    "a_group_fails_because_of_a_timeout": ["handled", "went on", "cancelled 0 times"],
    "a_failure_goes_out_through_a_timeout": [
        "a0", "b0", "a1", "b1", "failed", "CancelledError", "a2", "b2", "cancelled 0 times",
        "a3", "b3",
    ],
    "a_timeout_in_a_clean_up_in_which_a_group_fails": ["cleaned up", "cancelled"],
    "a_cancelled_task_whose_group_fails": ["handled", "went on", "returned"],
    "a_cancelled_task_whose_group_fails_and_that_returns": ["returned"],
    "a_cancelled_task_with_two_groups": ["handled", "went on", "returned"],
    "a_group_in_a_group": ["handled", "went on", "failed", "cancelled 0 times"],
}  # fmt: skip
IN_3_13 = {"a_clean_up_in_which_a_group_fails": ["a step failed", "cancelled"]}
PLAIN = {"3.11": BEFORE_3_13, "3.12": BEFORE_3_13, "3.13": IN_3_13}
"""Where asyncio itself does otherwise."""


@pytest.mark.parametrize("name", CASES)
def test_rule_15_a_run_counts_cancellations_alike_on_every_python(name: str) -> None:
    """Every case ends as listed, live and in each replay, whatever this Python's asyncio does."""
    run = Driver(workflow(CASES[name])).start()
    for _ in range(10):
        if run.execution.end is None:
            run.advance(0.01)
    assert run.result == IN_RUNS[name]
    run.check_replays()


@pytest.mark.parametrize("python", every_python())
def test_rule_15_every_python_here_counts_cancellations_alike(python: str) -> None:
    """The same cases, in each Python of this machine."""
    assert json.loads(ask(python, SCRIPT, "run")) == IN_RUNS


@pytest.mark.parametrize("python", every_python())
def test_what_asyncio_itself_does(python: str) -> None:
    """Before 3.13 it miscounts, 3.13 disturbs clean-ups; where that is gone, this fails."""
    release = ask(python, "-c", "import sys; print('%s.%s' % sys.version_info[:2])").strip()
    plain = {**IN_RUNS, **PLAIN.get(release, IN_3_13)}
    assert json.loads(ask(python, SCRIPT, "plain")) == plain


@workflow
async def overdue() -> str:
    """Goes on after a failed group, under a time limit."""
    try:
        async with asyncio.timeout(60):
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(a())
                    group.create_task(b())
            except* ActivityFailed:
                await undo()
            return await a(2)
    except TimeoutError:
        await undo(2)
    return "late"


def test_rule_15_the_commands_are_those_of_every_python() -> None:
    """A failed group does not turn the time limit around it into a cancellation by nobody."""
    run = Driver(overdue).start().fail(2).complete(5).advance(60).complete(8)
    assert run.commands() == [
        "timer_started", "activity_scheduled a", "activity_scheduled b", "activity_cancelled 3",
        "activity_scheduled undo", "activity_scheduled a", "activity_cancelled 6",
        "activity_scheduled undo",
    ]  # fmt: skip
    assert run.result == "late"
    run.check_replays()


def test_rule_21_a_failed_group_in_clean_up_does_not_cancel_again() -> None:
    """A cancellation arrives once; Python 3.13 alone would repeat it in this clean-up."""

    @workflow
    async def flow() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(a())
            except* ActivityFailed:
                pass
            await undo()
            await undo(2)

    run = Driver(flow).start().cancel().fail(3).complete(4).complete(5)
    assert run.commands()[2:] == [
        "activity_scheduled a", "activity_scheduled undo", "activity_scheduled undo",
    ]  # fmt: skip
    assert run.execution.end is not None
    assert run.execution.end.state == "cancelled"
    run.check_replays()


def test_a_saga_is_left_by_a_task_whose_group_has_failed() -> None:
    """A task that handled a failed group counts as cancelled by nobody when the run ends."""

    @workflow
    async def flow() -> None:
        async def book() -> None:
            async with continuum.saga() as saga:
                saga.undo(undo)
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(a())
                except* ActivityFailed:
                    pass
                await b()

        booking = asyncio.ensure_future(book())
        await asyncio.sleep(10)
        assert not booking.done()

    run = Driver(flow).start().fail(2).advance(10).complete(5)
    assert run.commands()[-2:] == ["activity_cancelled 3", "activity_scheduled undo"]
    assert run.execution.end is not None
    run.check_replays()


async def test_host_loops_keep_their_own_blocks() -> None:
    """On any other loop groups and timeouts are Python's own, with a run's in the same process."""
    test_rule_15_the_commands_are_those_of_every_python()
    seen = {name: await asyncio.ensure_future(case()) for name, case in CASES.items()}
    assert seen == {**IN_RUNS, **PLAIN.get("{}.{}".format(*sys.version_info), IN_3_13)}
