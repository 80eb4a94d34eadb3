"""`ReadStore`: snapshots, journals, attributes, queries, pages, counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from continuum.errors import AttributesError, QueryError
from continuum.journal.events import Failure
from continuum.journal.turn import NewRun, RunEnd, RunState
from continuum.model import Omitted, Run
from continuum.query.structured import parse_operand, parse_order, parse_where
from continuum.query.tree import Field, Query
from continuum.store.reading import Stretch
from continuum.system import new_run_id
from tests.conformance.stage import Stage, parked
from tests.postgres.scene import NOON, PIN, first_turn, last_turn, next_turn

TAGS: tuple[dict[str, Any], ...] = (
    {},
    {"plan": "pro", "n": 1},
    {"plan": "Pro", "n": 1.0, "deep": {"x": [1, {"y": None}]}},
    {"plan": 4, "n": "4", "ok": True},
    {"plan": None, "n": -2.5, "ok": False, "deep": {"x": [1, {"y": None}], "z": 0}},
    {"plan": "a%b_c\\", "n": 10**20, "0": ["pro"]},
)


async def populate(stage: Stage) -> list[UUID]:
    """Runs of every state, in two namespaces, started an hour apart."""
    ids: list[UUID] = []
    for n, attributes in enumerate(TAGS):
        for namespace in ("default", "billing"):
            turn = first_turn(token=(await stage.store.allocate_tokens(1))[0])
            turn.started_at = NOON + timedelta(hours=n)
            turn.created = NewRun(turn.run_id, namespace, PIN.workflow, b"[1]", attributes)
            ids.append(turn.run_id)
            await stage.commit(turn)
            if n == 1:
                await stage.commit(parked(turn, 3, waiting_on="signal go"))
            elif n == 2:
                await stage.commit(last_turn(turn))
            elif n == 3:
                failed = last_turn(turn)
                failed.end = RunEnd(RunState.FAILED, error=Failure("ValueError", "50% off"))
                await stage.commit(failed)
    return ids


async def found(
    stage: Stage, where: Any, *, order: Sequence[str] | None = None, namespace: str | None = None,
    limit: int = 100,
) -> list[Run]:  # fmt: skip
    """All matches, page by page."""
    query = Query(namespace, parse_where(where), parse_order(order))
    page = await stage.reads.search(query, limit, None, payloads=False)
    runs = list(page.entries)
    while page.next_cursor is not None:
        assert len(page.entries) == limit
        page = await stage.reads.search(query, limit, page.next_cursor, payloads=False)
        runs += page.entries
    return runs


CASES: list[tuple[Any, list[int]]] = [
    ([], [0, 1, 2, 3, 4, 5]),
    ([("eq", "state", "running")], [0, 4, 5]),
    ([("in", "state", ["failed", "completed"])], [2, 3]),
    ([("in", "state", [])], []),
    ([("neq", "state", "running"), ("not", ("eq", "state", "failed"))], [1, 2]),
    ([("eq", ["attributes", "plan"], "pro")], [1]),
    ([("neq", ["attributes", "plan"], "pro")], [0, 2, 3, 4, 5]),
    ([("eq", ["attributes", "n"], 1)], [1, 2]),
    ([("eq", ["attributes", "n"], 1.0)], [1, 2]),
    ([("eq", ["attributes", "n"], "4")], [3]),
    ([("eq", ["attributes", "ok"], True)], [3]),
    ([("eq", ["attributes", "n"], 10**20)], [5]),
    ([("gt", ["attributes", "n"], 0)], [1, 2, 5]),
    ([("lte", ["attributes", "n"], 1)], [1, 2, 4]),
    ([("gte", ["attributes", "n"], "3")], [3]),
    ([("between", ["attributes", "n"], -3, 1)], [1, 2, 4]),
    ([("exists", ["attributes", "plan"])], [1, 2, 3, 5]),
    ([("missing", ["attributes", "plan"])], [0, 4]),
    ([("like", ["attributes", "plan"], "%ro")], [1, 2]),
    ([("ilike", ["attributes", "plan"], "PRO")], [1, 2]),
    ([("like", ["attributes", "plan"], "a\\%b\\_c\\\\")], [5]),
    ([("like", ["attributes", "plan"], "a_b_c_")], [5]),
    ([("eq", ["attributes", "deep", "z"], 0)], [4]),
    ([("eq", ["attributes", "deep"], {"x": [1, {"y": None}]})], [2]),
    ([("eq", ["attributes", "0"], ["pro"])], [5]),
    ([("exists", "completed_at")], [2, 3]),
    ([("eq", "error_type", "ValueError")], [3]),
    ([("like", "error", "50\\%%")], [3]),
    ([("eq", "waiting_on", "signal go")], [1]),
    ([("missing", "owner")], [2, 3]),
    ([("eq", "version", 1)], [0, 1, 2, 3, 4, 5]),
    ([("gt", "started_at", NOON + timedelta(hours=3))], [4, 5]),
    ([("between", "started_at", NOON, NOON.isoformat())], [0]),
    ([("or", [("eq", "state", "failed"), ("eq", "waiting_on", "signal go")])], [1, 3]),
    ([("or", [])], []),
    ([("not", ("and", [("exists", "owner"), ("missing", "waiting_on")]))], [1, 2, 3]),
    ([("eq", "stuck", True)], [0, 1, 4, 5]),
]


async def test_structured_conditions(stage: Stage) -> None:
    """Every store gives the same answer to the same condition, in each namespace."""
    ids = await populate(stage)
    for where, places in CASES:
        both = {run.id for run in await found(stage, where)}
        assert both == {ids[2 * n + side] for n in places for side in (0, 1)}, where
        billing = {run.id for run in await found(stage, where, namespace="billing")}
        assert billing == {ids[2 * n + 1] for n in places}, where


async def test_pages_walk_every_order(stage: Stage) -> None:
    """However small the pages: each run once, sorted, those without a value last."""
    ids = await populate(stage)
    fields = ("started_at", "completed_at", "waiting_on", "state", "id")
    for direction, field in product(("asc", "desc"), fields):
        whole = await found(stage, [], order=(direction, field))
        assert {run.id for run in whole} == set(ids)
        for limit in (1, 5, 12):
            paged = await found(stage, [], order=(direction, field), limit=limit)
            assert [run.id for run in paged] == [run.id for run in whole]
        keys = [getattr(run, field) for run in whole]
        present = [key for key in keys if key is not None]
        assert present == sorted(present, reverse=direction == "desc")
        assert keys == present + [None] * (len(keys) - len(present))


async def test_a_cursor_belongs_to_its_query(stage: Stage) -> None:
    """Another condition, order or namespace refuses it, and so does a changed one."""
    await populate(stage)
    query = Query(None, parse_where([]), parse_order(("asc", "started_at")))
    page = await stage.reads.search(query, 3, None, payloads=False)
    assert page.next_cursor is not None
    assert page.complete
    for other in (replace(query, namespace="billing"), Query(None)):
        with pytest.raises(QueryError):
            await stage.reads.search(other, 3, page.next_cursor, payloads=False)
    with pytest.raises(QueryError):
        await stage.reads.search(query, 3, page.next_cursor[:-2], payloads=False)


async def test_counts_are_exact_and_grouped(stage: Stage) -> None:
    """Every combination that occurs, largest first; without grouping one number."""
    await populate(stage)
    query = Query(None)
    groups = (await stage.reads.count(query, [Field("state"), Field("namespace")])).groups
    counted = {group.key: group.count for group in groups}
    assert counted == {
        (state, namespace): number
        for state, number in {"running": 3, "suspended": 1, "completed": 1, "failed": 1}.items()
        for namespace in ("default", "billing")
    }
    assert [group.count for group in groups] == sorted(counted.values(), reverse=True)
    [whole] = (await stage.reads.count(Query("billing"), [])).groups
    assert (whole.key, whole.count) == ((), 6)
    assert [g.key for g in (await stage.reads.count(query, [Field("error")])).groups] == [
        (None,),
        ("50% off",),
    ]
    for name in ("started_at", "id", "duration", "nothing"):
        with pytest.raises(QueryError):
            await stage.reads.count(query, [parse_operand(name)])
    assert list(await stage.reads.namespaces()) == ["billing", "default"]


async def test_histories_come_in_pages(stage: Stage) -> None:
    """Events after a seq, at most so many, decoded; None for an unknown run."""
    run = await stage.created()
    await stage.commit(next_turn(run))
    first = await stage.reads.history(run.run_id, None, Stretch(limit=2))
    rest = await stage.reads.history(run.run_id, "default", Stretch(2))
    assert first is not None
    assert rest is not None
    assert [event.type for event in first] == ["run_started", "activity_scheduled"]
    assert [(e.seq, e.command, e.data) for e in rest] == [(3, 1, {"attempt": 1, "value": 1})]
    assert first[1].data == {"name": "shop:charge", "args": [1]}
    assert first[0].at == NOON
    assert await stage.reads.history(uuid4(), None, Stretch()) is None


async def test_histories_are_read_from_either_end(stage: Stage) -> None:
    """The first or the last of any stretch, always oldest first; an empty stretch is empty."""
    run = await stage.created()
    await stage.commit(next_turn(run))
    all_events = await stage.reads.history(run.run_id, None, Stretch())
    assert all_events is not None
    seqs = [event.seq for event in all_events]
    assert seqs == [1, 2, 3]
    for after, before, limit, newest in product((0, 1, 3, 9), (None, 1, 3, 9), (1, 2, 9), (0, 1)):
        stretch = Stretch(after, before, limit, newest=bool(newest))
        found = await stage.reads.history(run.run_id, None, stretch)
        assert found is not None
        inside = [seq for seq in seqs if after < seq < (before or 99)]
        assert [event.seq for event in found] == (inside[-limit:] if newest else inside[:limit])


async def test_payloads_are_fetched_up_to_a_size(stage: Stage) -> None:
    """Of a journal and of a run: what is larger says its size, and comes when that is asked for."""
    run = await stage.created()
    await stage.commit(next_turn(run))
    small = await stage.reads.history(run.run_id, None, Stretch(shown=25))
    assert small is not None
    whole = await stage.reads.history(run.run_id, None, Stretch())
    assert whole is not None
    sizes = [event.stored_data.size for event in whole]
    assert min(sizes) <= 25 < max(sizes)
    assert [event.stored_data.data is None for event in small] == [size > 25 for size in sizes]
    found = await stage.reads.get_run(run.run_id, None, 0)
    assert found is not None
    assert found.input == Omitted((await stage.run(run.run_id)).stored_input.size)


async def test_ends_tell_live_from_unknown(stage: Stage) -> None:
    """None for a live run, absent for an unknown one, the whole result for an ended one."""
    live, ended = await stage.created(), await stage.created()
    big = b'"' + b"x" * 300_000 + b'"'
    await stage.commit(last_turn(ended, big))
    ends = await stage.reads.ends([live.run_id, ended.run_id, uuid4()])
    assert ends == {live.run_id: None, ended.run_id: RunEnd(RunState.COMPLETED, big)}
    assert (await stage.run(ended.run_id)).output == Omitted(len(big))


async def test_payloads_of_a_page_are_fetched_when_asked_for(stage: Stage) -> None:
    """Lists carry sizes only, unless payloads are wanted."""
    run = await stage.created()
    await stage.commit(last_turn(run))
    for payloads, expected in ((False, (Omitted(3), Omitted(1))), (True, ([1], 7))):
        page = await stage.reads.search(Query(None), 10, None, payloads=payloads)
        [entry] = page.entries
        assert (entry.input, entry.output) == expected


async def test_attributes_are_merged_and_removed(stage: Stage) -> None:
    """Top-level keys; others stay; `updated_at` moves; an ended run takes them, too."""
    run_id = await stage.started(attributes={"a": 1, "b": {"c": 2}})
    before = await stage.run(run_id)
    assert await stage.reads.set_attributes(run_id, None, {"b": 3, "d": None}, ["a", "zzz"])
    after = await stage.run(run_id)
    assert after.attributes == {"b": 3, "d": None}
    assert after.updated_at > before.updated_at
    await stage.store.force_cancel(run_id, None, None)
    assert await stage.reads.set_attributes(run_id, "default", {"e": 1}, ())
    assert (await stage.run(run_id)).attributes == {"b": 3, "d": None, "e": 1}
    assert not await stage.reads.set_attributes(uuid4(), None, {"e": 1}, ())


async def test_attributes_have_a_limit(stage: Stage) -> None:
    """A merge beyond it changes nothing."""
    run_id = await stage.started(attributes={"a": "x" * 40_000})
    with pytest.raises(AttributesError):
        await stage.reads.set_attributes(run_id, None, {"b": "x" * 40_000}, ())
    assert list((await stage.run(run_id)).attributes) == ["a"]
    assert await stage.reads.set_attributes(run_id, None, {"b": "x" * 40_000}, ["a"])


async def test_stuck_means_that_no_live_node_can_run_it(stage: Stage) -> None:
    """A run of a version that a registered node has loaded is not stuck; ended ones never are."""
    await stage.register()
    loaded = await stage.started()
    other = NewRun(new_run_id(), "default", "other:flow", b"[]")
    await stage.store.insert_runs([other])
    assert [run.id for run in await found(stage, [("eq", "stuck", True)])] == [other.run_id]
    assert [run.id for run in await found(stage, [("eq", "stuck", False)])] == [loaded]
