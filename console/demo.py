"""The demo workload beside the console, as a child that cannot outlive it.

The child watches its standard input, which is a pipe from the console: when the console ends, in
whatever way, the pipe closes and the child stops. Its own output goes to a file, because the
screen belongs to the console.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Final

from console.present.plain import one_line

STOPS_WITHIN: Final = 10.0
"""Seconds the workload may take to give everything back."""


class DemoProcess:
    """Runs `continuum demo` until told to stop.

    Args:
        dsn: the database; None for the default one. Handed over in the environment, so that no
            password shows in the process list.
        yes: use a database that holds other runs, too.
    """

    def __init__(self, dsn: str | None, yes: bool = False) -> None:
        self._dsn = dsn
        self._options = ["--yes"] if yes else []
        self._process: asyncio.subprocess.Process | None = None
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the child)
        self._watch: asyncio.Task[None] | None = None

    async def start(self, ended: Callable[[str], None]) -> None:
        """Start the child; `ended` hears why if it stops by itself."""
        environment = dict(os.environ)
        if self._dsn is not None:
            environment["CONTINUUM_DSN"] = self._dsn
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            *self._options,
            stdin=asyncio.subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            env=environment,
            start_new_session=True,
        )
        self._watch = asyncio.create_task(self._wait(ended))

    async def stop(self) -> None:
        """Stop the child and wait until it is gone."""
        process, self._process = self._process, None
        if self._watch is not None:
            self._watch.cancel()
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOPS_WITHIN + 2):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        self._output.close()

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return None if self._process is None else self._process.pid

    async def _wait(self, ended: Callable[[str], None]) -> None:
        if self._process is None:
            return
        code = await self._process.wait()
        self._output.seek(0)
        said = self._output.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        ended(one_line(said[-1]) if said else f"it ended with code {code}")


def _stop_with_parent() -> None:
    """End this process when its standard input closes: politely first, then for certain."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Timer(STOPS_WITHIN, os._exit, (1,)).start()


def main() -> None:
    """Run the workload in this process, for as long as the parent lives."""
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    sys.argv = ["continuum", "demo", *sys.argv[1:]]
    runpy.run_module("continuum.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
