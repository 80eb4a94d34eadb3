"""Every mistake of the language, and the exact words with which it is refused.

`{at}` stands for file and line. A mistake in a declaration or option is refused where it stands,
one in running workflow code ends the run with its message, and the traceback that goes with it has
the line.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import continuum
from continuum import Retry, activity, workflow
from continuum.errors import DefinitionError, NonDeterminismError
from tests.unit.engine.driver import Driver

HERE = Path(__file__).name
AT = rf"(\S*/)?{re.escape(HERE)}:\d+"


class Opaque:
    """Nothing can store it."""

    def __repr__(self) -> str:
        return "<opaque>"


@dataclass
class Basket:
    items: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Limits:
    items: tuple[str, ...] = ()


@activity(name="shop:echo")
async def echo(x: Any) -> Any:
    """Takes anything that JSON holds."""
    return x


@activity(name="shop:count")
async def count(n: int) -> int:
    """Takes a number."""
    return n


@workflow(name="shop:child")
async def child(x: Any) -> Any:
    """Never executed here."""
    raise AssertionError


def yielding() -> Iterator[int]:
    """A generator."""
    yield 1


async def streaming() -> AsyncIterator[int]:
    """An async generator."""
    yield 1


def list_default(x: list[int] = []) -> None:  # noqa: B006
    """The classic."""


def basket_default(x: Basket = Basket()) -> None:  # noqa: B008
    """The same in other clothes."""


def frozen_default(x: Limits = Limits()) -> None:
    """Nothing can change it."""


async def collecting(*parts: int) -> None:
    """How many arguments?"""


async def socketed(x: socket.socket) -> None:
    """What would be stored?"""


async def locked() -> threading.Event:  # type: ignore[empty-body]
    """What would be restored?"""


def plain() -> None:
    """Not async."""


async def fine(x: int) -> int:
    """Nothing wrong with it."""
    return x


MUTABLE = "parameter x has a mutable default (use None, a tuple or a frozen dataclass)"
GENERATOR = "(return a list; a generator's position cannot be journaled)"
JSON = "(use types that plain JSON can hold and tell apart)"
AGE = "more than 0 and at most 100 years"

DECLARATIONS: list[tuple[Callable[[], Any], str]] = [
    (lambda: workflow(streaming), f"@workflow cannot decorate a generator: streaming {GENERATOR}"),
    (lambda: activity(streaming), f"@activity cannot decorate a generator: streaming {GENERATOR}"),
    (lambda: activity(yielding), f"@activity cannot decorate a generator: yielding {GENERATOR}"),
    (lambda: workflow(plain), "workflow plain must be an `async def`"),  # type: ignore[arg-type]
    (lambda: activity(list_default), MUTABLE),
    (lambda: activity(basket_default), MUTABLE),
    (lambda: workflow(collecting), ("parameter *parts is not positional "
        "(journaled arguments are positional: use a dataclass for options)")),
    (lambda: activity(socketed), f"parameter x: values of type socket cannot be stored {JSON}"),
    (lambda: workflow(locked), f"result: values of type Event cannot be stored {JSON}"),
    (lambda: activity(colour=1), ("@activity has no option 'colour' (there are name, retry, "  # type: ignore[call-overload]
        "timeout, heartbeat_timeout, queue, priority, idempotency_key, on_crash, executor, "
        "transactional)")),
    (lambda: activity(time_out=1), "@activity has no option 'time_out' (did you mean timeout?)"),  # type: ignore[call-overload]
    (lambda: workflow(versoin=1), "@workflow has no option 'versoin' (did you mean version?)"),  # type: ignore[call-overload]
    (lambda: activity(timeout=-1)(fine), f"timeout must be {AGE}, not -1"),
    (lambda: activity(timeout=float("nan"))(fine), f"timeout must be {AGE}, not nan"),
    (lambda: activity(timeout="30")(fine), "timeout must be a timedelta or seconds, not str"),  # type: ignore[arg-type]
    (lambda: activity(heartbeat_timeout=0)(fine), f"heartbeat_timeout must be {AGE}, not 0"),
    (lambda: activity(queue="")(fine), "queue is 1 to 255 printable characters, not ''"),
    (lambda: activity(priority=1001)(fine),
        "priority is a whole number, -1000 to 1000, not 1001"),
    (lambda: activity(retry=3)(fine), "retry takes Retry(...), not 3"),  # type: ignore[arg-type]
    (lambda: activity(on_crash="skip")(fine), "on_crash is \"retry\" or \"fail\", not 'skip'"),  # type: ignore[arg-type]
    (lambda: workflow(retention=timedelta(-1))(fine),
        f"retention must be {AGE}, not -1 day, 0:00:00"),
    (lambda: workflow(version=0)(fine), "version is a whole number from 1, not 0"),
    (lambda: Retry(max_attempts=0),
        "Retry: max_attempts must be a whole number from 1 to 1,000,000, not 0"),
    (lambda: Retry(initial=-1), "Retry: initial must be at least 0 and at most 100 years, not -1"),
    (lambda: Retry(factor=0.5), "Retry: factor must be from 1 to 1000, not 0.5"),
    (lambda: Retry(jitter=2), "Retry: jitter must be from 0 to 1, not 2"),
    (lambda: Retry(max_delay=float("inf")),
        "Retry: max_delay must be at least 0 and at most 100 years, not inf"),
    (lambda: Retry(non_retryable=[3]),  # type: ignore[list-item]
        "Retry: non_retryable takes exception classes or their names, not 3"),
    (lambda: count.options(timeout=0), f"options of shop:count: timeout must be {AGE}, not 0"),
    (lambda: count.options(priority=2000),
        "options of shop:count: priority is a whole number, -1000 to 1000, not 2000"),
    (lambda: count.options(queue="a\n"),
        "options of shop:count: queue is 1 to 255 printable characters, not 'a\\n'"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "text"), DECLARATIONS, ids=[t[:40] for _, t in DECLARATIONS])
def test_a_wrong_declaration_is_refused_at_its_line(mistake: Callable[[], Any], text: str) -> None:
    """One line: file and line, what is wrong, and what to do."""
    with pytest.raises(DefinitionError) as caught:
        mistake()
    assert re.fullmatch(f"{AT}: {re.escape(text)}", str(caught.value)), str(caught.value)


def test_an_immutable_default_is_none_of_these() -> None:
    """A frozen dataclass is restored and shared safely."""
    assert activity(frozen_default).signature.decode(b"[]") == (Limits(),)


STORED = "<opaque> is of type Opaque, which cannot be stored"
FOREIGN = (
    "workflow code awaited a future or task of another event loop at {at} "
    "(await activities, timers, signals and tasks created in the workflow only)"
)
LOOP = (
    "workflow code called {} of its event loop, which a replay cannot repeat at {{at}} "
    "(move it into an activity)"
)
HOST = asyncio.new_event_loop()
HOST.close()


class ForeignAwaitable:
    """As trio's and curio's: it yields what only its own loop understands."""

    def __await__(self) -> Iterator[str]:
        yield "trap"


async def of_foreign() -> None:
    """Awaits what another library's loop would drive."""
    await ForeignAwaitable()


