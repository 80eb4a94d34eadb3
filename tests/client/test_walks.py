"""Walks through all pages while runs start, go on and end: nothing hidden, nothing twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import psycopg
import pytest

from continuum import Continuum
from tests.client.flows import ALL, Order, approval, total

RUNS = 3000
WAITING = 40
_ENDED = """
INSERT INTO continuum_runs (id, namespace, workflow, version, version_hash, runtime, state, input,
                            attributes, started_at, updated_at, completed_at)
SELECT gen_random_uuid(), 'default', 'shop:old', 1, 'f', '1-py3.11', 'completed', '[]',
       jsonb_build_object('tier', n %% 7), at, at, at + interval '1 s'
FROM generate_series(1, %s) n, LATERAL (SELECT now() - interval '1 min' * (n / 10) AS at) _
"""
"""Ten runs share each start, so that pages end among equals."""


@pytest.mark.parametrize(
    ("order_by", "size"),
    [
        (("desc", "started_at"), 50),
        (("asc", "started_at"), 100),
        (("desc", "completed_at"), 200),
        (("asc", ["attributes", "tier"]), 500),
    ],
    ids=["newest", "oldest", "ended", "attribute"],
)
async def test_a_walk_beside_a_busy_worker_meets_every_run_once(
    dsn: str, order_by: Any, size: int
) -> None:
    """After each page runs start, earlier ones end, and waiting ones that are in the list go on."""
    with psycopg.connect(dsn) as connection:
        connection.execute(_ENDED, [RUNS])
    async with Continuum(dsn) as ct, ct.worker(ALL):
        waiting = [await ct.start(approval, str(n)) for n in range(WAITING)]
        before = {run.id: run.completed_at async for run in ct.stream()}
        assert len(before) == RUNS + WAITING
        met: Counter[UUID] = Counter()
        cursor: str | None = None
        while True:
            page = await ct.query(order_by=order_by, limit=size, cursor=cursor)
            met.update(run.id for run in page.entries)
            cursor = page.next_cursor
            if cursor is None:
                break
            started = [await ct.start(total, Order(str(n), n)) for n in range(5)]
            for run in waiting[-5:]:
                await run.signal("go", "yes")
            await asyncio.gather(*(run.result(timeout=30) for run in (*started, *waiting[-5:])))
            del waiting[-5:]
        after = {run.id: run.completed_at async for run in ct.stream()}
    assert len(after) > len(before)
    # A run that ends during the walk has another place in an order by its end.
    kept = [
        run_id
        for run_id, ended in before.items()
        if order_by[1] != "completed_at" or after[run_id] == ended
    ]
    assert len(kept) >= RUNS
    assert {met[run_id] for run_id in kept} == {1}
    assert max(met.values()) == 1
