"""Engine conditions are not exceptions in user code; dropping runs no effect (rule 14)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
from pathlib import Path

import pytest

import continuum
from continuum import NotInWorkflow, workflow
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b, undo


def test_rule_14_drift_in_one_child_does_not_cancel_its_siblings() -> None:
    """No except block, no finally, no compensation runs because of an engine fault."""
    touched: list[str] = []

    def group_of(second: object) -> object:
        @workflow(name="group")
        async def flow() -> None:
            async def sibling() -> None:
                try:
                    await a()
                except BaseException as error:
                    touched.append(type(error).__name__)
                    await undo()
                    raise

            async def drifting() -> None:
                try:
                    await second()  # type: ignore[operator]
                except BaseException as error:
                    touched.append(type(error).__name__)
                    raise

            async with asyncio.TaskGroup() as group:
                group.create_task(sibling())
                group.create_task(drifting())

        return flow

    run = Driver(group_of(a)).start().crashed(flow=group_of(b))
    assert run.execution.drift is not None
    assert touched == []


def test_rule_14_drift_in_a_plain_call_is_inert() -> None:
    """`side_effect` cannot suspend; what it unwinds cannot act or end the run."""
    calls: list[str] = []

    @workflow(name="f")
    async def before() -> None:
        await a()

    @workflow(name="f")
    async def after() -> str:
        try:
            continuum.side_effect(lambda: calls.append("fn"))
        except BaseException:
            await b()
        return "swallowed"

    run = Driver(before).start().crashed(flow=after)
    assert "the code issued side_effect" in run.drift
    assert calls == []
    assert run.execution.end is None
    assert run.execution.collect().start == []


def test_rule_14_a_latched_run_takes_no_more_events() -> None:
    """After drift, signals, timers and results change nothing."""

    @workflow(name="f")
    async def before() -> None:
        await a()

    @workflow(name="f")
    async def after() -> None:
        await b()

    run = Driver(before).start().crashed(flow=after)
    journal = list(run.journal)
    run.recover().signal("s").cancel().advance(1000)
    assert run.journal == journal
    assert run.execution.wake_at is None


def test_rule_14_dropping_runs_finally_without_effects(tmp_path: Path) -> None:
    """A dropped coroutine's `finally` may compute; commands, files and processes are refused."""
    seen: list[str] = []

    def attempt(what: str, action: object) -> None:
        try:
            action()  # type: ignore[operator]
        except NotInWorkflow:
            seen.append(f"{what} refused")
        else:
            seen.append(what)

    @workflow
    async def flow() -> None:
        try:
            await continuum.wait_signal("never", timeout=60)
        finally:
            seen.append("pure code")
            attempt("now", continuum.now)
            attempt("random", continuum.random)
            attempt("side_effect", lambda: continuum.side_effect(lambda: 1))
            attempt("file", lambda: (tmp_path / "x").write_text("x"))
            attempt("process", lambda: subprocess.run(["true"], check=True))
            attempt("task", lambda: asyncio.create_task(a()))
            await undo()
            seen.append("went on")

    run = Driver(flow).start()
    run.execution.drop()
    assert seen == ["pure code", *(
        f"{what} refused" for what in ("now", "random", "side_effect", "file", "process", "task")
    )]  # fmt: skip
    assert run.execution.collect().entries == []
    assert not (tmp_path / "x").exists()
    (tmp_path / "x").write_text("allowed again")


def test_rule_14_code_that_resists_being_dropped_is_contained() -> None:
    """`except BaseException` around an await, in a loop, cannot keep a dropped run alive."""

    @workflow
    async def flow() -> None:
        while True:
            with contextlib.suppress(BaseException):
                await continuum.sleep(60)

    run = Driver(flow).start()
    run.execution.drop()
    assert run.commit().kinds() == ["run_started", "timer_started#1"]


def test_rule_14_tasks_are_kept_alive() -> None:
    """asyncio keeps weak references only; a collection in mid-run must not lose a task."""

    @workflow
    async def flow() -> str:
        inbox: asyncio.Queue[str] = asyncio.Queue()

        async def background() -> None:
            await inbox.put(await a())

        asyncio.create_task(background())  # noqa: RUF006 - the point of the test
        return await inbox.get()

    run = Driver(flow).start()
    gc.collect()
    assert run.complete(1, "alive").result == "alive"


def test_drop_frees_memory_without_a_collection() -> None:
    """Dropping cuts the cycles between run, loop, tasks and coroutines."""
    import weakref

    class Token:
        pass

    tokens: list[weakref.ref[Token]] = []

    @workflow
    async def flow() -> None:
        token = Token()
        tokens.append(weakref.ref(token))
        await continuum.wait_signal("never")

    run = Driver(flow).start()
    gc.disable()
    try:
        run.execution.drop()
        assert tokens[0]() is None
    finally:
        gc.enable()


def test_the_host_loop_marker_and_hooks_are_restored() -> None:
    """Stepping leaves no trace in the thread, also when the run drifts."""
    import sys

    before = sys.get_asyncgen_hooks()

    @workflow
    async def flow() -> None:
        await a()

    Driver(flow).start().complete(1, "x").execution.drop()
    assert sys.get_asyncgen_hooks() == before
    assert asyncio._get_running_loop() is None
    with pytest.raises(NotInWorkflow):
        continuum.now()