async def of_host() -> None:
    """Awaits a future of the worker's own loop."""
    await HOST.create_future()


async def undoing(*args: Any) -> None:
    """Registers a compensation."""
    async with continuum.saga() as saga:
        saga.undo(*args)


RUNNING: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: echo({"a": [Opaque()]}), "PayloadError",
        f"activity shop:echo, argument x['a'][0]: {STORED}"),
    (lambda: echo(float("nan")), "PayloadError",
        "activity shop:echo, argument x: nan has no JSON form; use None or a string"),
    (lambda: count("2"), "PayloadError",  # type: ignore[arg-type]
        "activity shop:count, argument n: '2' does not fit: expected `int`, got `str`"),
    (lambda: count(1, 2), "PayloadError",  # type: ignore[call-arg]
        "activity shop:count: too many positional arguments"),
    (Opaque, "PayloadError", f"result of workflow shop:flow ({{at}}): {STORED}"),
    (lambda: continuum.side_effect(lambda: Opaque()), "ActivityFailed",
        (f"activity side_effect {{at}} failed: continuum.errors.PayloadError: "
        f"side_effect {{at}}: {STORED}")),
    (lambda: continuum.side_effect(fine), "DefinitionError",  # type: ignore[arg-type]
        ("{at}: side_effect takes a plain function without arguments, not <function fine at *> "
        "(what awaits belongs into an activity)")),
    (lambda: continuum.set_attributes({"a": Opaque()}), "AttributesError",
        "attributes.a: <opaque> is of type Opaque, not a JSON value"),
    (lambda: continuum.run_child(child, Opaque()), "PayloadError",
        f"workflow shop:child, argument x: {STORED}"),
    (lambda: continuum.run_child(child, 1, attributes={"a": Opaque()}), "AttributesError",
        "attributes.a: <opaque> is of type Opaque, not a JSON value"),
    (lambda: continuum.run_child(child, 1, namespace=""), "NamespaceError",
        'a namespace cannot be empty (the usual one is "default")'),
    (lambda: continuum.run_child(plain), "DefinitionError",  # type: ignore[arg-type]
        "{at}: <function plain at *> is not a workflow (decorate it with @workflow)"),
    (lambda: continuum.continue_as_new(Opaque()), "PayloadError",
        f"workflow shop:flow, argument x: {STORED}"),
    (lambda: undoing(echo, Opaque()), "PayloadError",
        f"activity shop:echo, argument x: {STORED}"),
    (lambda: undoing(None), "DefinitionError",
        "{at}: saga.undo takes an activity or an async function, not None"),
    (lambda: undoing(print), "DefinitionError",
        "{at}: saga.undo takes an activity or an async function, not <built-in function print>"),
    (lambda: continuum.sleep("3"), "DefinitionError",  # type: ignore[arg-type]
        "{at}: sleep takes a timedelta or seconds, not '3'"),
    (lambda: continuum.sleep(float("nan")), "DefinitionError",
        "{at}: sleep takes a timedelta or seconds, not nan"),
    (lambda: continuum.wait_signal("s", timeout="x"), "DefinitionError",  # type: ignore[call-overload]
        "{at}: wait_signal(timeout=) takes a timedelta or seconds, not 'x'"),
    (lambda: continuum.wait_signal(""), "PayloadError",
        "signal name has 1 to 255 characters, this one 0"),
    (lambda: continuum.wait_signal("s", type=socket.socket), "DefinitionError",
        f"signal payload: values of type socket cannot be stored {JSON}"),
    (lambda: continuum.patched(""), "DefinitionError",
        "{at}: a patch is named by 1 to 200 printable characters, not ''"),
    (of_host, "NonDeterminismError", FOREIGN),
    (of_foreign, "NonDeterminismError", FOREIGN),
    (lambda: asyncio.open_connection("localhost", 1), "NonDeterminismError",
        LOOP.format("create_connection")),
    (lambda: asyncio.to_thread(plain), "NonDeterminismError", LOOP.format("run_in_executor")),
    (lambda: asyncio.create_subprocess_exec("true"), "NonDeterminismError",
        LOOP.format("subprocess_exec")),
]  # fmt: skip


