"""@activity: options, calls inside and outside a workflow, wrong declarations."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from continuum.declare.activity import Activity, activity
from continuum.declare.retry import Retry
from continuum.errors import DefinitionError, PayloadError


@activity
async def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


@activity(name="shop:thread", retry=Retry(max_attempts=3), timeout=timedelta(seconds=30))
def thread_name(prefix: str = "in ") -> str:
    """Where a sync activity runs."""
    return prefix + threading.current_thread().name


class FakeRun:
    """Records what a workflow's activity call asks of its run."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes]] = []

    def schedule_activity(self, activity: Activity[Any, Any], args: bytes) -> Awaitable[Any]:
        self.calls.append((activity.name, args))
        return asyncio.sleep(0, result="from the run")


class WorkflowLoop(asyncio.SelectorEventLoop):
    """A loop that says, as a run's own loop does, which run it belongs to."""

    continuum_run: FakeRun


def test_defaults() -> None:
    """A bare decorator gives one attempt, no limits, and the module's name."""
    assert double.name == f"{__name__}:double"
    assert double.is_async
    assert (double.retry, double.timeout, double.heartbeat_timeout) == (Retry(), None, None)
    assert (double.queue, double.priority, double.idempotency_key) == (None, 0, None)
    assert (double.on_crash, double.max_crashes) == ("retry", 10)
    assert double.source.startswith("tests/unit/declare/test_activity.py:")
    assert double.fn.__name__ == double.__name__ == "double"


def test_options_of_the_decorator() -> None:
    """Durations are stored in seconds."""
    assert thread_name.name == "shop:thread"
    assert thread_name.timeout == 30.0
    assert thread_name.retry.max_attempts == 3
    assert not thread_name.is_async


async def test_outside_a_workflow_it_is_its_function() -> None:
    """An async one is its coroutine; a sync one is awaitable and runs in a thread."""
    assert await double(4) == 8
    assert await thread_name() != "in " + threading.current_thread().name
    assert thread_name.fn("x ").startswith("x MainThread")


def test_inside_a_workflow_it_is_scheduled() -> None:
    """The run gets the activity and its encoded arguments; the function is not called."""
    run = FakeRun()
    loop = WorkflowLoop()
    loop.continuum_run = run

    async def flow() -> list[Any]:
        return [await double(3), await thread_name(prefix="p"), await thread_name()]

    try:
        assert loop.run_until_complete(flow()) == ["from the run"] * 3
    finally:
        loop.close()
    assert run.calls == [
        (double.name, b"[3]"), ("shop:thread", b'["p"]'), ("shop:thread", b'["in "]'),
    ]  # fmt: skip


def test_wrong_arguments_inside_a_workflow_schedule_nothing() -> None:
    """The error comes before any command."""
    run = FakeRun()
    loop = WorkflowLoop()
    loop.continuum_run = run

    async def flow() -> None:
        await double(math.nan)  # type: ignore[arg-type]

    try:
        with pytest.raises(PayloadError, match="argument number: nan has no JSON form"):
            loop.run_until_complete(flow())
    finally:
        loop.close()
    assert run.calls == []


def test_options_give_a_copy() -> None:
    """Call-site options change that call's activity only, and None removes a limit."""
    changed = thread_name.options(timeout=None, queue="slow", priority=5, idempotency_key="k")
    assert (changed.timeout, changed.queue, changed.priority) == (None, "slow", 5)
    assert changed.idempotency_key == "k"
    assert (changed.name, changed.fn, changed.retry) == (
        thread_name.name, thread_name.fn, thread_name.retry,
    )  # fmt: skip
    assert (thread_name.timeout, thread_name.queue, thread_name.priority) == (30.0, None, 0)


WRONG_OPTIONS = [
    {"timeout": 0}, {"timeout": -1}, {"timeout": True}, {"timeout": math.nan},
    {"timeout": math.inf}, {"timeout": timedelta(0)}, {"timeout": "30s"},
    {"heartbeat_timeout": -1}, {"retry": 3}, {"retry": None}, {"queue": ""}, {"queue": "a\0"},
    {"queue": 3}, {"queue": "x" * 300}, {"priority": 1.5}, {"priority": True},
    {"priority": 1001}, {"idempotency_key": ""}, {"idempotency_key": 7}, {"on_crash": "ignore"},
    {"on_crash": None},
]  # fmt: skip


@pytest.mark.parametrize("options", WRONG_OPTIONS)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    """By the decorator with file and line, by options() with the activity's name."""
    (name,) = options
    with pytest.raises(DefinitionError, match=rf"test_activity\.py:\d+: {name}"):

        @activity(**options)
        async def wrong() -> None: ...

    with pytest.raises(DefinitionError, match=rf"options of .*:double: {name}"):
        double.options(**options)


@pytest.mark.parametrize("name", ["", "a\nb", 3, "x" * 256])
def test_wrong_names_are_refused(name: Any) -> None:
    """A name is printable text of bounded length."""
    with pytest.raises(DefinitionError, match="printable characters"):

        @activity(name=name)
        async def wrong() -> None: ...


def test_what_is_no_plain_function_is_refused() -> None:
    """Generators, classes, callables and anonymous lambdas, with file and line."""

    def generator() -> Any:
        yield 1

    async def async_generator() -> Any:
        yield 1

    for fn in (generator, async_generator):
        with pytest.raises(
            DefinitionError, match=r"test_activity\.py:\d+: .*cannot decorate a gen"
        ):
            activity(fn)
    with pytest.raises(DefinitionError, match="decorates a function"):
        activity(dict)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="a lambda needs an explicit name"):
        activity(lambda: 1)
    assert activity(name="one")(lambda: 1).name == "one"


def test_a_closure_may_be_an_activity() -> None:
    """A nested function is allowed; its name says where it is."""

    @activity
    async def inner() -> None: ...

    assert inner.name == f"{__name__}:test_a_closure_may_be_an_activity.<locals>.inner"
