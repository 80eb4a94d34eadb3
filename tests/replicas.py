"""A primary and a synchronous streaming replica of it, for one test that kills the primary."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psutil
import psycopg

from continuum.store.postgres.account import Account, server_account
from continuum.store.postgres.cluster import (
    DATABASE,
    ROLE,
    server_environment,
    usable_binaries,
)
from continuum.store.postgres.embedded import embedded_binaries
from continuum.store.postgres.local_server import LocalServer, ServerInfo
from tests import servers

SETTINGS: Mapping[str, str] = {
    **servers.FAST_AND_FORGETFUL,
    "wal_level": "replica",
    "max_wal_senders": "4",
    "dynamic_shared_memory_type": "mmap",  # what a killed server leaves then lies in its directory
}


class Standby(LocalServer):
    """A server that may answer queries only: it is ready, too."""

    def info(self) -> ServerInfo | None:
        """See `LocalServer.info`, where "standby" does not count as ready."""
        found = super().info()
        lines = (self.data / "postmaster.pid").read_text().splitlines() if found else []
        in_standby = len(lines) > 7 and lines[7].strip() == "standby"
        return replace(found, ready=True) if found is not None and in_standby else found


@dataclass(frozen=True)
class Pair:
    """Two servers, the second one a copy that the first one's commits wait for.

    Attributes:
        dsn: names both, and means whichever takes writes.
        primary, standby: the servers.
    """

    dsn: str
    primary: LocalServer
    standby: LocalServer

    def kill_primary(self) -> None:
        """SIGKILL all its processes, as a machine that goes down does."""
        info = self.primary.info()
        assert info is not None
        postmaster = psutil.Process(info.pid)
        for process in (postmaster, *postmaster.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        servers.wait_stopped(self.primary.directory)

    def promote(self) -> None:
        """Make the replica the primary; returns when it takes writes."""
        with psycopg.connect(self.standby.dsn, autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote(true, 30)").fetchone() == (True,)

    def replica_is_synchronous(self) -> bool:
        """Whether commits of the primary wait for the replica."""
        with psycopg.connect(self.primary.dsn, autocommit=True) as connection:
            found = connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall()
        return found == [("sync",)]


@contextlib.contextmanager
def synchronous_pair() -> Iterator[Pair]:
    """Both servers with a migrated database; stopped afterwards, whatever is left of them."""
    names = [servers.session_directory() / f"{kind}-{uuid4().hex[:8]}" for kind in ("a", "b")]
    primary = LocalServer(names[0], embedded_binaries(), SETTINGS)
    standby = Standby(names[1], embedded_binaries(), SETTINGS)
    with contextlib.ExitStack() as stack:
        for server in (primary, standby):
            stack.callback(_clean_up, server)
        primary.join()
        _migrate(primary.dsn)
        _copy(primary, standby)
        standby.join()
        with psycopg.connect(primary.dsn, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        yield Pair(_dsn_of_both(primary, standby), primary, standby)


def _dsn_of_both(*both: LocalServer) -> str:
    hosts = [_socket_directory(server) for server in both]
    names = ",".join(quote(str(host), safe="") for host in hosts)
    return f"postgresql://{ROLE}@{names}/{DATABASE}?target_session_attrs=read-write"


def _socket_directory(server: LocalServer) -> Path:
    info = server.info()
    assert info is not None
    return info.socket_directory


def _migrate(dsn: str) -> None:
    from continuum.store.postgres import migrate, pool

    async def build() -> None:
        async with await pool.connect(pool.PostgresSettings(dsn)) as connection:
            await migrate.migrate(connection)

    asyncio.run(build())


def _copy(primary: LocalServer, standby: LocalServer) -> None:
    """`pg_basebackup -R`: the data of the replica, and where it streams from."""
    account: Account | None = server_account(primary.data)
    standby.directory.mkdir(mode=0o711)
    standby.data.mkdir(mode=0o700)
    if account is not None:
        os.chown(standby.data, account.uid, account.gid)
    command = [
        str(usable_binaries(primary.binaries, primary.directory, account) / "pg_basebackup"),
        "--pgdata", str(standby.data), "--host", str(_socket_directory(primary)),
        "--username", ROLE, "--checkpoint=fast", "--no-sync", "--write-recovery-conf",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd="/",
        env=server_environment(),
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _clean_up(server: LocalServer) -> None:
    if not server.directory.exists():
        return
    segment = _shared_memory(server)
    server.leave()
    servers.wait_stopped(server.directory)
    if segment is not None:  # gone with a server that was stopped, left by one that was killed
        subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)
    shutil.rmtree(server.directory, ignore_errors=True)


def _shared_memory(server: LocalServer) -> str | None:
    try:
        lines = (server.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    return lines[6].split()[-1] if len(lines) > 6 and lines[6].strip() else None
