"""A walk through all pages while 200 runs/s start and end: is every run met exactly once?

    make bench-query ARGS=walk

On a copy of the loaded database, dropped afterwards. What an index serves is walked through as a
whole; what has to be sorted for every page, through the namespace of the traffic. A process of its own starts runs and another
one works on them, as `continuum worker` would. A run that was there from the first page to the
last must be met once; in an order by its end, or by an attribute, a run whose value changed
meanwhile has another place, and is only told.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench.flows import three_steps
from bench.query.shape import NAMESPACES
from continuum import Continuum
from continuum.store.postgres.local_server import LocalServer

RATE: Final = 200
"""Runs a second that start, and end."""
BUSY: Final = NAMESPACES[2]
"""Where they do: one run in fourteen."""


class Walk(NamedTuple):
    """An order, and the SQL of what a run is sorted by; everywhere if `namespace` is None."""

    order: tuple[str, Any]
    key: str
    namespace: str | None = BUSY
    declared: bool = False


WALKS: Final = (
    Walk(("desc", "started_at"), "started_at", None),
    Walk(("asc", "started_at"), "started_at", None),
    Walk(("desc", "completed_at"), "completed_at"),
    Walk(("desc", "duration"), "completed_at - started_at"),
    Walk(("desc", ["attributes", "tier"]), "attributes -> 'tier'"),
    Walk(("desc", ["attributes", "tier"]), "attributes -> 'tier'", declared=True),
    Walk(("asc", ["attributes", "amount"]), "attributes -> 'amount'", declared=True),
)


@contextmanager
def copy_of(joined: LocalServer, dsn: str) -> Generator[str]:
    """The DSN of a copy of that database, for as long as the block runs."""
    original, name = conninfo_to_dict(dsn)["dbname"], "walked"
    with psycopg.connect(joined.database_dsn("postgres"), autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(str(original))
            )
        )
        try:
            yield joined.database_dsn(name)
        finally:
            admin.execute(drop)


async def start_runs(dsn: str) -> None:
    """Start `RATE` runs a second until nobody wants any more."""
    async with Continuum(dsn) as ct:
        began, number = time.monotonic(), 0
        while True:
            due = int(RATE * (time.monotonic() - began))
            await asyncio.gather(
                *(
                    ct.start(
                        three_steps, n, namespace=BUSY, attributes={"tier": n % 5, "amount": n}
                    )
                    for n in range(number, due)
                )
            )
            number = max(number, due)
            await asyncio.sleep(0.05)


async def work(dsn: str) -> None:
    """Run them."""
    async with Continuum(dsn) as ct:
        await ct.worker([three_steps]).run()


@contextmanager
def traffic(dsn: str) -> Generator[None]:
    """Runs that start and end in other processes."""
    command = [sys.executable, "-m", "bench.query.walk", dsn]
    processes = [subprocess.Popen([*command, role]) for role in ("work", "start")]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def places(dsn: str, way: Walk) -> dict[Any, Any]:
    """Every run, and by what it is sorted."""
    with psycopg.connect(dsn) as connection:
        statement = (
            f"SELECT id, ({way.key})::text FROM continuum_runs"
            " WHERE %(namespace)s::text IS NULL OR namespace = %(namespace)s"
        )
        rows = connection.execute(statement.encode(), {"namespace": way.namespace}).fetchall()
        return dict(rows)


async def walk(dsn: str, way: Walk) -> bool:
    """Walk once and print what was met; whether each lasting run was met once."""
    if way.declared:
        async with Continuum(dsn) as ct:
            await ct.index_attribute(way.order[1][1])
    before = places(dsn, way)
    began, pages = time.perf_counter(), 0
    met: Counter[Any] = Counter()
    slowest = last = 0.0
    async with Continuum(dsn) as ct:
        cursor: str | None = None
        while pages == 0 or cursor is not None:
            last = time.perf_counter()
            page = await ct.query(
                namespace=way.namespace, order_by=way.order, limit=1000, cursor=cursor
            )
            slowest = max(slowest, time.perf_counter() - last)
            met.update(run.id for run in page.entries)
            cursor, pages = page.next_cursor, pages + 1
    taken = time.perf_counter() - began
    after = places(dsn, way)
    lasting = [run_id for run_id, place in before.items() if after.get(run_id) == place]
    missed = sum(met[run_id] == 0 for run_id in lasting)
    doubled = sum(met[run_id] > 1 for run_id in lasting)
    moved = [run_id for run_id in before if run_id in after and after[run_id] != before[run_id]]
    print(
        f"{way.key:<25} {way.order[0]:<4} {'declared' if way.declared else '':<8}"
        f" {len(lasting):>9,} lasting: {missed} missed, {doubled} twice;"
        f" {len(moved):,} moved: {sum(met[run_id] == 0 for run_id in moved)} missed;"
        f" {pages:,} pages in {taken:.0f} s, slowest {1000 * slowest:.0f} ms;"
        f" {(len(after) - len(before)) / taken:.0f} starts/s",
        flush=True,
    )
    return missed == doubled == 0


def bench_walk(joined: LocalServer, loaded: str) -> None:
    """All orders, one after the other."""
    with copy_of(joined, loaded) as dsn, traffic(dsn):
        wrong = [way for way in WALKS if not asyncio.run(walk(dsn, way))]
    if wrong:
        sys.exit(f"runs missed or met twice: {wrong}")


if __name__ == "__main__":
    asyncio.run({"work": work, "start": start_runs}[sys.argv[2]](sys.argv[1]))
