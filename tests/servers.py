"""PostgreSQL servers for tests: the embedded one, every other found here, or one named.

All xdist workers of a run share the servers. They are `LocalServer`s, so whatever ends a worker
(the end of the run, Ctrl-C, SIGKILL), the last one's going stops them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
from psycopg import conninfo, sql

from continuum.store.postgres.embedded import embedded_binaries
from continuum.store.postgres.local_server import LocalServer

DIRECTORY_VARIABLE = "CONTINUUM_TEST_DIR"
NAMED_SERVER_VARIABLE = "CONTINUUM_TEST_DSN"
DIRECTORY_PREFIX = "continuum-tests-"
EMBEDDED = "embedded"
STATEMENT_TIMEOUT = "20s"

FAST_AND_FORGETFUL = {
    "fsync": "off", "full_page_writes": "off", "synchronous_commit": "on",
    "shared_buffers": "128MB", "max_wal_size": "256MB", "statement_timeout": STATEMENT_TIMEOUT,
}  # fmt: skip
"""Test data need not survive a power cut; everything that tests can see stays as it is."""

MEMORY_DISK = Path("/dev/shm")
ROOM_IN_MEMORY = 4 * 1024**3
"""Bytes of memory that must be free for the servers' files to be kept there: databases are made
and dropped for almost every test, and on a disk most of the time goes into their files."""


class TestServer:
    """A server on which a test may make databases; they are all called continuum_test_*."""

    __test__ = False

    def __init__(self, name: str, local: LocalServer | None, admin_dsn: str) -> None:
        self.name = name
        self.local = local
        self.admin_dsn = admin_dsn
        self._templates: dict[str, str] = {}
        self._connection: psycopg.Connection | None = None

    def create_database(self, template: str | None = None) -> str:
        """Make a database and return its DSN; drop it with `drop_database`."""
        name = f"continuum_test_{uuid4().hex[:16]}"
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            create += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        admin = self._admin()
        if admin.info.server_version >= 150000:
            create += sql.SQL(" STRATEGY file_copy")  # half the work of writing it all to the log
        admin.execute(create)
        if self.local is None:
            admin.execute(
                sql.SQL("ALTER DATABASE {} SET statement_timeout = {}").format(
                    sql.Identifier(name), STATEMENT_TIMEOUT
                )
            )
        return self.dsn_of(name)

    def drop_database(self, dsn: str) -> None:
        """Drop a database, also one that is still in use."""
        name = str(conninfo.conninfo_to_dict(dsn)["dbname"])
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        self._admin().execute(drop)

    def _admin(self) -> psycopg.Connection:
        """A connection for the making of databases, kept."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.admin_dsn, autocommit=True)
            self._connection.execute("SET statement_timeout = 0")
        return self._connection

    @contextlib.contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """A database for the length of a `with` block."""
        dsn = self.create_database(template)
        try:
            yield dsn
        finally:
            self.drop_database(dsn)

    def dsn_of(self, database: str) -> str:
        """How to connect to another database of this server."""
        return conninfo.make_conninfo(self.admin_dsn, dbname=database)

    def migrated_template(self) -> str:
        """The name of a database of this process that has been migrated once."""
        # Migrating is imported late: a broken migration must not break every unit test.
        import asyncio

        from continuum.store.postgres import migrate, pool

        async def build(dsn: str) -> None:
            connection = await pool.connect(pool.PostgresSettings(dsn))
            async with connection:
                await migrate.migrate(connection)

        return self._template("migrated", None, lambda dsn: asyncio.run(build(dsn)))

    def filled_template(self, fill: Callable[[str], None]) -> str:
        """The name of a migrated database of this process that `fill` has filled once."""
        return self._template(
            f"{fill.__module__}.{fill.__qualname__}", self.migrated_template(), fill
        )

    def _template(self, key: str, origin: str | None, build: Callable[[str], None]) -> str:
        if key not in self._templates:
            dsn = self.create_database(origin)
            self._templates[key] = str(conninfo.conninfo_to_dict(dsn)["dbname"])
            build(dsn)
        return self._templates[key]

    def new_database(self) -> str:
        """A migrated database, for a server that is the test's own and vanishes with it."""
        return self.create_database(self.migrated_template())

    def restart_immediately(self) -> None:
        """Stop the server as `pg_ctl -m immediate` does, and start it again (local ones only)."""
        self.kill()
        self.start()

    def kill(self) -> None:
        """Stop the server in immediate mode and wait until it is gone."""
        assert self.local is not None
        info = self.local.info()
        assert info is not None
        self._disconnect()
        os.kill(info.pid, signal.SIGQUIT)
        wait_stopped(self.local.directory)

    def start(self) -> None:
        """Start the server again after `kill`."""
        assert self.local is not None
        self.local.ensure_running()

    def close(self) -> None:
        """Drop what is left of this process and leave the server."""
        for name in self._templates.values():
            with contextlib.suppress(psycopg.Error):
                self.drop_database(self.dsn_of(name))
        self._disconnect()
        if self.local is not None:
            self.local.leave()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


