"""`make bench-query`: every question, ours beside a plain statement and beside the peer.

RUNS=10000000 for ten million; ARGS='text' asks only questions whose name contains the text,
ARGS=walk walks through all pages while runs start and end, and ARGS=stream pipes all runs.
"""

from __future__ import annotations

import asyncio
import os
import sys

import psycopg

from bench.figures import cpu_probe
from bench.query import peer
from bench.query.cases import CASES, Case
from bench.query.load import directory, loaded, server
from bench.query.measure import Timing, ask_naively, ask_us
from bench.query.stream import bench_stream
from bench.query.walk import bench_walk
from continuum import Continuum
from continuum.errors import QueryError

RUNS = int(os.environ.get("RUNS", "1000000"))
TARGET = 10.0
"""Milliseconds, p95, for a first page that an index can serve."""


def shown(timing: Timing | None) -> str:
    """p50 and p95 in milliseconds."""
    return "too long" if timing is None else f"{timing.p50:9.2f} {timing.p95:9.2f}"


async def ask(client: Continuum, case: Case) -> Timing | None:
    """Ours; None when it was given up."""
    try:
        return await ask_us(client, case)
    except QueryError as error:
        if "took longer" not in str(error):
            raise
        return None


async def compare(dsn: str, cases: list[Case], peers: dict[str, tuple[float, float]]) -> None:
    """Print a line for each question."""
    print(f"{'ms, p50 and p95':<40} {'ours':>19}  {'plain statement':>19}  {'DBOS, 1 M':>19}")
    wrong: list[str] = []
    async with (
        Continuum(dsn) as client,
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
    ):
        for case in cases:
            ours, naive = await ask(client, case), await ask_naively(connection, case)
            theirs = peers.get(case.name)
            note = ""
            if ours is not None and naive is not None and ours.complete:
                note = "" if ours.answer == naive.answer else "  DIFFERENT ANSWERS"
            elif ours is not None and not ours.complete:
                note = "  incomplete"
            if "DIFFERENT" in note:
                wrong.append(case.name)
            peer_text = "" if theirs is None else f"{theirs[0]:9.2f} {theirs[1]:9.2f}"
            slow = " " if ours is not None and ours.p95 <= TARGET else "*"
            line = f"{case.name:<40} {shown(ours):>19}{slow} {shown(naive):>19}  {peer_text:>19}"
            print(f"{line}{note}", flush=True)
    print(f"* above {TARGET:.0f} ms")
    if wrong:
        sys.exit(f"answers differ: {', '.join(wrong)}")


def main() -> None:
    """Load what is missing and ask."""
    cases = [case for case in CASES if all(word in case.name for word in sys.argv[1:])]
    with server() as joined:
        dsn = loaded(joined, RUNS)
        print(f"{RUNS:,} runs in {directory()}; CPU probe {cpu_probe():.1f} ms")
        if sys.argv[1:] == ["walk"]:
            bench_walk(joined, dsn)
            return
        if sys.argv[1:] == ["stream"]:
            bench_stream(joined, dsn)
            return
        asyncio.run(compare(dsn, cases, peer.timings(joined, cases)))
    print(f"CPU probe at the end {cpu_probe():.1f} ms")


if __name__ == "__main__":
    main()
