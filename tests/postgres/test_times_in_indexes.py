"""Statements that look for what is recent, or due, stop where an index says that the rest is not.

A clock that is read for each row is compared with each row: no index ends at it.
"""

from __future__ import annotations

from typing import Any

import pytest

from continuum.store.postgres.statements import statements
from tests.postgres.scene import Scene


@pytest.mark.parametrize(
    ("file", "name", "parameters", "conditions"),
    [
        ("health", "families", ["10000", "20"], {
            "continuum_runs_failed_idx": "completed_at > ",
            "continuum_runs_error_family_idx": "completed_at > ",
        }),
        ("schedules", "lock_due", ["100"], {"continuum_schedules_look_at_idx": "look_at <= "}),
        ("ownership", "attend", ["'00000000-0000-0000-0000-000000000001'", "'{1}'", "'b'"], {
            "continuum_leases_owner_idx": "wake_at <= ",
        }),
    ],
)  # fmt: skip
async def test_an_index_ends_at_the_time(
    scene: Scene, file: str, name: str, parameters: list[str], conditions: dict[str, str]
) -> None:
    """The time is part of the condition of the index, not of a filter behind it."""
    text = statements(file)[name].decode()
    for number, value in reversed([*enumerate(parameters, 1)]):
        text = text.replace(f"${number}", value)
    connection = await scene.connect()
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    cursor = await connection.execute(b"EXPLAIN (FORMAT JSON) " + text.encode())
    [(found,)] = await cursor.fetchall()
    nodes = list(every_node(found[0]["Plan"]))
    for index, condition in conditions.items():
        used = [node for node in nodes if node.get("Index Name") == index]
        assert any(condition in node.get("Index Cond", "") for node in used), nodes


def every_node(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """It and all below."""
    return [plan, *(node for part in plan.get("Plans", ()) for node in every_node(part))]
