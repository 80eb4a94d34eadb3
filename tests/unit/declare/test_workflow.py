"""@workflow: registration record and wrong declarations."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from continuum.declare.workflow import workflow
from continuum.errors import DefinitionError
from continuum.versions.hashing import version_hash
from continuum.versions.runtime import runtime_tag


@workflow
async def greet(name: str) -> str:
    """Says hello."""
    return f"hello {name}"


@workflow(name="shop:order", version=3, retention=timedelta(days=30))
async def order() -> None: ...


def test_defaults() -> None:
    """A bare decorator gives version 1, kept for ever, under the module's name."""
    assert (greet.name, greet.version, greet.retention) == (f"{__name__}:greet", 1, None)
    assert greet.source.startswith("tests/unit/declare/test_workflow.py:")
    assert greet.signature.names == ("name",)


def test_options() -> None:
    """Durations are stored in seconds."""
    assert (order.name, order.version, order.retention) == ("shop:order", 3, 30 * 86400.0)


def test_the_pin_names_code_and_runtime() -> None:
    """A run is bound to name, hash and runtime; the version label is for people."""
    assert order.version_hash == version_hash(order.fn)
    assert order.pin.workflow == "shop:order"
    assert order.pin.version == 3
    assert order.pin.version_hash == order.version_hash
    assert order.pin.runtime == runtime_tag()


async def test_called_directly_it_is_its_coroutine() -> None:
    """So that a unit test may call workflow code without an engine."""
    assert await greet("you") == "hello you"


@pytest.mark.parametrize(
    "options",
    [{"version": 0}, {"version": -1}, {"version": 1.5}, {"version": True}, {"version": "1"},
     {"version": 2**31}, {"retention": -1}, {"retention": 0}, {"retention": math.nan},
     {"retention": True}, {"retention": "30d"}],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    """With file and line, naming the option."""
    (name,) = options
    with pytest.raises(DefinitionError, match=rf"test_workflow\.py:\d+: {name}"):

        @workflow(**options)
        async def wrong() -> None: ...


def test_only_coroutine_functions() -> None:
    """A plain function, a generator, an async generator or a class is no workflow."""

    def plain() -> None: ...

    def generator() -> Any:
        yield 1

    async def async_generator() -> Any:
        yield 1

    with pytest.raises(DefinitionError, match=r"test_workflow\.py:\d+: .*must be an `async def`"):
        workflow(plain)  # type: ignore[arg-type]
    for fn in (generator, async_generator):
        with pytest.raises(DefinitionError, match=r"test_workflow\.py:\d+: .*a generator"):
            workflow(fn)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="decorates a function"):
        workflow(3)  # type: ignore[arg-type]


def test_signatures_are_checked_at_decoration() -> None:
    """Star arguments and mutable defaults, with file and line."""

    async def star(*orders: str) -> None: ...
    async def mutable(orders: list[str] = []) -> None: ...  # noqa: B006

    for fn in (star, mutable):
        with pytest.raises(DefinitionError, match=r"test_workflow\.py:\d+: parameter "):
            workflow(fn)
