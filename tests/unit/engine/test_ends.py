"""How runs end, what the loop refuses, what is logged and shown."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import pytest

import continuum
from continuum import workflow
from continuum.journal.events import Event, EventKind, Failure, RunFailed
from continuum.journal.turn import RunEnd
from continuum.model import RunState
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, retried


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_an_escaping_error_fails_the_run(error: BaseException) -> None:
    """Also KeyboardInterrupt and SystemExit: they end the run, never the worker."""

    @workflow
    async def flow() -> None:
        await a()
        raise error

    run = Driver(flow).start().complete(1, "")
    assert run.execution.end is not None
    assert run.execution.end.state is RunState.FAILED
    assert run.error.type == type(error).__name__
    run.check_replays()


def test_an_unstorable_result_fails_the_run() -> None:
    """Nothing is lost silently: the run fails with the path of the value."""

    @workflow
    async def flow() -> Any:
        return {"when": object()}

    run = Driver(flow).start()
    assert run.error.type == "continuum.errors.PayloadError"
    run.check_replays()


REFUSED = {
    "run_in_executor": lambda loop: loop.run_in_executor(None, print),
    "create_connection": lambda loop: loop.create_connection(asyncio.Protocol, "localhost", 1),
    "sock_recv": lambda loop: loop.sock_recv(None, 1),
    "add_reader": lambda loop: loop.add_reader(0, print),
    "subprocess_exec": lambda loop: loop.subprocess_exec(asyncio.SubprocessProtocol, "true"),
    "getaddrinfo": lambda loop: loop.getaddrinfo("localhost", 1),
    "stop": lambda loop: loop.stop(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_real_io_is_refused(name: str) -> None:
    """The error names the call and says where it belongs."""

    @workflow
    async def flow() -> str:
        try:
            REFUSED[name](asyncio.get_running_loop())
        except continuum.NonDeterminismError as error:
            return str(error)
        return "allowed"

    result = Driver(flow).start().result
    assert name in result
    assert "move it into an activity" in result


def test_to_thread_is_refused() -> None:
    """The usual way into a thread ends at the same refusal."""

    @workflow
    async def flow() -> None:
        await asyncio.to_thread(print)

    assert Driver(flow).start().error.type == "continuum.errors.NonDeterminismError"


def test_awaiting_a_foreign_future_is_a_clear_failure() -> None:
    """A future of the worker's loop cannot be awaited in a workflow."""
    foreign_loop = asyncio.new_event_loop()
    foreign = foreign_loop.create_future()

    @workflow
    async def flow() -> None:
        await foreign

    run = Driver(flow).start()
    foreign_loop.close()
    assert run.error.type == "continuum.errors.NonDeterminismError"
    assert "another event loop" in run.error.message


def test_the_logger_is_silent_in_replay(caplog: pytest.LogCaptureFixture) -> None:
    """A line is written once, with the run in `extra`."""
    caplog.set_level(logging.INFO)

    @workflow(name="logs")
    async def flow() -> None:
        continuum.logger.info("before")
        await a()
        continuum.logger.info("after")

    run = Driver(flow).start()
    taken = run.crashed().recover().complete(1, "")
    taken.check_replays()
    records = [r for r in caplog.records if r.name == "continuum.workflow"]
    assert [r.getMessage() for r in records] == ["before", "after"]
    assert records[0].workflow == "logs"
    assert records[0].run_id == str(run.identity.run_id)


def test_info_tells_about_the_run() -> None:
    """Facts that never change within an incarnation."""

    @workflow(name="informed", version=3)
    async def flow() -> list[Any]:
        info = continuum.info()
        return [info.workflow, info.version, info.incarnation, info.namespace]

    assert Driver(flow).start().result == ["informed", 3, 1, "default"]


def test_waiting_on_lists_waits_in_order_and_is_bounded() -> None:
    """Signals, timers and retries by command number, five of them, then a count."""

    @workflow
    async def flow() -> None:
        waits = [continuum.wait_signal(f"s{n}") for n in range(4)]
        await asyncio.gather(retried(), continuum.sleep(60), *waits, continuum.wait_signal("z"))

    run = Driver(flow).start()
    assert run.execution.waiting_on is None
    assert run.fail(1).execution.waiting_on == (
        "activity retried attempt 2 of 3, retry at 2026-11-22T10:00:10Z, "
        "timer until 2026-11-22T10:01:00Z, signal s0, signal s1, signal s2, and 2 more"
    )


def test_waiting_for_nothing_is_said() -> None:
    """A run that can never go on says so."""

    @workflow
    async def flow() -> None:
        await asyncio.Event().wait()

    text = Driver(flow).start().execution.waiting_on
    assert text is not None
    assert text.startswith("nothing")


def test_a_run_that_was_never_entered_replays_to_its_end() -> None:
    """Its journal has nothing but the end: cancelled before its time, or refused by the store."""

    @workflow
    async def flow() -> None:
        await a()

    run = Driver(flow)
    run.execution.never_start("not needed", run.now)
    run.commit()
    assert run.kinds() == ["run_cancelled"]
    again = run.crashed().execution
    assert (again.end, again.ended_as) == (run.execution.end, EventKind.RUN_CANCELLED)
    assert (again.started, again.commands, again.waiting_on) == (False, 0, None)
    failure = Failure("PayloadError", "the database refused what the run wrote")
    refused = Event(run.identity.run_id, 1, 1, EventKind.RUN_FAILED, None,
                    msgspec.json.encode(RunFailed(failure)), run.now)  # fmt: skip
    run.journal = [refused]
    again = run.crashed().execution
    assert again.end == RunEnd(RunState.FAILED, error=failure)
    assert (again.started, again.drift) == (False, None)