def pattern(text: str) -> str:
    """`{at}` is a file and line, `*` an address."""
    return re.escape(text).replace(r"\{at\}", AT).replace(r"\*", "0x[0-9a-f]+")


@pytest.mark.parametrize(
    ("mistake", "kind", "text"), RUNNING, ids=[f"{k} {t[:30]}" for _, k, t in RUNNING]
)
def test_a_mistake_in_running_code_ends_the_run_with_its_line(
    mistake: Callable[[], Any], kind: str, text: str
) -> None:
    """Type and text are exact; the journaled traceback, or the message, has file and line."""

    @workflow(name="shop:flow")
    async def flow(x: Any) -> Any:
        made = mistake()
        return await made if asyncio.iscoroutine(made) else made

    run = Driver(flow, 1).start()
    error = run.error
    assert error.type == f"continuum.errors.{kind}"
    assert re.fullmatch(pattern(text), error.message), error.message
    assert HERE in f"{error.message}{error.details}"
    assert run.commands() in ([], ["side_effect"])
    run.check_replays()


def test_a_signal_of_another_type_names_signal_and_reason() -> None:
    """The sender did not know; the receiver may catch it and wait again."""

    @workflow
    async def flow() -> int:
        return await continuum.wait_signal("n", type=int)

    error = Driver(flow).start().signal("n", "seven").error
    assert error.type == "continuum.errors.PayloadError"
    assert error.message.startswith("signal 'n': signal payload: Expected `int`, got `str`")
    assert f'{HERE}"' in (error.details or "")


def test_async_generators_inside_a_workflow_are_fine() -> None:
    """They may await activities, and replay like the rest."""
    closed: list[int] = []

    async def each(numbers: list[int]) -> AsyncIterator[int]:
        try:
            for number in numbers:
                yield await count(number)
        finally:
            closed.append(1)

    @workflow
    async def flow() -> list[int]:
        return [number async for number in each([1, 2])]

    run = Driver(flow).start().complete(1, 10).complete(2, 20)
    assert run.result == [10, 20]
    assert closed == [1]
    run.check_replays()


def test_running_a_loop_of_its_own_is_refused() -> None:
    """`asyncio.run` inside a workflow is Python's own error, with the line."""

    @workflow
    async def flow() -> None:
        never_run = fine(1)
        try:
            asyncio.run(never_run)
        finally:
            never_run.close()

    error = Driver(flow).start().error
    assert error.message == "asyncio.run() cannot be called from a running event loop"
    assert HERE in (error.details or "")


def test_errors_of_the_loop_can_be_caught_like_any_other() -> None:
    """What was refused had no effect, and the run goes on."""

    @workflow
    async def flow() -> str:
        try:
            await asyncio.to_thread(plain)
        except NonDeterminismError:
            return "refused"
        return "done"

    assert Driver(flow).start().result == "refused"
