"""The real command and real workers, against a real database."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pty
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from continuum.cli.main import run

ALONE = threading.Lock()
COMMAND = [sys.executable, "-m", "continuum.cli"]
FLOWS = '''
"""What the workers of these tests run."""

import asyncio
from dataclasses import dataclass

import continuum
from continuum import activity, workflow


@dataclass
class Order:
    id: str
    amount: int


@activity
async def charge(order: Order) -> str:
    return f"payment-{order.id}"


@workflow
async def order_flow(order: Order) -> str:
    payment = await charge(order)
    verdict = await continuum.wait_signal("fraud_review", type=str)
    return f"{payment} {verdict}"


@workflow
async def add(left: int, right: int = 1) -> int:
    return left + right


@workflow
async def broken(text: str) -> None:
    raise ValueError(text)
'''


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `continuum` as a person would, in a directory that holds `flows.py`."""

    directory: Path
    dsn: str | None

    @property
    def own_environment(self) -> dict[str, str]:
        """What this shell has set."""
        return {} if self.dsn is None else {"CONTINUUM_DSN": self.dsn}

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of its processes."""
        return os.environ | self.own_environment

    def run(self, *words: str, stdin: str = "") -> Done:
        """One command, in this process for speed; its exit code is the caller's to check.

        One at a time: it changes the directory, the environment and the output of the process.
        Commands beside each other need `run_process`.
        """
        assert ALONE.acquire(blocking=False), "two commands at once in one process"
        try:
            return self._run(words, stdin)
        finally:
            ALONE.release()

    def _run(self, words: Sequence[str], stdin: str) -> Done:
        out, errors = io.StringIO(), io.StringIO()
        path, modules = list(sys.path), set(sys.modules)
        log = logging.getLogger("psycopg")
        loud = log.level
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.chdir(self.directory),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
        ):
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            for name, value in self.own_environment.items():
                patch.setenv(name, value)
            try:
                code = run(words)
            finally:
                log.setLevel(loud)
                sys.path[:] = path
                if "flows" not in modules:
                    sys.modules.pop("flows", None)
        return Done(code, out.getvalue(), errors.getvalue())

    def run_process(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command in a process of its own."""
        return subprocess.run(
            [*COMMAND, *words],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def answer(self, *words: str) -> str:
        """What a command prints; it must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def pipe(self, line: str) -> subprocess.CompletedProcess[str]:
        """A line for the shell, in which `continuum` is the command."""
        script = self.directory / "continuum"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
        script.chmod(0o755)
        return subprocess.run(
            ["/bin/bash", "-c", f"set -o pipefail; {line}"],
            cwd=self.directory,
            env=self.environment | {"PATH": f"{self.directory}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    def on_terminal(self, *words: str) -> str:
        """What a command writes to a terminal of 100 columns."""
        ours, theirs = pty.openpty()
        try:
            subprocess.run(
                [*COMMAND, *words],
                cwd=self.directory,
                env=self.environment | {"COLUMNS": "100"},
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=subprocess.DEVNULL,
                timeout=100,
                check=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123  (a descriptor)
            written = b""
            with contextlib.suppress(OSError):  # EIO: nobody has it open any more
                while part := terminal.read(65536):  # it may come in pieces
                    written += part
        return written.decode().replace("\r\n", "\n")

    @contextmanager
    def start(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on in the background until the block ends (SIGTERM)."""
        process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_ctrl_c,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=40)

    @contextmanager
    def worker(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A worker that has said that it runs `flows`."""
        with self.start("worker", "--app", "flows", *words) as process:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert "runs" in said, said
            yield process


def heed_ctrl_c() -> None:
    """A test run in the background of a shell ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def new_shell(directory: Path, dsn: str | None) -> Shell:
    """A shell in `directory`, with the test's workflows."""
    (directory / "flows.py").write_text(FLOWS)
    return Shell(directory, dsn)


def lines(text: str) -> Sequence[str]:
    """The lines of an answer."""
    return text.strip().splitlines()
