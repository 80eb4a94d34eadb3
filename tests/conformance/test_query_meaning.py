"""Random structured queries on the memory store, against the reference that PostgreSQL meets."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuum.journal.turn import RunState
from continuum.query.structured import parse_operand, parse_order, parse_where
from continuum.query.tree import Query
from continuum.store.memory.clock import MemoryClock
from continuum.store.memory.nodes import MemoryNodes
from continuum.store.memory.reads import MemoryReads
from continuum.store.memory.tables import LeaseRow, RunRow, Tables
from continuum.store.protocol import NodeRegistration
from tests.client.reference import grouped, holds, ordered
from tests.client.rows import LOADED_VERSION, NAMESPACES, UNKNOWN_VERSION, with_duration
from tests.client.test_query_meaning import RUNS, _conditions, _groups, _orders
from tests.postgres.scene import PIN

NOW = datetime.now(UTC)


def insert(tables: Tables, run: dict[str, Any]) -> None:
    """A run given as its queryable fields."""
    tables.runs[run["id"]] = RunRow(
        run["id"], run["namespace"], run["workflow"], b"[]", run["attributes"], None,
        run["parent_id"], run["started_at"], run["updated_at"], RunState(run["state"]),
        run["version"], run["version_hash"], "", run["incarnation"], run["completed_at"], None,
        run["error_type"], run["error"],
    )  # fmt: skip
    if run["completed_at"] is None:
        version_id = UNKNOWN_VERSION if run["stuck"] else LOADED_VERSION
        owner = None if run["owner"] is None else UUID(run["owner"])
        tables.leases[run["id"]] = LeaseRow(
            run["id"], version_id, 1, owner, waiting_on=run["waiting_on"]
        )


@cache
def populated() -> MemoryReads:
    """All runs and a node that can run some of them."""
    tables = Tables(MemoryClock(NOW))
    for run in RUNS:
        insert(tables, run)
    node = NodeRegistration(UUID(int=1), "h", 1, "b", 1, (), [PIN])
    MemoryNodes(tables).register_node(node, 3600.0)
    tables.nodes[node.node_id].version_ids = frozenset({LOADED_VERSION})
    return MemoryReads(tables)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    where=st.lists(_conditions, max_size=2),
    order=_orders,
    group_by=_groups,
    namespace=st.sampled_from([None, *NAMESPACES]),
    limit=st.sampled_from([40, 150, 1000]),
)
async def test_memory_means_what_the_reference_says(
    where: list[Any], order: Any, group_by: Any, namespace: str | None, limit: int
) -> None:
    """Any condition in any order, page by page, gives exactly the runs that Python finds."""
    reads = populated()
    query = Query(namespace, parse_where(where), parse_order(order))
    page = await reads.search(query, limit, None, payloads=False)
    read_at, found = page.stamp.at, list(page.entries)
    while page.next_cursor is not None:
        page = await reads.search(query, limit, page.next_cursor, payloads=False)
        assert page.stamp.at == read_at
        found += page.entries
    runs = [with_duration(run, read_at) for run in RUNS]
    matching = [run for run in runs if namespace in (None, run["namespace"]) and holds(where, run)]
    assert [run.id for run in found] == [run["id"] for run in ordered(matching, *order)]
    [whole] = (await reads.count(query, [])).groups
    assert whole.count == len(matching)
    groups = (await reads.count(query, [parse_operand(path) for path in group_by])).groups
    assert [group.count for group in groups] == grouped(matching, group_by)
