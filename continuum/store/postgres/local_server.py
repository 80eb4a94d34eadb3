"""One PostgreSQL server on this machine, shared by every process that joins it.

There is no registry of users and no reference count that could go stale. Two lock files do it all:

- `users.lock`: a user holds it shared. Whoever gets it exclusively knows that no user is left and
  may stop the server: the last user when leaving, or the keeper when the last user was killed.
- `server.lock`: held exclusively by the server's own processes, which inherit it from the process
  that started them. It is free exactly when no server runs.

The kernel drops a lock with the process that holds it, so SIGKILL at any point leaves nothing
behind that would keep the server for ever or stop it under a live user.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from continuum.errors import ConfigurationError, DatabaseUnavailable
from continuum.store.postgres import keeper
from continuum.store.postgres.account import Account, reachable, server_account
from continuum.store.postgres.cluster import (
    DATABASE,
    ROLE,
    create_cluster,
    server_environment,
    usable_binaries,
)

PORT = "5432"
"""Only part of the socket's name; the server listens on no network address."""

LONGEST_SOCKET_PATH = 100
LARGEST_LOG = 8 * 1024 * 1024
POLL = 0.02
"""Seconds between two looks while another process starts or stops the server."""

STOP_TIMEOUT = 30.0

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}
"""For one machine shared with the application; durability settings keep their safe defaults."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the running server says about itself in postmaster.pid."""

    pid: int
    socket_directory: Path
    ready: bool


