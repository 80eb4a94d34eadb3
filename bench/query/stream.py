"""Every run piped out of the command line: rows a second, memory, and where the time goes.

    make bench-query ARGS=stream

Each line is a process of its own, `continuum query -A --all --format ...`, whose answer is read
from a pipe as `wc` would. The server's CPU is that of the sessions that ended meanwhile, so other
use of the same server blurs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast

import psutil
import psycopg

from bench.figures import median
from continuum.store.postgres.local_server import LocalServer

RATE: Final = 40_000
"""Rows a second that are asked for."""
MEMORY: Final = 150
"""MiB that the client may take."""
ROUNDS: Final = int(os.environ.get("ROUNDS", "3"))
_CHUNK: Final = 1 << 20
_NAMED: Final = ("--columns", "id,state,started_at,attributes.plan")
CASES: Final = {
    "jsonl": ("--format", "jsonl"),
    "csv": ("--format", "csv"),
    "ids": ("--format", "ids"),
    "jsonl, four columns": ("--format", "jsonl", *_NAMED),
    "csv, four columns": ("--format", "csv", *_NAMED),
}


class _Times(Protocol):
    children_user: float
    children_system: float


@dataclass(frozen=True)
class Streamed:
    """One answer that was read to its end.

    Attributes:
        rows: lines of it.
        rate: lines a second.
        mebibytes: the most memory the client had.
        client, server: seconds of CPU.
    """

    rows: int
    rate: float
    mebibytes: float
    client: float
    server: float


def stream(dsn: str, postmaster: psutil.Process, words: tuple[str, ...]) -> Streamed:
    """Run the command line and read what it prints."""
    before = _ended(postmaster)
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "continuum.cli", "query", "-A", "--all", "--dsn", dsn, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    rows, descriptor = 0, process.stdout.fileno()
    while chunk := os.read(descriptor, _CHUNK):
        rows += chunk.count(b"\n")
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ChildProcessError(f"the command ended with {process.returncode}")
    client = usage.ru_utime + usage.ru_stime
    return Streamed(rows, rows / taken, usage.ru_maxrss / 1024, client, _ended(postmaster) - before)


def _ended(postmaster: psutil.Process) -> float:
    """Seconds of CPU of all sessions that have ended."""
    times = cast("_Times", postmaster.cpu_times())
    return times.children_user + times.children_system


def bench_stream(joined: LocalServer, dsn: str) -> None:
    """All formats in turn, `ROUNDS` times; medians."""

    with psycopg.connect(joined.database_dsn("postgres")) as connection:
        [(directory,)] = connection.execute("SHOW data_directory").fetchall()
    first = Path(directory, "postmaster.pid").read_text().splitlines()[0]
    postmaster = psutil.Process(int(first))
    print(f"{'':<24} {'rows/s':>9} {'MiB':>6} {'client CPU':>11} {'server CPU':>11}")
    missed: list[str] = []
    measured: dict[str, list[Streamed]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, words in CASES.items():
            measured[name].append(stream(dsn, postmaster, words))
    for name, found in measured.items():

        def middle(what: str, found: list[Any] = found) -> float:
            return median([getattr(each, what) for each in found])

        met = middle("rate") >= RATE and middle("mebibytes") <= MEMORY
        print(
            f"{name:<24} {middle('rate'):>9,.0f} {middle('mebibytes'):>6.0f}"
            f" {middle('client'):>9.1f} s {middle('server'):>9.1f} s {'' if met else '  MISSED'}"
        )
        missed += [] if met else [name]
    if missed:
        sys.exit(f"fewer than {RATE:,} rows/s or more than {MEMORY} MiB: {', '.join(missed)}")
