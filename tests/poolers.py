"""PgBouncer, in transaction mode by default, before a server of the tests, where it is installed.

CONTINUUM_TEST_POOLER=1 puts one before every database of `tests/cluster`.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import conninfo

VARIABLE = "CONTINUUM_TEST_POOLER"
EVERYWHERE = os.environ.get(VARIABLE) == "1"

AROUND: dict[str, str] = {}
"""The direct DSN of each DSN that leads through a pooler of this process."""

_OF_DEBIAN = "/usr/sbin/pgbouncer"


def pgbouncer() -> str | None:
    """The program, if this machine has it."""
    return shutil.which("pgbouncer") or shutil.which(_OF_DEBIAN)


@contextmanager
def pooler(dsn: str, *, mode: str = "transaction", sessions: int = 20) -> Iterator[str]:
    """The DSN of the same database through PgBouncer; skips the test where it is not installed.

    Args:
        dsn: of the server; the pooler serves all its databases.
        mode: how long a client keeps a session: "transaction" or "session".
        sessions: of the server, for each database.
    """
    binary = pgbouncer()
    if binary is None:
        pytest.skip("needs PgBouncer (Debian: apt install pgbouncer)")
    given = {key: str(value) for key, value in conninfo.conninfo_to_dict(dsn).items()}
    address = " ".join(
        f"{key}={given[key]}" for key in ("host", "port", "password") if key in given
    )
    with tempfile.TemporaryDirectory(prefix="continuum-pooler-") as folder:
        port = _free_port()
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = {address} user={given['user']}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = {mode}\nserver_login_retry = 1\n"
            f"default_pool_size = {sessions}\nmax_client_conn = 2000\n"
            f"{_without_prepared_statements(binary)}\n"
        )
        Path(folder).chmod(0o711)
        config.chmod(0o644)
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [binary, *_account(given["host"]), str(config)], stdout=log, stderr=log
            )
            try:
                _wait_listening(port, process, Path(folder) / "log")
                pooled = conninfo.make_conninfo(dsn, host="127.0.0.1", port=port)
                AROUND[pooled] = dsn
                yield pooled
            finally:
                process.terminate()
                process.wait()


def _account(host: str) -> list[str]:
    """PgBouncer refuses to be root; the socket of a server of ours opens for its own account."""
    if os.geteuid() != 0:
        return []
    return ["-u", Path(host).owner() if host.startswith("/") else "nobody"]


def _without_prepared_statements(binary: str) -> str:
    """What switches them off in releases that know them."""
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", told)
    assert found is not None, told
    knows = (int(found[1]), int(found[2])) >= (1, 21)
    return "max_prepared_statements = 0" if knows else ""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "pgbouncer does not listen"
            time.sleep(0.05)