@dataclass(slots=True)
class LocalServer:
    """A handle on the server of `directory`: join, use `dsn`, leave.

    Args:
        directory: data, socket, log and lock files of this server live here.
        binaries: the `bin` directory of a PostgreSQL installation, 14 or newer.
        settings: server settings, over the defaults in `SETTINGS`.
    """

    directory: Path
    binaries: Path
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    _users: int | None = field(default=None, init=False)
    _joined_by: int = field(default=0, init=False)

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """Where the server and its keeper write their messages."""
        return self.directory / "server.log"

    @property
    def dsn(self) -> str:
        """How to connect to the server's `continuum` database.

        Raises:
            DatabaseUnavailable: the server does not run.
        """
        return self.database_dsn(DATABASE)

    def database_dsn(self, database: str) -> str:
        """How to connect to another database of this server."""
        info = self.info()
        if info is None:
            raise DatabaseUnavailable("the embedded server does not run", hint=f"see {self.log}")
        host = quote(str(info.socket_directory), safe="")
        return f"postgresql://{ROLE}@/{database}?host={host}"

    def join(self, timeout: float = 60.0) -> None:
        """Become a user of the server, starting it if it does not run. Blocks.

        Args:
            timeout: seconds to wait for another process' start or stop, or for crash recovery.

        Raises:
            ConfigurationError: the directory cannot be used by the account of the server.
            DatabaseUnavailable: the server does not start; the message ends with its log.
        """
        if self._users is not None:
            return
        deadline = time.monotonic() + timeout
        account = server_account(self.data)
        _prepare_directory(self.directory, account)
        users = _open_lock(self.directory / "users.lock", account)
        try:
            while not _try_lock(users, fcntl.LOCK_SH):
                self._wait(deadline, "another process is still stopping the server")
            self._ensure_running(account, deadline)
        except BaseException:
            os.close(users)
            raise
        self._users = users
        self._joined_by = os.getpid()

    def ensure_running(self, timeout: float = 60.0) -> None:
        """Start the server again if it died under its users. Blocks; see `join` for errors."""
        self._ensure_running(server_account(self.data), time.monotonic() + timeout)

    def leave(self) -> None:
        """Stop being a user; the last one stops the server and waits until it has stopped."""
        users, self._users = self._users, None
        if users is None:
            return
        try:
            # A forked child shares its parent's lock, so it must never judge by it.
            if self._joined_by == os.getpid() and _try_lock(users, fcntl.LOCK_EX):
                self._stop()
        finally:
            os.close(users)

    def __enter__(self) -> LocalServer:
        self.join()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave()

    def info(self) -> ServerInfo | None:
        """The server's own account of itself; None when it never ran or has ended cleanly.

        The file outlives a server that was killed: trust it only while `server.lock` is held.
        """
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(lines) < 5 or not lines[4]:
            return None
        ready = len(lines) > 7 and lines[7].strip() == "ready"
        return ServerInfo(int(lines[0]), Path(lines[4]), ready)

    def _ensure_running(self, account: Account | None, deadline: float) -> None:
        started = False
        while True:
            lock = _open_lock(self.directory / "server.lock", account)
            try:
                if _try_lock(lock, fcntl.LOCK_EX):
                    if started:
                        raise self._failure("the embedded PostgreSQL server ended while starting")
                    self._start(lock, account)
                    started = True
                elif self._answers():
                    return
            finally:
                os.close(lock)
            self._wait(deadline, "the embedded PostgreSQL server does not get ready")

    def _answers(self) -> bool:
        info = self.info()
        if info is None or not info.ready:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(str(info.socket_directory / f".s.PGSQL.{PORT}"))
            except OSError:
                return False
        return True

    def _start(self, server_lock: int, account: Account | None) -> None:
        binaries = usable_binaries(self.binaries, self.directory, account)
        if not (self.data / "PG_VERSION").exists():
            create_cluster(self.data, binaries, server_lock, account)
        self._forget_dead_server()
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        sockets = self._socket_directory(account)
        # The setting is a list; quotes keep a comma or space of the path out of its syntax.
        quoted = '"' + str(sockets).replace('"', '""') + '"'
        settings = {**SETTINGS, **self.settings, "unix_socket_directories": quoted}
        command = [str(binaries / "postgres"), "-D", str(self.data), "-p", PORT]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        plan = {
            "command": command,
            "users": str(self.directory / "users.lock"),
            "server_lock": server_lock,
            "log": str(self.log),
            "uid": account and account.uid,
            "gid": account and account.gid,
            "user": account and account.name,
        }
        subprocess.run(  # noqa: S603  (our own script)
            [sys.executable, "-I", "-S", str(Path(keeper.__file__))],
            input=json.dumps(plan).encode(),
            env=server_environment(),
            pass_fds=(server_lock,),
            check=True,
        )

    def _forget_dead_server(self) -> None:
        """Remove the pid file of a server that was killed.

        `server.lock` is ours, so no server of this directory runs; but after a reboot its old
        pid may belong to another process, and PostgreSQL would then refuse to start.
        """
        info = self.info()
        if info is not None and not _is_postgres(info.pid):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _socket_directory(self, account: Account | None) -> Path:
        owner = os.geteuid() if account is None else account.uid
        path = self.directory / "run"
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH - len(f"/.s.PGSQL.{PORT}"):
            name = sha256(os.fsencode(self.directory)).hexdigest()[:10]
            path = Path(tempfile.gettempdir()) / f"continuum-{owner}-{name}"
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if path.is_symlink() or not path.is_dir() or path.stat().st_uid != owner:
                raise ConfigurationError(f"{path} is not a directory of the server's") from None
        else:
            if account is not None:
                os.chown(path, account.uid, account.gid)
        return path

    def _stop(self) -> None:
        """Stop the server. The caller holds `users.lock` exclusively."""
        lock = _open_lock(self.directory / "server.lock", server_account(self.data))
        try:
            deadline = time.monotonic() + STOP_TIMEOUT
            signalled: int | None = None
            sockets: Path | None = None
            while not _try_lock(lock, fcntl.LOCK_EX):
                info = self.info()
                sockets = sockets if info is None else info.socket_directory
                # The lock is held, so the pid is that of a live server of ours.
                if info is not None and signalled != info.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(info.pid, signal.SIGINT)
                    signalled = info.pid
                self._wait(deadline, "the embedded PostgreSQL server does not stop")
            if sockets is not None and not sockets.is_relative_to(self.directory):
                with contextlib.suppress(OSError):
                    sockets.rmdir()
        finally:
            os.close(lock)

    def _wait(self, deadline: float, problem: str) -> None:
        if time.monotonic() > deadline:
            raise self._failure(problem)
        time.sleep(POLL)

    def _failure(self, problem: str) -> DatabaseUnavailable:
        try:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-3:]
        except OSError:
            tail = []
        message = f"{problem}: {' | '.join(tail)}" if tail else problem
        return DatabaseUnavailable(message, hint=f"see {self.log}, or name a database: --dsn")


def _prepare_directory(directory: Path, account: Account | None) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700 if account is None else 0o711)
        if account is not None and directory.stat().st_uid == 0:
            directory.chmod(0o711)
    except OSError as error:
        raise ConfigurationError(
            f"cannot create {directory}: {error.strerror}",
            hint="set CONTINUUM_EMBEDDED_DIR to a directory of yours",
        ) from error
    if account is not None and not reachable(directory, account):
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and its user {account.name} cannot enter"
            f" {directory}",
            hint="set CONTINUUM_EMBEDDED_DIR to a directory that other users can enter",
        )


def _open_lock(path: Path, account: Account | None) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise ConfigurationError(
            f"{path} belongs to another user",
            hint="set CONTINUUM_EMBEDDED_DIR to a directory of yours",
        ) from error
    if account is not None and os.fstat(lock).st_uid == 0:
        os.fchown(lock, account.uid, account.gid)
    return lock


def _try_lock(lock: int, mode: int) -> bool:
    try:
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_postgres(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except OSError:
        return True
