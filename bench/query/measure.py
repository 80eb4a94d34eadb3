"""Puts a question to us and to a single plain statement, and judges time and answers."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection, errors
from psycopg.rows import tuple_row

from bench.figures import percentile
from bench.query.cases import BUDGET, Case, Target
from continuum import Continuum
from continuum.model import Plan

LIMIT: Final = 50
REPEAT: Final = 40
PATIENCE: Final = 3.0
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
    """Milliseconds of repeated calls, and what the last one answered.

    Attributes:
        p50, p95: of the calls.
        answer: run ids in their order, or numbers by group.
        complete: whether that is all.
        found: the ways by which it was found.
    """

    p50: float
    p95: float
    answer: Any
    complete: bool = True
    found: str = ""


async def ask_us(client: Continuum, case: Case) -> Timing:
    """Through the public client, connection open, within the budget."""
    if case.group_by is not None:
        groups = case.group_by

        async def count() -> Any:
            return await client.counts(
                namespace=case.namespace, where=case.where, group_by=groups, budget=BUDGET
            )

        p50, p95, counts = await _timed(count)
        answer = {tuple(map(str, group.key)): group.count for group in counts.groups}
        return Timing(p50, p95, answer, counts.stamp.exact, _ways(counts.plan))
    cursor = await _walk(client, case)

    async def ask() -> Any:
        return await client.query(
            namespace=case.namespace, where=case.where, order_by=case.order, limit=LIMIT,
            cursor=cursor, budget=BUDGET,
        )  # fmt: skip

    p50, p95, page = await _timed(ask)
    ids = [run.id for run in page.entries]
    return Timing(p50, p95, ids, page.complete, _ways(page.plan))


def _ways(plan: Plan) -> str:
    """Strategies and indexes, in short."""
    return ", ".join(
        f"{step.strategy} {step.index or ''}".replace("continuum_runs_", "").replace("_idx", "")
        for step in plan.steps
    )


def judge(case: Case, ours: Timing, naive: Timing | None) -> str | None:
    """What is wrong with an answer and its time; None: it is as it should be."""
    if naive is not None and not _fits(case, ours, naive):
        return "DIFFERENT ANSWERS"
    if ours.p95 > case.target.value:
        return f"MISSED {case.target.value:.0f} ms"
    if not ours.complete and case.target is not Target.BUDGET:
        return "MISSED: incomplete"
    return None


def _fits(case: Case, ours: Timing, naive: Timing) -> bool:
    """The same answer; one that is not complete has its first runs, or at most its numbers."""
    if ours.complete:
        return ours.answer == naive.answer
    if case.group_by is None:
        return ours.answer == naive.answer[: len(ours.answer)]
    return all(ours.answer[key] <= naive.answer[key] for key in ours.answer)


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
        names = [re.sub(r"^attributes\.(\w+)$", r"attributes -> '\1'", n) for n in case.group_by]
        columns = "".join(f"r.{name}, " for name in names)
        grouping = ", ".join(f"r.{name}" for name in names)
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
        p50, p95, rows = await _timed(run)
    except errors.QueryCanceled:
        return None
    if case.group_by is not None:
        answer: Any = {tuple(map(str, row[:-1])): row[-1] for row in rows}
    else:
        answer = [row[0] for row in rows]
    return Timing(p50, p95, answer)


async def _timed(call: Callable[[], Awaitable[Any]]) -> tuple[float, float, Any]:
    """p50 and p95 in milliseconds, and the last answer."""
    answer = await call()  # warms the cache
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < REPEAT and (len(taken) < 3 or time.perf_counter() - begun < PATIENCE):
        begin = time.perf_counter()
        answer = await call()
        taken.append(1000 * (time.perf_counter() - begin))
    return percentile(taken, 50), percentile(taken, 95), answer
