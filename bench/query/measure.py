"""Puts a question to us and to a single plain statement, and compares time and answers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection, errors
from psycopg.rows import tuple_row

from bench.figures import percentile
from bench.query.cases import Case
from continuum import Continuum

LIMIT: Final = 50
REPEAT: Final = 40
BUDGET: Final = 3.0
"""Seconds for the repetitions of one question; at least three are made."""
NAIVE_TIMEOUT: Final = 30
"""Seconds after which the plain statement is given up."""

_TABLES: Final = "continuum_runs r LEFT JOIN continuum_leases l ON l.run_id = r.id"
_COLUMNS: Final = (
    "r.id, r.namespace, r.workflow, r.version, r.version_hash, r.state, r.attributes,"
    " r.started_at, r.updated_at, r.completed_at, l.waiting_on, l.lease_owner, r.parent_id,"
    " r.incarnation, r.error_type, r.error_message, octet_length(r.input), octet_length(r.result)"
)


@dataclass(frozen=True)
class Timing:
    """Milliseconds of repeated calls, and what the last one answered."""

    p50: float
    p95: float
    answer: Any
    complete: bool = True


async def ask_us(client: Continuum, case: Case) -> Timing:
    """Through the public client, connection open."""
    if case.group_by is not None:
        groups = case.group_by

        async def count() -> Any:
            return await client.count(namespace=case.namespace, where=case.where, group_by=groups)

        timing = await _timed(count)
        answer = {tuple(map(str, group.key)): group.count for group in timing.answer}
        return Timing(timing.p50, timing.p95, answer)
    cursor = await _walk(client, case)

    async def page() -> Any:
        return await client.query(
            namespace=case.namespace, where=case.where, order_by=case.order, limit=LIMIT,
            cursor=cursor,
        )  # fmt: skip

    timing = await _timed(page)
    ids = [run.id for run in timing.answer.entries]
    return Timing(timing.p50, timing.p95, ids, timing.answer.complete)


async def _walk(client: Continuum, case: Case) -> str | None:
    """The cursor of the page before the one that is measured."""
    left = (case.page - 1) * LIMIT
    cursor: str | None = None
    while left > 0:
        page = await client.query(
            namespace=case.namespace, where=case.where, order_by=case.order,
            limit=min(left, 1000), cursor=cursor,
        )  # fmt: skip
        left -= len(page.entries)
        cursor = page.next_cursor
        if cursor is None:
            raise ValueError(f"{case.name}: there is no page {case.page}")
    return cursor


def naive_statement(case: Case) -> str:
    """What somebody would write by hand: one statement, OFFSET for later pages."""
    scope = "true" if case.namespace is None else f"r.namespace = '{case.namespace}'"
    where = f"{scope} AND {case.sql}"
    if case.group_by is not None:
        columns = "".join(f"r.{name}, " for name in case.group_by)
        grouping = ", ".join(f"r.{name}" for name in case.group_by)
        tail = f" GROUP BY {grouping}" if grouping else ""
        return f"SELECT {columns}count(*) FROM {_TABLES} WHERE {where}{tail}"
    direction = "DESC" if case.order[0] == "desc" else "ASC"
    return (
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {where}"
        f" ORDER BY {case.sql_order}, r.id {direction}"
        f" LIMIT {LIMIT} OFFSET {(case.page - 1) * LIMIT}"
    )


async def ask_naively(connection: AsyncConnection, case: Case) -> Timing | None:
    """The plain statement; None when it takes longer than the limit."""
    statement = naive_statement(case).encode()
    await connection.execute(f"SET statement_timeout = '{NAIVE_TIMEOUT}s'".encode())

    async def run() -> Any:
        cursor = connection.cursor(row_factory=tuple_row)
        return await (await cursor.execute(statement)).fetchall()

    try:
        timing = await _timed(run)
    except errors.QueryCanceled:
        return None
    if case.group_by is not None:
        answer: Any = {tuple(map(str, row[:-1])): row[-1] for row in timing.answer}
    else:
        answer = [row[0] for row in timing.answer]
    return Timing(timing.p50, timing.p95, answer)


async def _timed(call: Callable[[], Awaitable[Any]]) -> Timing:
    answer = await call()  # warms the cache
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < REPEAT and (len(taken) < 3 or time.perf_counter() - begun < BUDGET):
        begin = time.perf_counter()
        answer = await call()
        taken.append(1000 * (time.perf_counter() - begin))
    return Timing(percentile(taken, 50), percentile(taken, 95), answer)
