"""Reading from a real streaming replica: what its answers say, and what happens without it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from continuum import Continuum
from continuum.store.postgres.account import server_account
from continuum.store.postgres.embedded import embedded_binaries
from continuum.store.postgres.local_server import LocalServer
from tests import servers
from tests.cli.processes import Shell, new_shell
from tests.client.rows import insert_runs, make_run

STREAMING = {"wal_level": "replica", "max_wal_senders": "4"}


@contextmanager
def own_directory() -> Generator[Path]:
    """Of a server that only this test uses."""
    directory = servers.session_directory() / f"own-{uuid4().hex[:8]}"
    yield directory
    servers.wait_stopped(directory)


@contextmanager
def replica_of(primary: LocalServer, directory: Path) -> Generator[LocalServer]:
    """A hot standby that streams from the primary."""
    info = primary.info()
    assert info is not None
    directory.mkdir(mode=0o711)
    subprocess.run(
        [embedded_binaries() / "pg_basebackup", "--pgdata", directory / "data", "--write-recovery",
         "--checkpoint", "fast", "--host", info.socket_directory, "--port", "5432",
         "--username", "continuum"],
        check=True, capture_output=True,
    )  # fmt: skip
    account = server_account(primary.data)
    if account is not None:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    replica = LocalServer(
        directory, embedded_binaries(), {**servers.FAST_AND_FORGETFUL, **STREAMING}
    )
    with replica:
        yield replica


def wait_until(dsn: str, condition: str) -> None:
    """Ask the server until the condition holds."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '20s'")
        connection.execute(
            f"DO $$ BEGIN WHILE NOT COALESCE(({condition}), false) LOOP PERFORM pg_sleep(0.01);"
            " PERFORM pg_stat_clear_snapshot(); END LOOP; END $$".encode()
        )


@pytest.mark.timeout(120)
def test_answers_of_a_replica_say_so(tmp_path: Path) -> None:
    """Every answer names the replica and how far behind it is, also one that is cut off.

    A replica that has replayed everything is 0 s behind. One that has not cannot tell before its
    first transaction; one that receives nothing, since its primary is gone, is as far behind as
    its last transaction. Queries need no primary; a replica that is gone is one line and exit 3.
    """
    with own_directory() as home, own_directory() as away:
        primary = servers.open_server(servers.EMBEDDED, home, **STREAMING)
        try:
            dsn = primary.new_database()
            runs = [make_run(Random(n), "default") for n in range(30)]
            insert_runs(dsn, runs[:20])
            assert primary.local is not None
            with replica_of(primary.local, away) as replica:
                read_dsn = replica.database_dsn(str(conninfo_to_dict(dsn)["dbname"]))
                count = "SELECT count(*) = {} FROM continuum_runs"
                wait_until(read_dsn, count.format(20))
                wait_until(read_dsn, "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)")
                with Continuum.blocking(dsn, read_dsn=read_dsn) as ct:
                    page = ct.query(limit=7)
                    assert (page.stamp.source, page.stamp.lag) == ("replica", 0.0)
                    assert ct.counts().stamp.source == "replica"
                    with psycopg.connect(read_dsn, autocommit=True) as standby:
                        standby.execute("SELECT pg_wal_replay_pause()")
                        wait_until(read_dsn, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
                        insert_runs(dsn, runs[20:])
                        wait_until(
                            read_dsn,
                            "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()",
                        )
                        behind = ct.counts()
                        assert [group.count for group in behind.groups] == [20]
                        assert behind.stamp.lag is None  # no transaction was replayed yet
                        standby.execute("SELECT pg_wal_replay_resume()")
                wait_until(read_dsn, count.format(30))
                shell = new_shell(tmp_path, dsn)
                _check_commands(shell, read_dsn, lambda lag: lag == 0)
                primary.kill()
                wait_until(read_dsn, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
                _check_commands(shell, read_dsn, lambda lag: lag is not None and lag > 0)
            done = shell.run("query", "--read-dsn", read_dsn)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
            primary.start()
            assert json.loads(shell.answer("query", "--count")) == 30
        finally:
            primary.close()


def _check_commands(shell: Shell, read_dsn: str, right: Callable[[float | None], bool]) -> None:
    """Each way to ask says that it was the replica."""
    words = ["query", "--read-dsn", read_dsn]
    for more in ([], ["--all"], ["--count"], ["--group-by", "state"], ["--limit", "3"]):
        for shape in ("csv", "table"):
            done = shell.run(*words, *more, "--format", shape)
            assert done.returncode == 0, done.stderr
            [line] = done.stderr.splitlines()
            assert ", replica, behind by: " in line
            assert line.rpartition("behind by: ")[2].removesuffix(" s").replace(".", "").isdigit()
    for more in (["--format", "json"], ["--format", "json", "--all"], ["--explain"]):
        stamp = json.loads(shell.answer(*words, *more))["stamp"]
        assert stamp["source"] == "replica"
        assert right(stamp["lag"])
