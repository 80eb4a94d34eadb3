"""The options of starts are keyword arguments like any others."""

from __future__ import annotations

from typing import Any

import pytest

from continuum.testing import environment
from tests.client.flows import ALL, approval


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dealy": 3}, r"start\(\) got an unexpected keyword argument 'dealy'"),
        ({"signal": "go", "key": "k"}, r"start\(\) got an unexpected keyword argument 'signal'"),
    ],
)
async def test_start_refuses_an_unknown_option(options: dict[str, Any], message: str) -> None:
    """A typing mistake is the usual error, and starts nothing."""
    async with environment(ALL) as env:
        with pytest.raises(TypeError, match=message):
            await env.client.start(approval, "x", **options)
        assert await env.client.count(namespace=None) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "k"}, r"signal_with_start\(\) missing required keyword-only argument 'signal'"),
        ({"signal": "go"}, r"signal_with_start\(\) missing required keyword-only argument 'key'"),
        ({"key": "k", "signal": "go", "delay": 1}, r"unexpected keyword argument 'delay'"),
    ],
)
async def test_signal_with_start_needs_key_and_signal(
    options: dict[str, Any], message: str
) -> None:
    """What is missing is named, and so is an option of `start` that it does not take."""
    async with environment(ALL) as env:
        with pytest.raises(TypeError, match=message):
            await env.client.signal_with_start(approval, "x", **options)
        assert await env.client.count(namespace=None) == 0


async def test_an_environment_takes_the_options_of_a_start() -> None:
    """`env.start` passes on what `Continuum.start` knows, such as a key."""
    async with environment(ALL) as env:
        run = await env.start(approval, "x", key="k", execution_timeout=60)
        assert (await env.client.get_run("k")).id == run.id
