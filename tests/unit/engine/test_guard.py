"""While workflow code steps, the process refuses real effects, wherever they are written."""

from __future__ import annotations

import asyncio
import colorsys
import contextlib
import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import continuum
from continuum import workflow
from continuum.engine.guard import guard, hook
from tests.unit.engine.driver import Driver

FOREIGN = """
import os, socket, subprocess, time

def read(path):
    with open(path) as file:
        return file.read()

def connect(port):
    with socket.socket() as client:
        client.connect(("127.0.0.1", port))

def run():
    return subprocess.run(["true"], check=True)

def nap():
    time.sleep(0.001)

def remove(path):
    os.remove(path)

def deep(path):
    return list(map(read, [path]))
"""


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installed package that reaches out behind its user's back."""
    package = tmp_path / "site-packages" / "foreign_helper"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .effects import *\n")
    (package / "effects.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(str(package.parent))
    import foreign_helper  # type: ignore[import-not-found]

    yield foreign_helper
    del sys.modules["foreign_helper"], sys.modules["foreign_helper.effects"]


def run_of(action: Callable[[], Any]) -> Driver:
    """A run whose workflow code does `action` once."""

    @workflow(name="acting")
    async def flow() -> None:
        action()

    return Driver(flow).start()


def refusal(action: Callable[[], Any]) -> str:
    """The error of a run that does `action`; it must be the guard's."""
    error = run_of(action).error
    assert error.type == "continuum.errors.NonDeterminismError"
    return error.message


@pytest.mark.parametrize("effect", ["file", "socket", "subprocess", "sleep", "remove", "deep"])
def test_effects_inside_a_third_party_helper_are_refused(
    foreign: Any, effect: str, tmp_path: Path
) -> None:
    """Files, sockets, processes and sleeps are refused, and the error shows the helper's line."""
    kept = tmp_path / "kept"
    kept.write_text("x")
    actions = {
        "file": lambda: foreign.read(kept),
        "socket": lambda: foreign.connect(1),
        "subprocess": foreign.run,
        "sleep": foreign.nap,
        "remove": lambda: foreign.remove(kept),
        "deep": lambda: foreign.deep(kept),
    }
    message = refusal(actions[effect])
    assert f"{tmp_path / 'site-packages' / 'foreign_helper' / 'effects.py'}:" in message
    assert "test_guard.py:" in message
    assert "move it into an activity" in message
    assert kept.exists()


@pytest.mark.parametrize(
    "action",
    [
        lambda: Path("x").write_text("x"),
        lambda: Path.cwd().rmdir(),
        lambda: list(Path().iterdir()),
        lambda: os.scandir(),
        lambda: os.putenv("A", "b"),
        lambda: shutil.copy("a", "b"),
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: os.system("true"),
        lambda: threading.Thread(target=int).start(),
        lambda: time.sleep(0),
        lambda: tempfile.mkdtemp(),
    ],
)
def test_every_kind_of_effect_is_refused(action: Callable[[], Any]) -> None:
    """Each is an audit event of CPython, so no spelling gets around it."""
    assert "workflow code did" in refusal(action)


def test_helper_that_swallows_the_error_still_has_no_effect(tmp_path: Path) -> None:
    """The effect is refused before it happens, whatever the code does with the error."""
    target = tmp_path / "x"

    def action() -> None:
        with contextlib.suppress(Exception):
            target.write_text("x")

    run_of(action)
    assert not target.exists()


def test_effects_after_an_await_are_refused_too() -> None:
    """Every step is watched, not only the first."""

    @workflow
    async def flow() -> None:
        await continuum.sleep(1)
        time.sleep(0)

    run = Driver(flow).start().advance(1)
    assert "time.sleep" in run.error.message


def test_outside_a_step_nothing_is_refused(tmp_path: Path) -> None:
    """The same calls work before, between and after the steps of a run that is in memory."""

    @workflow
    async def flow() -> None:
        await continuum.wait_signal("go")

    run = Driver(flow).start()
    (tmp_path / "x").write_text("x")
    time.sleep(0)
    run.signal("go")
    assert run.execution.end is not None
    assert guard.installed


def test_other_threads_are_not_concerned(tmp_path: Path) -> None:
    """An activity's thread may open files while workflow code steps."""
    asked, answered = threading.Event(), threading.Event()

    def activity() -> None:
        asked.wait(10)
        (tmp_path / "x").write_text("x")
        answered.set()

    thread = threading.Thread(target=activity)
    thread.start()

    def action() -> None:
        asked.set()
        assert answered.wait(10)

    assert run_of(action).execution.end is not None
    thread.join()
    assert (tmp_path / "x").exists()


def test_side_effect_functions_may_do_anything(tmp_path: Path) -> None:
    """Their value is journaled, so reading a file there is repeatable."""
    (tmp_path / "setting").write_text("eu")

    @workflow
    async def flow() -> str:
        return continuum.side_effect(lambda: (tmp_path / "setting").read_text())

    assert Driver(flow).start().result == "eu"


def test_lazy_imports_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import inside a workflow opens files; that is Python's business, not the workflow's."""
    (tmp_path / "lazily_imported.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    @workflow
    async def flow() -> int:
        import lazily_imported  # type: ignore[import-not-found]

        return lazily_imported.VALUE

    assert Driver(flow).start().result == 7


def test_time_zones_and_tracebacks_are_allowed(caplog: pytest.LogCaptureFixture) -> None:
    """Pure code makes Python read zone files and, to log an error, source files."""
    logging.getLogger("continuum.workflow").setLevel(logging.INFO)

    @workflow
    async def flow() -> str:
        zone = ZoneInfo.no_cache("Europe/Berlin")
        try:
            colorsys.rgb_to_hls("a", 0, 0)  # type: ignore[arg-type]
        except TypeError:
            continuum.logger.exception("as expected")
        return continuum.now().astimezone(zone).isoformat()

    assert Driver(flow).start().result == "2026-11-22T11:00:00+01:00"
    assert "rgb_to_hls" in caplog.text


def test_the_zone_directory_is_no_way_out() -> None:
    """A path that climbs out of the zone directory is an ordinary file."""
    path = "/usr/share/zoneinfo/../../../etc/passwd"
    assert "open" in refusal(lambda: Path(path).read_text())


def test_a_blocking_call_of_the_loop_is_refused_by_the_loop() -> None:
    """Awaiting foreign I/O is refused as well, by the loop itself."""

    @workflow
    async def flow() -> None:
        await asyncio.open_connection("localhost", 1)

    assert Driver(flow).start().error.type == "continuum.errors.NonDeterminismError"


def test_the_hook_costs_other_code_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of no interest never ask for the run; events of interest do."""
    asked: list[str] = []
    monkeypatch.setattr("continuum.engine.guard.current_run", lambda: asked.append("run"))
    hook("import", ("x",))
    hook("object.__getattr__", ())
    hook("sys._getframe", ())
    assert asked == []
    hook("socket.connect", ())
    assert asked == ["run"]
