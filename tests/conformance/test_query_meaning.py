"""Random queries page by page, on the memory store and on PostgreSQL in small steps.

Against the reference in `tests/client/reference.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuum.codec.hooks import IDENTITY
from continuum.journal.turn import RunState
from continuum.model import AttributeType, Page, Pause, Run
from continuum.query.structured import parse_operand, parse_order, parse_where
from continuum.query.tree import Query
from continuum.store.memory.clock import MemoryClock
from continuum.store.memory.nodes import MemoryNodes
from continuum.store.memory.reads import MemoryReads
from continuum.store.memory.tables import LeaseRow, PauseRow, RunRow, Tables
from continuum.store.pauses import Scope
from continuum.store.postgres.attribute_indexes import AttributeIndexes
from continuum.store.postgres.page_bounds import Bounds
from continuum.store.postgres.pool import PostgresSettings, connect, open_pool
from continuum.store.postgres.reads import PostgresReads
from continuum.store.protocol import NodeRegistration
from tests.client.reference import grouped, holds, ordered
from tests.client.rows import (
    LOADED_VERSION,
    NAMESPACES,
    PAUSED_WORKFLOW,
    UNKNOWN_VERSION,
    insert_nodes,
    insert_pauses,
    insert_runs,
    with_duration,
)
from tests.client.test_query_meaning import RUNS, _conditions, _groups, _orders
from tests.postgres.scene import PIN

NOW = datetime.now(UTC)
EXAMPLES = 15
"""For each budget; each is dozens of pages."""


def insert(tables: Tables, run: dict[str, Any]) -> None:
    """A run given as its queryable fields."""
    tables.runs[run["id"]] = RunRow(
        run["id"], run["namespace"], run["workflow"], b"[]", run["attributes"], None,
        run["parent_id"], run["started_at"], run["updated_at"], RunState(run["state"]),
        run["version"], run["version_hash"], "", run["incarnation"], run["completed_at"], None,
        run["error_type"], run["error"], key=run["key"],
    )  # fmt: skip
    if run["completed_at"] is None:
        version_id = UNKNOWN_VERSION if run["stuck"] else LOADED_VERSION
        owner = None if run["owner"] is None else UUID(run["owner"])
        tables.leases[run["id"]] = LeaseRow(
            run["id"], version_id, 1, owner, waiting_on=run["waiting_on"],
            paused_at=NOW if run["marked"] else None,
        )  # fmt: skip


DECLARED = (
    (("plan",), tuple(AttributeType)),
    (("a",), (AttributeType.NUMBER,)),
    (("a.b",), (AttributeType.TEXT,)),
    (("q\"'uote",), (AttributeType.TEXT, AttributeType.BOOLEAN)),
    (("plan", "a"), (AttributeType.NUMBER,)),
)
_declared_orders = st.tuples(
    st.sampled_from(["asc", "desc"]),
    st.sampled_from([["attributes", *path] for path, _ in DECLARED]),
)


@cache
def populated() -> MemoryReads:
    """All runs and a node that can run some of them."""
    tables = Tables(MemoryClock(NOW))
    for run in RUNS:
        insert(tables, run)
    scope = Scope("billing", PAUSED_WORKFLOW)
    tables.pauses.append(PauseRow(scope, Pause("billing", PAUSED_WORKFLOW, None, "ann", None, NOW)))
    node = NodeRegistration(UUID(int=1), "h", 1, "b", 1, (), [PIN])
    MemoryNodes(tables).register_node(node, 3600.0)
    tables.nodes[node.node_id].version_ids = frozenset({LOADED_VERSION})
    return MemoryReads(tables)


def any_query(examples: int, limits: tuple[int, ...]) -> Any:
    """Tries so many queries and page sizes."""

    def decorate(test: Any) -> Any:
        given_queries = given(
            where=st.lists(_conditions, max_size=2),
            order=_orders | _declared_orders,
            namespace=st.sampled_from([None, *NAMESPACES]),
            limit=st.sampled_from(limits),
        )
        hasty = settings(
            max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck)
        )
        return hasty(given_queries(test))

    return decorate


async def walked(
    reads: MemoryReads | PostgresReads, query: Query, limit: int, budget: float | None
) -> tuple[datetime, list[Page[Run]]]:
    """All pages of an answer, and the moment that they are about."""
    pages = [await reads.search(query, limit, None, payloads=False, budget=budget)]
    while (cursor := pages[-1].next_cursor) is not None:
        assert len(cursor) < 1024
        assert len(pages) < 2000
        pages.append(await reads.search(query, limit, cursor, payloads=False, budget=budget))
        assert pages[-1].stamp.at == pages[0].stamp.at
    for page in pages:
        assert page.complete == page.stamp.complete
        assert len(page.entries) <= limit
        assert len(page.entries) == limit or not page.complete or page.next_cursor is None
    return pages[0].stamp.at, pages


def expected(query: Query, where: list[Any], order: Any, read_at: datetime) -> list[UUID]:
    """What the reference answers."""
    runs = [with_duration(run, read_at) for run in RUNS]
    found = [run for run in runs if query.namespace in (None, run["namespace"])]
    return [run["id"] for run in ordered([r for r in found if holds(where, r)], *order)]


@any_query(100, (40, 150, 1000))
async def test_memory_means_what_the_reference_says(
    where: list[Any], order: Any, namespace: str | None, limit: int
) -> None:
    """Any condition in any order, page by page, gives exactly the runs that Python finds."""
    query = Query(namespace, parse_where(where), parse_order(order))
    read_at, pages = await walked(populated(), query, limit, None)
    assert all(page.complete for page in pages)
    found = [run.id for page in pages for run in page.entries]
    assert found == expected(query, where, order, read_at)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(where=st.lists(_conditions, max_size=2), group_by=_groups)
async def test_memory_counts_what_the_reference_counts(where: list[Any], group_by: Any) -> None:
    """The number of matches, and of those that share a value."""
    reads, query = populated(), Query(None, parse_where(where))
    counts = await reads.count(query, [])
    runs = [with_duration(run, counts.stamp.at) for run in RUNS]
    matching = [run for run in runs if holds(where, run)]
    assert counts.groups[0].count == len(matching)
    groups = (await reads.count(query, [parse_operand(path) for path in group_by])).groups
    assert [group.count for group in groups] == grouped(matching, group_by)


@asynccontextmanager
async def small_steps(dsn: str) -> AsyncGenerator[PostgresReads]:
    """A store whose every statement looks at a few runs only, with indexes on some attributes."""
    settings = PostgresSettings(dsn, max_size=2)
    pool = await open_pool(settings)
    try:
        indexes = AttributeIndexes(pool, partial(connect, settings))
        for path, types in DECLARED:
            for type_ in types:
                await indexes.build(path, type_, lambda progress: None)
        yield PostgresReads(pool, IDENTITY, bounds=Bounds(7, 28, probe=20, known=9, near=14))
    finally:
        await pool.close()


@pytest.mark.parametrize("budget", [None, 0.0])
def test_continued_pages_mean_what_the_reference_says(dsn: str, budget: float | None) -> None:
    """Joined pages are the whole answer, however little each statement may read in what time."""
    insert_runs(dsn, RUNS)
    insert_nodes(dsn)
    insert_pauses(dsn)
    steps: Counter[str] = Counter()
    with asyncio.Runner() as runner, ExitStack() as stack:
        store = small_steps(dsn)
        reads = runner.run(store.__aenter__())
        stack.callback(lambda: runner.run(store.__aexit__(None, None, None)))

        @any_query(EXAMPLES, (2, 7, 60, 1000))
        def check(where: list[Any], order: Any, namespace: str | None, limit: int) -> None:
            query = Query(namespace, parse_where(where), parse_order(order))
            read_at, pages = runner.run(walked(reads, query, limit, budget))
            found = [run.id for page in pages for run in page.entries]
            assert found == expected(query, where, order, read_at)
            steps.update(step.strategy for page in pages for step in page.plan.steps)
            steps.update("incomplete" for page in pages if not page.complete)

        check()
    assert steps["walk"] > 0
    assert (steps["incomplete"] > 0) == (budget == 0.0)
