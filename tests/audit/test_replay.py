"""Replays of live runs against other code: what differs, where, and that nothing is written."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo

from continuum import Continuum
from continuum.audit.replayed import Replayed
from continuum.errors import DefinitionError
from continuum.store.protocol import StoreUnavailable
from tests.audit.shop import BASE, EDITS, PATCHED, REFACTORED, flow, park, parked


async def replayed(client: Continuum, *flows: Any, **options: Any) -> list[Replayed]:
    """What a replay says of all live runs."""
    return [each async for each in client.replay(flows, **options)]


async def test_every_edit_is_found_at_its_line(dsn: str) -> None:
    """Inserted, removed, swapped or renamed, also in a helper two calls away: file and line."""
    async with parked(dsn) as (client, base, [run_id]):
        for name, edit in EDITS.items():
            edited = flow(edit.text)
            [found] = await replayed(client, edited)
            assert found.verdict == "drift", name
            assert found.drift is not None
            file = edited.fn.__globals__["__file__"].rpartition("/")[2]
            assert found.drift.location == f"{file}:{edit.number()}", name
            assert f" at {found.drift.location}" in found.drift.message
            assert found.drift.parks == edit.parks, name
            assert (found.run_id, found.origin) == (run_id, base.source)


async def test_both_sides_of_a_difference_are_named(dsn: str) -> None:
    """What the journal has at that command, and what the code issues."""
    async with parked(dsn) as (client, _, _):
        [found] = await replayed(client, flow(EDITS["an inserted activity"].text))
    drift = found.drift
    assert drift is not None
    assert (drift.command, drift.recorded, drift.issued) == (
        3, "activity_scheduled charge", "activity_scheduled reserve",
    )  # fmt: skip


async def test_same_code_and_a_refactoring_replay_alike(dsn: str) -> None:
    """Verdicts, the version that a run would have, and the decisions that it came to."""
    async with parked(dsn, 2) as (client, base, _):
        same = await replayed(client, base)
        assert [(each.verdict, each.stamp) for each in same] == [("same", base.pin)] * 2
        refactored = flow(REFACTORED)
        assert refactored.pin.version_hash != base.pin.version_hash
        for found in await replayed(client, refactored):
            assert (found.verdict, found.stamp) == ("same", refactored.pin)
            assert (found.version_hash, found.finished) == (base.pin.version_hash, False)
        patched = flow(PATCHED)
        assert [each.patches for each in await replayed(client, patched)] == [
            {"thanks": False}, {"thanks": False},
        ]  # fmt: skip


async def test_a_run_without_code_is_not_loadable(dsn: str) -> None:
    """Another workflow is loaded, not this one."""
    async with parked(dsn) as (client, _, _):
        other = flow(BASE.replace('name="order"', 'name="other"'))
        [found] = await replayed(client, other)
    assert (found.verdict, found.workflow, found.drift) == ("not-loadable", "order", None)


async def test_of_several_versions_that_with_the_same_label_is_tried_first(dsn: str) -> None:
    """A rearranged version 1 goes on with its runs beside a version 2 that could not."""
    async with parked(dsn) as (client, _, _):
        first = flow(REFACTORED)
        second = flow(EDITS["swapped branches"].text.replace('"order")', '"order", version=2)'))
        [found] = await replayed(client, first, second)
        assert (found.verdict, found.stamp) == ("same", first.pin)
        [found] = await replayed(client, second)
        assert found.verdict == "drift"
        with pytest.raises(DefinitionError, match="declared twice"):
            await replayed(client, first, flow(EDITS["a removed timer"].text))


async def test_patches_taken_are_taken_again(dsn: str) -> None:
    """A run on the new branch replays in its code, and once the old branch was deleted by hand."""
    patched = flow(PATCHED)
    async with Continuum(dsn) as client:
        await park(client, patched)
        [found] = await replayed(client, patched)
        assert (found.verdict, found.patches) == ("same", {"thanks": True})
        assert found.stamp == patched.pin_of(frozenset({"thanks"}))
        removed = flow(PATCHED.replace('if continuum.patched("thanks"):', "if True:"))
        [found] = await replayed(client, removed)
        assert (found.verdict, found.stamp) == ("same", removed.pin)
        [found] = await replayed(client, flow())
        assert found.verdict == "drift"


async def test_conditions_and_samples_choose_runs(dsn: str) -> None:
    """By expression, so many in all or of each version, and the same ones each time."""
    async with parked(dsn, 6) as (client, base, ids):
        other = flow(REFACTORED)
        ids += await park(client, other, 3)
        chosen = await replayed(client, base, where=[("in", "id", [str(i) for i in ids[:2]])])
        assert {each.run_id for each in chosen} == set(ids[:2])
        assert await replayed(client, base, namespace="elsewhere") == []
        seen: list[tuple[int, int]] = []
        some = await replayed(client, base, sample=2, progress=lambda *done: seen.append(done))
        assert seen[-1] == (2, 2)
        again = await replayed(client, base, sample=2)
        assert [each.run_id for each in some] == [each.run_id for each in again]
        versions = [each.version_hash for each in await replayed(
            client, base, sample=2, per_version=True
        )]  # fmt: skip
        assert sorted(versions) == sorted(
            [base.pin.version_hash] * 2 + [other.pin.version_hash] * 2
        )  # fmt: skip


async def test_a_run_that_never_executed_has_nothing_to_replay(dsn: str) -> None:
    """It is the same whatever the code, and has no version."""
    async with Continuum(dsn) as client:
        await client.start(flow(), "o1", 500)
        [found] = await replayed(client, flow(EDITS["a removed timer"].text))
    assert (found.verdict, found.stamp, found.version_hash) == ("same", None, "")


def _contents(dsn: str) -> dict[str, list[Any]]:
    """Every row of every table of ours."""
    with psycopg.connect(dsn) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE tablename LIKE 'continuum%' ORDER BY 1"
        ).fetchall()
        return {
            name: connection.execute(f"SELECT t::text FROM {name} t ORDER BY 1").fetchall()
            for (name,) in names
        }


async def test_a_replay_writes_nothing(dsn: str) -> None:
    """A role that may only read is enough, on a server that refuses every write."""
    async with parked(dsn) as (client, base, _):
        pass
    reader = f"reader_{uuid4().hex[:8]}"  # roles are of the whole server
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {reader} LOGIN")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
        connection.execute(f"ALTER ROLE {reader} SET default_transaction_read_only = on")
    try:
        before = _contents(dsn)
        async with Continuum(conninfo.make_conninfo(dsn, user=reader)) as client:
            assert (await client.server()).user == reader
            for options in ({}, {"expression": "workflow = 'order'"}, {"sample": 1}):
                [found] = await replayed(client, base, **options, progress=lambda *_: None)
                assert found.verdict == "same"
            with pytest.raises(StoreUnavailable, match="read-only transaction"):
                await client.signal(found.run_id, "approved", "yes")
        assert _contents(dsn) == before
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {reader}")
            connection.execute(f"DROP ROLE {reader}")
