"""A database of some runs, and what a page says of how it was found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg

from continuum.model import Page, Run
from continuum.query.structured import parse_order, parse_where
from continuum.query.tree import Query
from continuum.store.postgres.reads import PostgresReads
from tests.client.rows import insert_nodes, insert_runs, make_run

START = datetime(2026, 5, 1, tzinfo=UTC)
RUNS = 1200
PLAN, AMOUNT, RARE = (["attributes", key] for key in ("plan", "amount", "rare"))


def some_runs() -> list[dict[str, Any]]:
    """Two namespaces; most runs completed and of plan "free"; the oldest are the odd ones."""
    runs: list[dict[str, Any]] = []
    for n in range(RUNS):
        run = make_run(Random(n), "default" if n % 4 else "billing")
        started = START + timedelta(seconds=n)
        ended = None if n < 8 else started + timedelta(seconds=n % 7)
        attributes: dict[str, Any] = {"plan": "free", "amount": n % 100}
        if n < 20:
            attributes["old"] = "yes"
        if n % 400 == 3:
            attributes |= {"rare": "yes", "amount": "n/a"}
        runs.append(run | {
            "id": UUID(int=n + 1), "workflow": "shop:common" if n % 50 else "shop:rare",
            "state": "completed" if n >= 40 else "failed" if n >= 8 else "running",
            "attributes": attributes, "started_at": started, "updated_at": started,
            "completed_at": ended, "parent_id": UUID(int=n // 10 + 1) if n % 10 else None,
            "owner": None if n >= 4 else str(UUID(int=77)), "waiting_on": None, "stuck": n < 2,
            "error": "no stock of 7" if n in (9, 26) else None, "error_type": None, "key": None,
        })  # fmt: skip
    return runs


def fill(dsn: str) -> None:
    """Those runs, and statistics of them."""
    insert_runs(dsn, some_runs())
    insert_nodes(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")


async def ask(
    reads: PostgresReads, *where: Any, order: Any = None, namespace: str | None = "default",
    **options: Any,
) -> Page[Run]:  # fmt: skip
    query = Query(namespace, parse_where(list(where)), parse_order(order))
    cursor, limit = options.pop("cursor", None), options.pop("limit", 10)
    return await reads.search(query, limit, cursor, payloads=False, **options)


def told(page: Page[Run]) -> list[tuple[str, str | None, int, int]]:
    """The plan without the times."""
    return [
        (step.strategy, (step.index or "").removeprefix("continuum_"), step.rows_read, step.found)
        for step in page.plan.steps
    ]


async def every_run(reads: PostgresReads, *where: Any, **options: Any) -> AsyncIterator[Run]:
    """All pages of an answer, run by run."""
    page = await ask(reads, *where, **options)
    while True:
        for run in page.entries:
            yield run
        if page.next_cursor is None:
            return
        page = await ask(reads, *where, cursor=page.next_cursor, **options)
