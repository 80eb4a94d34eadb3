"""`continuum-console`: quick help, one line for every mistake, and a demo that leaves nothing."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console import demo
from console.__main__ import parser, run
from console.shots import SHOTS, render
from continuum import Continuum, workflow

REPOSITORY = Path(__file__).parents[2]


@workflow
async def somebody_elses() -> None:
    """Is no part of the demo, and nobody runs it."""


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and message of a command line that must not start."""
    code = run(parser().parse_args(arguments))
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--theme", "no-such"), "there are: continuum-dark, continuum-light"),
        (("--query", "plan ="), "--query: unknown field 'plan'"),
        (("-A", "-n", "billing"), "exclude each other"),
        (("--profile", "no-such"), "--profile: no profile 'no-such' in "),
        (("--profile", "x", "--dsn", "y"), "exclude each other"),
        (("--yes",), "--yes is for the demo: add --demo"),
        ((), "needs a terminal"),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 2 and one line with what to do."""
    code, message = refused(capsys, *arguments)
    assert code == 2
    assert words in message
    assert message.count("\n") == 1


def test_a_profile_says_where_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rights and theme are the session's, unless the command line says more."""
    path = tmp_path / "profiles.toml"
    path.write_text(
        '[prod]\ndsn = "postgresql://nobody@localhost:1/x"\nread_only = true\n'
        'theme = "continuum-light"\n'
    )
    monkeypatch.setenv("CONTINUUM_PROFILES", str(path))
    options = parser().parse_args(["--profile", "prod"])
    assert run(options) == 2
    assert "needs a terminal" in capsys.readouterr().err
    assert (options.read_only, options.theme) == (True, "continuum-light")
    assert refused(capsys, "--profile", "prod", "--demo")[0] == 2


def test_help_loads_nothing_heavy() -> None:
    """`--help` imports neither textual nor psycopg."""
    script = (
        "import sys\nfrom console.__main__ import parser\nparser().format_help()\n"
        "print({'textual', 'psycopg', 'rich', 'sqlglot'} & {n.split('.')[0] for n in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "set()"


Terminal = tuple[subprocess.Popen[bytes], int]


@contextmanager
def on_a_terminal(*arguments: str, env: dict[str, str]) -> Iterator[Terminal]:
    """The console as a process on a pseudo terminal of 80x24."""
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *arguments],
        stdin=follower, stdout=follower, stderr=follower, cwd=REPOSITORY,
        env={**os.environ, **env, "COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"},
        start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    try:
        yield process, leader
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def read_until(leader: int, words: bytes, seconds: float = 40) -> bytes:
    """What the terminal got, up to these words."""
    seen = b""
    deadline = time.monotonic() + seconds
    while words not in seen:
        assert time.monotonic() < deadline, seen[-2000:]
        try:
            seen += os.read(leader, 65536)
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:
            break
    return seen


def test_an_unreachable_database_is_exit_code_3() -> None:
    """One line, the right code, no password and no alternate screen."""
    with on_a_terminal("--dsn", "postgresql://u:secret@127.0.0.1:1/x", env={}) as (process, leader):
        seen = read_until(leader, b"continuum-console:")
        assert process.wait(20) == 3
        assert b"secret" not in seen
        assert b"Traceback" not in seen
        assert b"\x1b[?1049h" not in seen


def children_of(pid: int) -> list[int]:
    """Process ids of the direct children."""
    task = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in task.read_text().split()] if task.exists() else []


def gone(pid: int, seconds: float = 25) -> bool:
    """Whether a process ends in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.cluster
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", ["quit", "killed"])
def test_the_demo_does_not_outlive_the_console(dsn: str, end: str) -> None:
    """Whether the console is left with q or killed with SIGKILL, its demo workload ends too."""
    with Continuum.blocking(dsn) as client:
        client.start(somebody_elses)
    with on_a_terminal("--demo", "--yes", env={"CONTINUUM_DSN": dsn}) as (process, leader):
        read_until(leader, b"order_flow")
        [child] = children_of(process.pid)
        assert not gone(child, 0)
        if end == "quit":
            os.write(leader, b"q")
            deadline = time.monotonic() + 30
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    os.read(leader, 65536)
                except OSError:
                    time.sleep(0.02)
            assert process.returncode == 0
        else:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert gone(child)


async def test_a_database_with_other_runs_is_refused(dsn: str) -> None:
    """The demo starts nothing beside the runs of somebody else, and names the way to insist."""
    async with Continuum(dsn) as client:
        await client.start(somebody_elses)
    assert "add --yes" in await why_it_ended(demo.DemoProcess(dsn))


async def test_a_demo_that_cannot_start_says_why() -> None:
    """The last line of what it said reaches the console; nothing else happens."""
    process = demo.DemoProcess("postgresql://nobody@127.0.0.1:1/none")
    assert "127.0.0.1" in await why_it_ended(process)


async def why_it_ended(process: demo.DemoProcess) -> str:
    """What the console would hear."""
    said: asyncio.Queue[str] = asyncio.Queue()
    await process.start(said.put_nowait)
    try:
        async with asyncio.timeout(40):
            return await said.get()
    finally:
        await process.stop()


@pytest.mark.parametrize("name", ["runs-80x24", "cancel"])
async def test_screenshots_are_the_same_every_time(name: str) -> None:
    """Rendered twice, a screenshot is byte for byte the same."""
    shot = next(shot for shot in SHOTS if shot.name == name)
    assert await render(shot) == await render(shot)
