"""Keeps several worker processes running: restarts what crashes, drains all at SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from typing import Final

from continuum.cli.command import note
from continuum.cli.failures import ExitCode

PLACE_VARIABLE: Final = "CONTINUUM_WORKER_PLACE"
"""Which of the supervised workers a process is, from 0."""

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 30.0
STEADY_SECONDS: Final = 10.0
"""A worker that lived this long started well; its next crash is restarted without delay."""
GRACE_SECONDS: Final = 5.0
"""Beyond the drain time, until a worker is killed."""


def child_arguments(arguments: Sequence[str]) -> list[str]:
    """The words of this command line without `--dsn` and `--processes` and their values."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in ("--dsn", "--processes"):
            next(words, None)
        elif not word.startswith(("--dsn=", "--processes=")):
            kept.append(word)
    return kept


def next_delay(delay: float, lived: float) -> float:
    """Seconds to wait before the next start.

    Args:
        delay: what was waited last time (0 for the first).
        lived: how long the process that just ended has run.

    Example:
        >>> next_delay(0, 0.2), next_delay(0.5, 0.2), next_delay(16, 60)
        (0.5, 1.0, 0.0)
    """
    if lived >= STEADY_SECONDS:
        return 0.0
    return min(max(delay * 2, FIRST_DELAY), LONGEST_DELAY)


def drain_with_supervisor() -> None:
    """In a worker: take the end of the supervisor, which closes our stdin, as a SIGTERM."""
    loop = asyncio.get_running_loop()

    def on_readable() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            loop.remove_reader(sys.stdin.fileno())
            os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(sys.stdin.fileno(), on_readable)


class Supervisor:
    """Runs the command line of this process `count` times over.

    Args:
        count: worker processes.
        environment: theirs.
        drain_timeout: seconds a worker may take to drain.
        command: the command to run (default: this command line, without `--processes`).
    """

    def __init__(
        self,
        count: int,
        environment: Mapping[str, str],
        drain_timeout: float,
        command: Sequence[str] | None = None,
    ) -> None:
        words = [*child_arguments(sys.argv[1:]), "--supervised"]
        own = [sys.executable, "-m", "continuum.cli", *words]
        self._command = list(own if command is None else command)
        self._count = count
        self._environment = environment
        self._drain_timeout = drain_timeout
        self._stopping = asyncio.Event()
        self._running: set[Process] = set()
        self._fatal: int | None = None

    async def run(self) -> int:
        """Until SIGTERM or Ctrl-C has drained every worker, or one cannot start at all."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            await asyncio.gather(*(self._keep_running(place) for place in range(self._count)))
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        return ExitCode.OK if self._fatal is None else self._fatal

    def stop(self) -> None:
        """Ask every worker to drain; a second call passes the signal on once more."""
        self._stopping.set()
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def _keep_running(self, place: int) -> None:
        delay = 0.0
        while not self._stopping.is_set():
            code, lived = await self._run_once(place)
            if self._stopping.is_set():
                return
            if code == ExitCode.USAGE or (code == ExitCode.DATABASE and lived < STEADY_SECONDS):
                # Wrong usage and a missing database end a single worker, so they end these, too.
                self._fatal = code
                self.stop()
                return
            delay = next_delay(delay, lived)
            ended = f"signal {-code}" if code < 0 else f"exit code {code}"
            note(f"a worker ended with {ended}; the next one starts in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()

    async def _run_once(self, place: int) -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        # A new session: Ctrl-C in the terminal reaches the supervisor only, which passes it on.
        # The pipe to its stdin closes with this process, whatever ends it; then the worker drains.
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env={**self._environment, PLACE_VARIABLE: str(place)},
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._running.add(process)
        try:
            if self._stopping.is_set():
                process.terminate()
            code = await self._wait(process)
        finally:
            self._running.discard(process)
        return code, loop.time() - started

    async def _wait(self, process: Process) -> int:
        ended = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await asyncio.wait((ended,), timeout=self._drain_timeout + GRACE_SECONDS)
            if not ended.done():
                note(f"worker {process.pid} did not drain in time and is killed")
                process.kill()
            return await ended
        finally:
            stopping.cancel()
