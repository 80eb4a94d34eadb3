"""`continuum worker --processes N`: crashes are made good, SIGTERM drains all, no orphans."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from continuum.cli import supervisor
from continuum.cli.failures import ExitCode
from continuum.cli.supervisor import Supervisor, child_arguments, next_delay
from tests.cli.processes import Shell, lines, new_shell


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    """Commands on a migrated database of this test's own."""
    return new_shell(tmp_path, dsn)


def live_workers(shell: Shell) -> set[int]:
    """Process ids of the workers that are live."""
    nodes = [json.loads(line) for line in lines(shell.answer("nodes"))]
    return {node["pid"] for node in nodes if node["state"] == "live"}


def wait_until(shell: Shell, holds: Callable[[set[int]], bool]) -> set[int]:
    """The live workers, once they are as they should be."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        live = live_workers(shell)
        if holds(live):
            return live
    raise AssertionError(f"live workers are {live_workers(shell)}")


def test_a_killed_worker_is_replaced_and_sigterm_drains_all(shell: Shell) -> None:
    """Two workers under a supervisor: one is killed and replaced; SIGTERM ends all with 0."""
    with shell.start("worker", "--app", "flows", "--processes", "2") as parent:
        first = wait_until(shell, lambda live: len(live) == 2)
        assert parent.pid not in first
        os.kill(min(first), signal.SIGKILL)
        second = wait_until(shell, lambda live: len(live) == 2 and live != first)
        assert max(first) in second
        parent.send_signal(signal.SIGTERM)
        _, errors = parent.communicate(timeout=40)
        assert parent.returncode == 0
        assert "signal 9" in errors
        assert errors.count("has drained") == 2
    assert live_workers(shell) == set()


def test_workers_do_not_outlive_their_supervisor(shell: Shell) -> None:
    """When the supervisor is killed, its workers drain and leave."""
    with shell.start("worker", "--app", "flows", "--processes", "2") as parent:
        wait_until(shell, lambda live: len(live) == 2)
        parent.kill()
        wait_until(shell, lambda live: not live)


def test_wrong_usage_is_found_before_anything_starts(shell: Shell) -> None:
    """An application that cannot be loaded is one error, not one per process."""
    done = shell.run("worker", "--app", "nothing_here", "--processes", "3")
    assert done.returncode == 2
    assert len(lines(done.stderr)) == 1


def test_a_missing_database_ends_the_supervisor(tmp_path: Path) -> None:
    """Workers that cannot start at all are not restarted for ever: exit 3."""
    shell = new_shell(tmp_path, "postgresql://ann@127.0.0.1:1/shop")
    assert shell.run_process("worker", "--app", "flows", "--processes", "2").returncode == 3


async def test_a_crash_at_start_backs_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker that crashes is started again, later each time, until it works."""
    monkeypatch.setattr(supervisor, "FIRST_DELAY", 0.01)
    notes: list[str] = []
    monkeypatch.setattr(supervisor, "note", notes.append)
    marks = tmp_path / "starts"
    code = (
        "import sys, pathlib; marks = pathlib.Path(sys.argv[1]);"
        "marks.open('a').write('x'); sys.exit(9 if len(marks.read_text()) < 4 else 2)"
    )
    command = [sys.executable, "-c", code, str(marks)]
    assert await Supervisor(1, os.environ, 1.0, command).run() == ExitCode.USAGE
    assert marks.read_text() == "xxxx"
    delays = [float(note.rsplit(" ", 2)[1]) for note in notes]
    assert delays == [0.01, 0.02, 0.04]


async def test_a_worker_that_will_not_drain_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Draining is bounded: beyond drain time and grace the process is killed."""
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.1)
    notes: list[str] = []
    monkeypatch.setattr(supervisor, "note", notes.append)
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    code = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path(sys.argv[1]).write_text('ready'); time.sleep(60)"
    )
    supervising = Supervisor(1, os.environ, 0.1, [sys.executable, "-c", code, str(ready)])
    running = asyncio.create_task(supervising.run())
    assert await asyncio.to_thread(ready.read_text) == "ready"
    supervising.stop()
    assert await running == ExitCode.OK
    assert len(notes) == 1
    assert "is killed" in notes[0]


def test_children_get_the_same_words() -> None:
    """The DSN is passed in the environment, --processes not at all."""
    words = ["worker", "--dsn", "x", "--app", "flows", "--processes=4", "--dsn=y", "--ttl", "9"]
    assert child_arguments(words) == ["worker", "--app", "flows", "--ttl", "9"]


def test_delays_grow_and_are_forgotten() -> None:
    """Back-off doubles up to its limit; a worker that lived long is restarted at once."""
    delays = [0.0]
    for _ in range(10):
        delays.append(next_delay(delays[-1], lived=1))
    assert delays[1:4] == [0.5, 1.0, 2.0]
    assert delays[-1] == supervisor.LONGEST_DELAY
    assert next_delay(30, lived=supervisor.STEADY_SECONDS) == 0
