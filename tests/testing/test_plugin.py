"""The pytest plugin, as a user's suite sees it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PLUGIN = "continuum.testing.plugin"

SUITE = """
import pytest
from continuum import activity, sleep, workflow

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@activity
async def double(number: int) -> int:
    return 2 * number


@workflow
async def flow(number: int) -> int:
    value = await double(number)
    await sleep(86400)
    return value


async def test_environment(continuum_environment):
    async with continuum_environment([flow]) as env:
        assert await env.run(flow, 4) == 8


async def test_sweep(continuum_sweep, request):
    one = request.config.getoption("--continuum-seed")
    seeds = request.config.getoption("--continuum-seeds")
    assert await continuum_sweep(flow, 4) == (seeds if one is None else 1)


async def test_history(continuum_environment, continuum_history):
    async with continuum_environment([flow]) as env:
        run = await env.start(flow, 4)
        await run.result()
        await continuum_history(flow, run, "doubled")
"""

WITHOUT = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest"]


def run_suite(directory: Path, *options: str) -> str:
    """Run the user's suite in a process of its own; its output."""
    (directory / "test_mine.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, *WITHOUT, *options],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_fixtures_and_options(tmp_path: Path) -> None:
    """Golden histories are missing, recorded, then kept; seeds come from the command line."""
    missing = run_suite(tmp_path, "--continuum-seeds=3")
    assert "2 passed" in missing
    assert "record it with --continuum-record" in missing
    assert "3 passed" in run_suite(tmp_path, "--continuum-record", "--continuum-seed=17")
    path = tmp_path / "histories" / "doubled.json"
    recorded = path.read_text()
    assert "3 passed" in run_suite(tmp_path, "--continuum-seeds=2")
    path.write_text(recorded.replace("double", "triple"))
    assert "HistoryDrift" in run_suite(tmp_path, "--continuum-record", "-k", "history")
    assert path.read_text() != recorded


def test_the_plugin_is_inert() -> None:
    """Importing it loads no engine, no client and no driver."""
    code = (
        f"import sys, {PLUGIN}\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in"
        " ('continuum', 'psycopg', 'psycopg_pool', 'sqlglot', 'msgspec')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"continuum", "continuum.testing", PLUGIN}


def test_the_plugin_is_registered() -> None:
    """The distribution names it as a pytest plugin."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}
