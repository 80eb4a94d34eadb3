"""`AttributeStore` on every store: keys of runs as they are, and declared indexes."""

from __future__ import annotations

from typing import Any

import pytest

from continuum.model import AttributeType, IndexProgress
from continuum.query.tree import Field, Query
from tests.conformance.stage import Stage

ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {"plan": "pro", "amount": 1, "device": {"os": "ios", "a.b": {"c": [1]}}},
    {"plan": "pro", "amount": "n/a", "": False},
    {"plan": "free", "amount": 2.5, "device": None},
    {},
)


def nothing(progress: IndexProgress) -> None:
    """For builds that nobody watches."""


@pytest.mark.parametrize("namespace", ["default", None])
async def test_keys_have_types_shares_and_values(stage: Stage, namespace: str | None) -> None:
    """Top-level and nested keys, the commonest first; each JSON type with its share of runs."""
    for attributes in ATTRIBUTES:
        await stage.started(attributes=attributes)
    if namespace is not None:
        await stage.started(namespace="other", attributes={"elsewhere": 1})
    found = await stage.attributes.keys(namespace, 1000)
    assert {key.path: (dict(key.types), key.distinct) for key in found} == {
        ("plan",): ({"string": 0.75}, 2),
        ("amount",): ({"number": 0.5, "string": 0.25}, 3),
        ("device",): ({"object": 0.25, "null": 0.25}, 2),
        ("device", "os"): ({"string": 0.25}, 1),
        ("device", "a.b"): ({"object": 0.25}, 1),
        ("device", "a.b", "c"): ({"array": 0.25}, 1),
        ("",): ({"boolean": 0.25}, 1),
    }
    assert [key.share for key in found] == sorted((key.share for key in found), reverse=True)


async def test_no_runs_have_no_keys(stage: Stage) -> None:
    """An empty store, and a namespace that nobody uses."""
    assert await stage.attributes.keys(None, 100) == []
    await stage.started(attributes={"a": 1})
    assert await stage.attributes.keys("nobody", 100) == []


async def test_indexes_are_declared_once_and_dropped(stage: Stage) -> None:
    """A key shows its indexes until they are dropped; building twice answers the same one."""
    await stage.started(attributes={"plan": "pro"})
    built = await stage.attributes.build(("plan",), AttributeType.TEXT, nothing)
    assert built.valid
    assert await stage.attributes.build(("plan",), AttributeType.TEXT, nothing) == built
    [key] = await stage.attributes.keys(None, 100)
    assert key.indexes == tuple(await stage.attributes.indexes()) == (built,)
    assert await stage.attributes.drop(("plan",), AttributeType.TEXT)
    assert not await stage.attributes.drop(("plan",), AttributeType.TEXT)
    assert await stage.attributes.indexes() == []


async def test_groups_that_nobody_is_in_any_more_are_not_counted(stage: Stage) -> None:
    """Once all runs of a state have left it, the state is no group, compacted or not."""
    run_id = await stage.started()
    await stage.store.force_cancel(run_id, None, None)
    for _ in range(2):
        assert [
            (g.key, g.count)
            for g in (await stage.reads.count(Query(None), [Field("state")])).groups
        ] == [(("cancelled",), 1)]
        [whole] = (await stage.reads.count(Query("default"), [])).groups
        assert whole.count == 1
        [none] = (await stage.reads.count(Query("nobody"), [])).groups
        assert none.count == 0
        await stage.store.compact_counts(100)
