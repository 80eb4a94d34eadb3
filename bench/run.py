"""`make bench`: whole figures and their ratio to raw psycopg, in one run on one server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import psycopg

from bench import raw, replay_audit
from bench.figures import cpu_probe, median, percentile
from bench.server import database, server

ROUNDS = int(os.environ.get("ROUNDS", "3"))
WORKFLOWS = int(os.environ.get("WORKFLOWS", "4000"))
REPLAYED = int(os.environ.get("REPLAYED", "5000"))
CLI = [sys.executable, "-m", "continuum.cli"]


def engine(name: str, dsn: str, size: int) -> Any:
    """One measurement of ours in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.engine", name, dsn, str(size)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def line(what: str, value: str, ratio: str, target: str, met: bool) -> None:
    """One row of the table."""
    print(f"{what:<44} {value:>24} {ratio:>14}   {target:<34} {'ok' if met else 'MISSED'}")


def bench_throughput(dsn: str) -> None:
    """Interleaved rounds of the raw script and of ours."""
    ours: list[float] = []
    limit: list[float] = []
    for _ in range(ROUNDS):
        with database(dsn) as new:
            limit.append(raw.throughput(new, WORKFLOWS, 250))
        with database(dsn) as new:
            ours.append(engine("throughput", new, WORKFLOWS))
    rate, raw_rate = median(ours), median(limit)
    met = rate >= 2500 or rate / raw_rate >= 0.40
    line("raw set-based writes, workflows/s", f"{raw_rate:,.0f}", "1.00", "", True)
    spread = f"{rate:,.0f} [{min(ours):,.0f}..{max(ours):,.0f}]"
    target = ">= 2,500/s or 0.40 of raw"
    line(
        "3-activity workflows/s, one process", spread, f"{rate / raw_rate:.2f} of raw", target, met
    )


def bench_counters(dsn: str) -> None:
    """What the triggers that count runs cost: the same starts and workflows without them."""
    for name, what in (("starts", "starts/s"), ("throughput", "3-activity workflows/s")):
        rates: dict[str, list[float]] = {"DISABLE": [], "ENABLE": []}
        for number in range(2 * ROUNDS + 1):
            # Which goes first alternates, so that a machine that slows down slows both.
            for side in sorted(rates, reverse=number % 2 == 1):
                with database(dsn) as new:
                    with psycopg.connect(new) as connection:
                        change = f"ALTER TABLE continuum_runs {side} TRIGGER USER"
                        connection.execute(change.encode())
                    rates[side].append(engine(name, new, WORKFLOWS))
        without, counted = (median(rates[side]) for side in ("DISABLE", "ENABLE"))
        line(f"{what} without counters", f"{without:,.0f}", "1.00", "", True)
        spread = f"{counted:,.0f} [{min(rates['ENABLE']):,.0f}..{max(rates['ENABLE']):,.0f}]"
        line(
            f"{what} with counters", spread, f"{counted / without:.2f}", "> 0.90",
            counted / without > 0.9,
        )  # fmt: skip


def bench_latency(dsn: str) -> None:
    """Latencies against the same number of bare commits."""
    for name, what, commits, factor in (
        ("latency", "start to result, 3 activities, p50", 4, 2.5),
        ("signal", "signal to completion, p50", 2, 3.0),
    ):
        ours: list[float] = []
        limit: list[float] = []
        for _ in range(3 * ROUNDS):  # a round takes a second, and latencies are noisy
            with database(dsn) as new:
                limit.append(median(raw.commits(new, commits, 200)))
                ours.append(percentile(engine(name, new, 200), 50))
        ratio = median(ours) / median(limit)
        line(f"raw, {commits} commits, ms", f"{median(limit):.2f}", "1.00", "", True)
        line(
            f"{what}, ms",
            f"{median(ours):.2f}",
            f"{ratio:.2f} x raw",
            f"<= {factor} x",
            ratio <= factor,
        )


def bench_parked(dsn: str) -> None:
    """Memory of 20,000 parked runs."""
    with database(dsn) as new:
        result = engine("parked", new, 20_000)
    line(
        "20,000 parked runs, extra MiB", f"{result['mib']:.0f}", f"{result['node_rows']} node row",
        "< 150 MiB, 1 row", result["mib"] < 150 and result["node_rows"] == 1,
    )  # fmt: skip


def module(name: str) -> Any:
    """What a measurement without a database prints, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", name], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def bench_replay(_: str) -> None:
    """Replay of long journals, and a user's test that skips a day."""
    for shape, taken in module("bench.replay").items():
        what = f"replay of 10,000 events, {shape}, CPU ms"
        line(what, f"{1000 * taken:.0f}", "", "< 1,000", taken < 1.0)
    taken = module("bench.order")
    line(
        "test of an order with 24 h time-out, ms", f"{median(taken):.1f}",
        f"best {min(taken):.1f}", "< 50", median(taken) < 50,
    )  # fmt: skip


def bench_replay_audit(dsn: str) -> None:
    """`continuum audit --replay` over parked runs of 50 events: the processes, and the command."""
    with database(dsn) as new:
        replay_audit.fill(new, REPLAYED)
        replays = [sys.executable, "-m", "bench.replay_audit", new, str(REPLAYED)]
        rates = [
            float(subprocess.run(replays, check=True, stdout=subprocess.PIPE).stdout)
            for _ in range(ROUNDS)
        ]
        command = [*CLI, "audit", "--replay", "--app", "bench.audited", "--dsn", new]
        whole = wall(command, ROUNDS) / 1000
    rate = median(rates)
    line(
        f"replays of {REPLAYED:,} runs of {replay_audit.EVENTS} events, runs/s",
        f"{rate:,.0f} [{min(rates):,.0f}..{max(rates):,.0f}]", f"command {whole:.1f} s",
        ">= 2,000", rate >= 2000,
    )  # fmt: skip


def wall(command: list[str], repeat: int = 9) -> float:
    """Median milliseconds of a whole process, byte code cached."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    taken: list[float] = []
    for _ in range(repeat):
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        taken.append(1000 * (time.perf_counter() - begin))
    return median(taken)


def bench_start_up(dsn: str) -> None:
    """How long the command line takes to answer."""
    imports = "import psycopg, psycopg_pool, sqlglot, typer, orjson, msgspec, asyncio"
    over_bare = wall([*CLI, "--help"]) - wall([sys.executable, "-c", "pass"])
    with database(dsn) as new:
        query = wall([*CLI, "query", "--dsn", new])
    over_imports = query - wall([sys.executable, "-c", imports])
    line(
        "continuum --help over bare Python, ms", f"{over_bare:.0f}", "", "<= 150", over_bare <= 150
    )
    line("query over its imports, ms", f"{over_imports:.0f}", "", "<= 150", over_imports <= 150)


def main() -> None:
    """Run all, or those named on the command line."""
    benches = {
        "throughput": bench_throughput, "counters": bench_counters, "latency": bench_latency,
        "parked": bench_parked, "start-up": bench_start_up, "replay": bench_replay,
        "replay-audit": bench_replay_audit,
    }  # fmt: skip
    chosen = sys.argv[1:] or list(benches)
    print(f"PostgreSQL 18, fsync on; {ROUNDS} rounds; CPU probe {cpu_probe():.1f} ms")
    with server() as dsn:
        for name in chosen:
            benches[name](dsn)
    print(f"CPU probe at the end {cpu_probe():.1f} ms")


if __name__ == "__main__":
    main()
