"""`make bench-query`: every question, ours beside a plain statement and beside the peer.

RUNS=10000000 for ten million; ARGS='text' asks only questions whose name contains the text,
ARGS=ours asks nobody else, ARGS=walk walks through all pages while runs start and end, ARGS=prune
deletes all that ended meanwhile, and ARGS=stream pipes all runs.
"""

from __future__ import annotations

import asyncio
import os
import sys

import psycopg

from bench.figures import cpu_probe
from bench.query import declare, peer
from bench.query.cases import CASES, Case
from bench.query.load import directory, loaded, server
from bench.query.measure import Timing, ask_naively, ask_us, judge
from bench.query.prune import bench_prune
from bench.query.stream import bench_stream
from bench.query.walk import bench_walk
from continuum import Continuum
from continuum.errors import QueryError

RUNS = int(os.environ.get("RUNS", "1000000"))


def shown(timing: Timing | None) -> str:
    """p50 and p95 in milliseconds."""
    return "too long" if timing is None else f"{timing.p50:8.2f} {timing.p95:8.2f}"


async def ask(dsn: str, cases: list[Case], peers: dict[str, tuple[float, float]] | None) -> int:
    """Print a line for each question; the number of those that missed their target."""
    missed = 0
    async with (
        Continuum(dsn) as client,
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
    ):
        for case in cases:
            ours = naive = None
            try:
                ours = await ask_us(client, case)
            except QueryError as error:
                wrong: str | None = f"MISSED: {error}"
            else:
                if peers is not None:
                    naive = await ask_naively(connection, case)
                wrong = judge(case, ours, naive)
            missed += wrong is not None
            theirs = (peers or {}).get(case.name)
            peer_text = "" if theirs is None else f"{theirs[0]:8.2f} {theirs[1]:8.2f}"
            verdict = wrong or f"met {case.target.value:.0f} ms"
            if ours is not None and not ours.complete:
                verdict += ", incomplete"
            plain = "" if peers is None else shown(naive)
            print(
                f"{case.name:<42} {shown(ours):>17}  {plain:>17}  {peer_text:>17}  {verdict:<24}"
                f" {'' if ours is None else ours.found}",
                flush=True,
            )
    return missed


def main() -> None:
    """Load what is missing and ask."""
    words = [word for word in sys.argv[1:] if word != "ours"]
    cases = [case for case in CASES if all(word in case.name for word in words)]
    with server() as joined:
        dsn = loaded(joined, RUNS)
        print(f"{RUNS:,} runs in {directory()}; CPU probe {cpu_probe():.1f} ms")
        if words == ["walk"]:
            bench_walk(joined, dsn)
            return
        if words == ["prune"]:
            bench_prune(joined, dsn)
            return
        if words == ["stream"]:
            bench_stream(joined, dsn)
            return
        peers = None if "ours" in sys.argv else peer.timings(joined, cases)
        declared = [case for case in cases if case.declared]
        if declared:
            asyncio.run(declare.build(dsn))
        print(
            f"{'ms, p50 and p95':<42} {'ours':>17}  {'plain statement':>17}  {'DBOS, 1 M':>17}"
            f"  {'target':<24} found by"
        )
        declare.show(dsn, visible=False)
        missed = asyncio.run(ask(dsn, [case for case in cases if not case.declared], peers))
        declare.show(dsn, visible=True)
        missed += asyncio.run(ask(dsn, declared, peers))
    print(f"CPU probe at the end {cpu_probe():.1f} ms")
    if missed:
        sys.exit(f"{missed} of {len(cases)} questions missed their target")
    print(f"all {len(cases)} questions met their target")


if __name__ == "__main__":
    main()
