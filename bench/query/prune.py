"""Pruning all that ended while 200 runs/s start and end: does anybody notice?

    make bench-query ARGS=prune            # RUNS=200000 for fewer

On a copy of the loaded database, dropped afterwards, in which every run is given a journal of ten
events. A process of its own starts runs and another one works on them; the prune is a third.
Starts must keep 90 % of their rate, and every run that lived before must be there afterwards. Of
the loaded live runs those of the last month go on living; the months before it must give the disk
of their journals back.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta
from typing import Any, Final, NamedTuple

import psycopg

from bench.figures import percentile
from bench.months import SIZE, make_past
from bench.query.load import say
from bench.query.shape import END
from bench.query.walk import BUSY, RATE, copy_of, traffic
from continuum import Continuum
from continuum.maintenance.prune import PruneReport
from continuum.store.postgres.local_server import LocalServer

QUIET: Final = 20
"""Seconds of traffic alone, to compare with."""
KEEPS: Final = 0.9
EVENTS: Final = 10
AGE: Final = timedelta(days=7)
"""All that was loaded ended longer ago; all traffic is younger."""
LAST_MONTH: Final = END.replace(month=END.month - 1)
MONTHS: Final = 2
"""Before the last, in which all is pruned, at least."""


class Traffic(NamedTuple):
    """What the runs of some seconds were like."""

    starts: float
    p50: float
    p99: float


def query(dsn: str, statement: str, *parameters: Any) -> list[Any]:
    """What a statement answers."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def journals(dsn: str) -> None:
    """Give every run events, as a workflow of three steps has them, each month in a partition."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        make_past(connection, 4)
        connection.execute(
            """
            WITH gone AS (
                DELETE FROM continuum_leases l USING continuum_runs r
                WHERE r.id = l.run_id AND r.started_at < %s RETURNING r.id
            )
            UPDATE continuum_runs r SET state = 'completed', completed_at = r.started_at
            FROM gone WHERE r.id = gone.id""",
            [LAST_MONTH],
        )
        connection.execute(
            f"""
            INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
            SELECT r.id, n, 1, 'activity_completed', n,
                   convert_to('{{"attempt":1,"value":' || repeat('7', 80) || '}}', 'UTF8'),
                   r.started_at
            FROM continuum_runs r CROSS JOIN generate_series(1, {EVENTS}) AS n
            ORDER BY r.id, n""".encode()
        )
        connection.execute("VACUUM ANALYZE")


def live(dsn: str) -> set[Any]:
    """Every live run that was loaded, with the events and the row that it has."""
    return set(
        query(
            dsn,
            "SELECT r.id, r.state, (SELECT count(*) FROM continuum_events e WHERE e.run_id = r.id)"
            " FROM continuum_leases l JOIN continuum_runs r ON r.id = l.run_id"
            " WHERE r.workflow <> 'bench.flows:three_steps'",
        )
    )


def seen(dsn: str, began: float, ended: float) -> Traffic:
    """The traffic between two moments; milliseconds from start to end."""
    rows = query(
        dsn,
        "SELECT 1000 * extract(epoch FROM completed_at - started_at)::float8 FROM continuum_runs"
        " WHERE namespace = %s AND workflow = 'bench.flows:three_steps'"
        "   AND started_at BETWEEN to_timestamp(%s) AND to_timestamp(%s)",
        BUSY, began, ended,
    )  # fmt: skip
    taken = [took for (took,) in rows if took is not None]
    rate = len(rows) / (ended - began)
    return Traffic(rate, percentile(taken, 50), percentile(taken, 99))


def sizes(dsn: str) -> str:
    """Megabytes of the two tables with their indexes."""
    [(runs,)] = query(dsn, "SELECT pg_total_relation_size('continuum_runs')")
    [(events,)] = query(dsn, SIZE)
    return f"runs {runs / 1e6:,.0f} MB, events {events / 1e6:,.0f} MB"


async def prune(dsn: str) -> tuple[PruneReport, list[float]]:
    """Prune it all; what came of it, and the milliseconds of each batch with its rest."""
    batches: list[float] = []
    last = time.perf_counter()

    def told(_: object) -> None:
        nonlocal last
        now = time.perf_counter()
        batches.append(1000 * (now - last))
        last = now

    async with Continuum(dsn, operator="bench") as ct:
        report = await ct.prune(older_than=AGE, namespace=None, execute=True, on_progress=told)
    return report, batches


def bench_prune(joined: LocalServer, loaded: str) -> None:
    """Measure, and exit with 1 when it was noticed."""
    with copy_of(joined, loaded) as dsn:
        say("giving every run a journal")
        journals(dsn)
        before = live(dsn)
        print(f"before: {sizes(dsn)}; {len(before):,} live runs loaded")
        with traffic(dsn):
            while not query(
                dsn, "SELECT 1 FROM continuum_runs WHERE workflow = 'bench.flows:three_steps'"
                " AND state = 'completed' LIMIT 1"
            ):  # fmt: skip
                time.sleep(0.1)
            time.sleep(5)
            began = time.time()
            time.sleep(QUIET)
            quiet = seen(dsn, began, began + QUIET)
            began = time.time()
            report, batches = asyncio.run(prune(dsn))
            ended = time.time()
            busy = seen(dsn, began, ended)
        after = live(dsn)
        waits = query(
            dsn, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        left = query(
            dsn,
            "SELECT sum(n) - (SELECT count(*) FROM continuum_runs) FROM ("
            " SELECT n FROM continuum_counts UNION ALL SELECT n FROM continuum_count_deltas) c",
        )
        print(f"after: {sizes(dsn)}")
        query_vacuum(dsn)
        print(f"after VACUUM: {sizes(dsn)}")
    kept = busy.starts / quiet.starts
    print(
        f"{report.runs:,} runs with {report.events:,} events in {ended - began:.0f} s"
        f" ({report.runs / (ended - began):,.0f} runs/s); batches with their rest p50"
        f" {percentile(batches, 50):.0f} ms, p99 {percentile(batches, 99):.0f} ms,"
        f" longest {max(batches):.0f} ms"
    )
    for name, each in (("alone", quiet), ("beside the prune", busy)):
        print(
            f"traffic {name:<17} {each.starts:6.1f} starts/s of {RATE}; start to end p50"
            f" {each.p50:.1f} ms, p99 {each.p99:.1f} ms"
        )
    months = ", ".join(f"{month.month} {month.given_back / 1e6:,.0f} MB" for month in report.months)
    print(f"given back: {months or 'nothing'}")
    print(f"starts kept {kept:.1%}; {len(before - after)} of {len(before):,} live runs changed;"
          f" {waits[0][0]} deadlocks; counters differ by {left[0][0]}")  # fmt: skip
    missed = kept < KEEPS or before != after or waits[0][0] or left[0][0]
    if missed or len(report.months) < MONTHS:
        sys.exit("MISSED")
    print("met")


def query_vacuum(dsn: str) -> None:
    """What autovacuum does sooner or later."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM continuum_events, continuum_runs")
