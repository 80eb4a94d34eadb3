"""With many months of journals, a statement opens those partitions only that its runs are in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from bench.months import make_past
from continuum.store.postgres import reads, turns
from continuum.store.postgres.statements import statements
from tests.postgres.scene import walk
from tests.retention.loading import load, past_months, rows

pytestmark = pytest.mark.every_server

BY_RUN = {
    "journals.events": "'{%(a)s,%(b)s}', '{1,1}'",
    "ownership.load_events": "'{%(a)s,%(b)s}'",
    "turns.look_again": "'%(a)s', '{%(a)s,%(b)s}', '{1,1}', '{3,3}'",
    "keys.holder_lives": "'%(a)s', 1, 1",
    "repair.read_journal": "'%(a)s', 1",
    "retention.measure": "'{%(a)s,%(b)s}'",
    "retention.delete": "'{%(a)s,%(b)s}'",
    "reads.newest": "'%(a)s', 0, 100, 1000, 10",
}
"""Every statement that reads journals, and what it is called with: runs in at most two months."""


@pytest.fixture(params=[14, 38])
async def months(
    request: pytest.FixtureRequest, dsn: str
) -> AsyncIterator[tuple[AsyncConnection[Any], dict[str, str]]]:
    """A connection to a database with so many months, and runs in two of them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert make_past(connection, request.param - 3) == request.param + 1
    names = past_months(dsn, 3)
    for month in names:
        load(dsn, 50, events=10, month=month)
    runs = {
        name: rows(
            dsn,
            "SELECT run_id FROM continuum_events WHERE run_id >= continuum_first_id(%s)"
            " ORDER BY run_id LIMIT 1",
            f"{month}-01",
        )[0][0]
        for name, month in zip("ab", names[1:], strict=True)
    }
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE continuum_events")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(
            "INSERT INTO continuum_leases (run_id, version_id, lease_token) VALUES (%s, 1, 1)",
            [runs["a"]],
        )
        yield connection, {name: str(run_id) for name, run_id in runs.items()}


def text_of(name: str) -> str:
    """The statement, with numbered parameters."""
    concern, _, statement = name.partition(".")
    if concern != "reads":
        return statements(concern)[statement].decode()
    text = reads._NEWEST
    for number, parameter in enumerate(("run_id", "after", "before", "shown", "limit"), 1):
        text = text.replace(f"%({parameter})s", f"${number}")
    return text


@pytest.mark.parametrize("name", BY_RUN)
async def test_only_touched_months_are_opened(
    months: tuple[AsyncConnection[Any], dict[str, str]], name: str
) -> None:
    """By a plan that was made without knowing the runs, and by index."""
    connection, runs = months
    types = " (uuid, bigint, bigint, int, int)" if name.startswith("reads.") else ""
    if name.startswith("turns."):
        await connection.execute(turns._PLAN_SETTINGS)
    elif name.startswith("retention."):
        await connection.execute("SET enable_seqscan = off; SET enable_sort = off")
    await connection.execute(f"PREPARE it{types} AS {text_of(name)}".encode())
    async with connection.transaction(force_rollback=True):
        cursor = await connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it({BY_RUN[name] % runs})".encode()
        )
        [(plan,)] = await cursor.fetchall()
    [answer] = plan if isinstance(plan, list) else json.loads(plan)
    opened = [
        node
        for node in walk(answer["Plan"])
        if node.get("Relation Name", "").startswith("continuum_events")
        and "Scan" in node["Node Type"]
        and node["Actual Loops"]
    ]
    assert {node["Relation Name"] for node in opened} <= {part_of(run) for run in runs.values()}
    assert opened
    assert all("Seq" not in node["Node Type"] for node in opened), opened


def part_of(run_id: str) -> str:
    """The partition of an id, from its milliseconds."""
    started = datetime.fromtimestamp(int(run_id.replace("-", "")[:12], 16) / 1000, UTC)
    return f"continuum_events_{started:%Y_%m}"