def server_names() -> list[str]:
    """The embedded server first, then what `/usr/lib/postgresql` and CONTINUUM_TEST_DSN offer."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    names = [EMBEDDED, *(f"postgresql-{path.parent.parent.name}" for path in installed)]
    return [*names, "named"] if os.environ.get(NAMED_SERVER_VARIABLE) else names


def open_server(name: str, directory: Path | None = None, **settings: str) -> TestServer:
    """Join (or start) one of `server_names()`.

    Args:
        name: which one.
        directory: its own directory for a server that is not shared with other tests.
        settings: server settings, over those for tests.
    """
    if name == "named":
        return TestServer(name, None, os.environ[NAMED_SERVER_VARIABLE])
    if name == EMBEDDED:
        binaries = embedded_binaries()
    else:
        binaries = Path("/usr/lib/postgresql") / name.removeprefix("postgresql-") / "bin"
    local = LocalServer(
        directory or session_directory() / name,
        binaries,
        {**FAST_AND_FORGETFUL, **settings},
    )
    local.join()
    return TestServer(name, local, local.dsn)


def session_directory() -> Path:
    """The directory of this test run, shared by its xdist workers."""
    return Path(os.environ[DIRECTORY_VARIABLE])


def make_session_directory() -> tuple[Path, int]:
    """Create it, and take the lock that says that this run is alive.

    The server's account must be able to enter when root runs the tests.
    """
    remove_forgotten_directories()
    directory = Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX, dir=_fastest_place()))
    directory.chmod(0o711)
    new = directory / "alive.new"
    alive = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    new.rename(directory / "alive.lock")
    return directory, alive


def _fastest_place() -> Path:
    """Memory where there is room for the run, else the directory for temporary files."""
    with contextlib.suppress(OSError):
        disk = os.statvfs(MEMORY_DISK)
        free = min(disk.f_bavail * disk.f_frsize, psutil.virtual_memory().available)
        runs = not disk.f_flag & os.ST_NOEXEC
        if runs and free >= ROOM_IN_MEMORY and os.access(MEMORY_DISK, os.W_OK | os.X_OK):
            return MEMORY_DISK
    return Path(tempfile.gettempdir())


def remove_session_directory(directory: Path, alive: int) -> None:
    """Delete it once every server in it has stopped."""
    for lock in directory.glob("*/server.lock"):
        wait_stopped(lock.parent)
    shutil.rmtree(directory, ignore_errors=True)
    os.close(alive)


def remove_forgotten_directories() -> None:
    """Delete those of runs that were killed; their servers stopped by themselves."""
    pattern = f"{DIRECTORY_PREFIX}*/alive.lock"
    for alive in chain.from_iterable(
        place.glob(pattern) for place in {MEMORY_DISK, Path(tempfile.gettempdir())}
    ):
        locks = [alive, *alive.parent.glob("*/server.lock")]
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            for lock in locks:
                fcntl.flock(opened.enter_context(lock.open("r+b")), fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(alive.parent, ignore_errors=True)


def wait_stopped(directory: Path, timeout: float = 30.0) -> None:
    """Wait until no process of the server of `directory` is left."""
    deadline = time.monotonic() + timeout
    with (directory / "server.lock").open("r+b") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return
