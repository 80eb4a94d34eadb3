"""Start one PostgreSQL server as a daemon and stop it when its last user has gone.

Runs as a script in a process of its own (`python -I -S keeper.py`), so it imports only the
standard library. A *user* of the server is whoever holds a shared lock on the users file; the
kernel drops that lock when a process dies, however it dies, so no stale handle can exist.

The keeper is the parent of the server. The caller's exclusive lock on the server file is handed
on to the server's processes: it is held exactly as long as one of them lives.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from types import FrameType


def main() -> int:
    """Read the plan, fork the keeper proper and return; the caller looks for readiness."""
    plan = json.load(sys.stdin)
    users = os.open(plan["users"], os.O_RDWR)
    if os.fork():
        return 0
    os.setsid()
    log = os.open(plan["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    silence = os.open(os.devnull, os.O_RDWR)
    for target, source in ((0, silence), (1, log), (2, log)):
        os.dup2(source, target)
    if plan["uid"] is not None:
        os.fchown(log, plan["uid"], plan["gid"])
        os.initgroups(plan["user"], plan["gid"])
        os.setgid(plan["gid"])
        os.setuid(plan["uid"])
    os.chdir("/")
    keep(plan["command"], users, plan["server_lock"])
    return 0


def keep(command: list[str], users: int, server_lock: int) -> None:
    """Run the server until it ends by itself or nobody uses it any more."""
    server = subprocess.Popen(  # noqa: S603  (our own command line)
        command, pass_fds=(server_lock,), start_new_session=True
    )
    os.close(server_lock)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=stop_without_users, args=(server, users), daemon=True).start()
    server.wait()


def stop_without_users(server: subprocess.Popen[bytes], users: int) -> None:
    """Wait until no user is left; then stop the server, keeping new users out meanwhile."""
    fcntl.flock(users, fcntl.LOCK_EX)
    server.send_signal(signal.SIGINT)
    server.wait()


if __name__ == "__main__":
    sys.exit(main())
