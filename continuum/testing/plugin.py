"""The pytest plugin: fixtures for workflows, inert unless a test asks for one.

Registered as an entry point, so installing the package is enough. It loads nothing of the engine
before a fixture is used.

- `continuum_environment`: opens environments, as `continuum.testing.environment`.
- `continuum_sweep`: sweeps seeds; `--continuum-seeds=200` runs more, `--continuum-seed=17` one.
- `continuum_history`: compares a run with its golden history; `--continuum-record` writes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from continuum.client.handle import RunHandle
    from continuum.declare.workflow import Workflow
    from continuum.testing.environments import Environment

SEEDS = 25


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the fixtures."""
    group = parser.getgroup("continuum", "tests of durable workflows")
    group.addoption(
        "--continuum-seeds",
        type=int,
        default=SEEDS,
        metavar="N",
        help="seeds of each continuum_sweep (default: %(default)s)",
    )
    group.addoption(
        "--continuum-seed", type=int, metavar="SEED", help="run each continuum_sweep with this one"
    )
    group.addoption(
        "--continuum-record",
        action="store_true",
        help="write golden histories that do not exist yet",
    )


@pytest.fixture
def continuum_environment() -> Callable[..., AbstractAsyncContextManager[Environment]]:
    """Opens an environment: `async with continuum_environment([flow]) as env`."""
    from continuum.testing.environments import environment

    return environment


@pytest.fixture
def continuum_sweep(request: pytest.FixtureRequest) -> Callable[..., Awaitable[int]]:
    """`continuum.testing.sweep` with the seeds of the command line."""
    from continuum.testing.sweeping import sweep

    one = cast("int | None", request.config.getoption("--continuum-seed"))
    seeds = cast("int", request.config.getoption("--continuum-seeds"))
    return partial(sweep, seeds=seeds if one is None else [one])


@pytest.fixture
def continuum_history(
    request: pytest.FixtureRequest,
) -> Callable[[Workflow[..., Any], RunHandle[Any], str], Awaitable[None]]:
    """Checks a run against a golden history kept beside the test.

    `await continuum_history(flow, run, "name")` replays `histories/name.json` of the test's
    directory with the workflow as it is now. With `--continuum-record` a missing file is written
    from the run; an existing one is never replaced.
    """
    from continuum.testing.histories import assert_replays, dump_history

    record = bool(request.config.getoption("--continuum-record"))
    directory: Path = request.path.parent / "histories"

    async def check(flow: Workflow[..., Any], run: RunHandle[Any], name: str) -> None:
        path = directory / f"{name}.json"
        recorded = await dump_history(run)
        _require(path, recorded if record else None)
        assert_replays(flow, path)
        assert_replays(flow, recorded)

    return check


def _require(path: Path, text: str | None) -> None:
    """The file is there, or is written now if there is a text to write."""
    if path.exists():
        return
    if text is None:
        pytest.fail(f"{path} does not exist; record it with --continuum-record")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
