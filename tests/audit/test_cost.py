"""What the audit costs: it grows with live runs, never with those that have ended."""

from __future__ import annotations

from typing import Any, Final

from psycopg import AsyncConnection

from continuum.store.postgres.arrays import Packed, int4_item, int8s, texts, uuids
from continuum.store.postgres.session import Session
from continuum.store.postgres.statements import statements
from tests.audit import releases
from tests.audit.conftest import Shop
from tests.postgres.scene import walk

ENDED: Final = 20_000
BOUND: Final = 4_500
"""Rows of `continuum_runs` that one statement may look at: two samples of 2,000, and live ones."""

_FILL = """
INSERT INTO continuum_runs (id, workflow, version_hash, runtime, state, input, started_at,
                            completed_at)
SELECT gen_random_uuid(), 'nap', 'h', 'r', 'completed', '[]', now() - g * interval '1 s',
       now() - g * interval '1 s' + interval '500 ms'
FROM generate_series(1, %s) AS g"""


async def looked_at(session: Session, statement: bytes, parameters: list[Any]) -> int:
    """Rows of `continuum_runs` that a statement reads, whether it keeps them or not."""
    explain = b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement
    [([plan],)] = await session.rows(explain, parameters)
    scans = [node for node in walk(plan["Plan"]) if node.get("Relation Name") == "continuum_runs"]
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in scans
    )


async def test_runs_that_have_ended_are_never_read_but_in_samples(shop: Shop) -> None:
    """Each statement reads live runs by key, and of the others no more than its sample."""
    async with shop.release(releases.before):
        runs = [await shop.start(releases.before, n, waits="signal check") for n in range(5)]
    async with await AsyncConnection.connect(shop.dsn, autocommit=True) as connection:
        await connection.execute(_FILL, [ENDED])
        await connection.execute("ANALYZE")
        session, sql = Session(connection), statements("audit")
        ids, few = int8s([releases.before.pin.version_id]), Packed(int4_item(100)[4:])
        names = texts(["order", "nap"])
        parameters: dict[str, list[Any]] = {
            "versions": [], "groups": [], "nodes": [], "oldest_runs": [ids, few],
            "last_starts": [names], "outlooks": [ids, few],
            "newest_start": [releases.before.pin.version_id, few], "runs_by_id": [uuids(runs)],
            "past_runs": [names], "delete_versions": [ids],
        }  # fmt: skip
        assert parameters.keys() | {"now"} == sql.keys()
        rows = {name: await looked_at(session, sql[name], parameters[name]) for name in parameters}
    assert {name for name, count in rows.items() if count > 5} == {"past_runs", "last_starts"}
    assert rows["oldest_runs"] == rows["newest_start"] == rows["runs_by_id"] == 5
    assert 0 < rows["last_starts"] <= 105
    assert 0 < rows["past_runs"] <= BOUND
    past = await shop.client._backend.audits.past_runs(["nap", "order"])
    assert [(each.workflow, each.sample, each.p99) for each in past] == [
        ("nap", 2_000, 0.5), ("order", 0, None),
    ]  # fmt: skip
