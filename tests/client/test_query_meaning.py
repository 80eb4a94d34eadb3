"""Structured queries against a second implementation of their meaning."""

from __future__ import annotations

from itertools import chain, repeat
from math import inf
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuum import Continuum
from continuum.query.fields import FIELDS
from continuum.query.structured import parse_order, parse_where
from continuum.query.tree import Query
from continuum.store.postgres import count_windows, counting
from tests.client.reference import RELATIVE, grouped, holds, ordered
from tests.client.rows import (
    ERRORS,
    KEYS,
    KEYS_OF_RUNS,
    NAMESPACES,
    NUMBERS,
    START,
    STATES,
    TEXTS,
    WAITS,
    WORKFLOWS,
    insert_nodes,
    insert_pauses,
    insert_runs,
    json_value,
    make_run,
    with_duration,
)
from tests.servers import server_names

pytestmark = pytest.mark.every_server

EXAMPLES = -(-1000 // len(server_names()))
"""On each server; a thousand together."""

SMALL_PAGES = 5

RUNS = [make_run(Random(seed)) for seed in range(300)]

_texts = {
    "namespace": NAMESPACES,
    "workflow": (*WORKFLOWS, "none"),
    "version_hash": ("", "aa", "ab", "b"),
    "owner": (str(UUID(int=7)), "x"),
    "waiting_on": tuple(text for text in WAITS if text is not None),
    "error": tuple(text for text in ERRORS if text is not None),
    "error_type": ("ValueError", "value"),
    "key": (*KEYS_OF_RUNS, "order"),
    "error_family": (*sorted({run["error_family"] for run in RUNS if run["error_family"]}), "x"),
}
_patterns = (
    "%",
    "",
    "_",
    "%flow",
    "shop:%",
    "%\\%%",
    "a\\_b",
    "%\u00e9%",
    "PRO",
    "%order\\_f%",
    "x%",
)
_times = [moment.isoformat() for run in RUNS[:20] for moment in (run["started_at"],)]
_values: dict[str, st.SearchStrategy[Any]] = {
    **{name: st.sampled_from(values) for name, values in _texts.items()},
    "id": st.sampled_from([RUNS[0]["id"], str(RUNS[1]["id"]), uuid4()]),
    "parent_id": st.sampled_from([UUID(int=1), str(UUID(int=2)), UUID(int=9)]),
    "version": st.integers(-1, 4) | st.just(10**40),
    "incarnation": st.integers(0, 3),
    "state": st.sampled_from(STATES),
    **{
        name: st.sampled_from([*_times, *RELATIVE, START, START.replace(tzinfo=None).isoformat()])
        for name in ("started_at", "updated_at", "completed_at")
    },
    "duration": st.sampled_from([0, 1, 2.5, 3600, 10**9, -1]),
    "stuck": st.booleans(),
    "paused": st.booleans(),
}
_fields = st.sampled_from(sorted(FIELDS))
_attributes = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2).map(
    lambda keys: ["attributes", *keys]
)
_scalars = st.sampled_from([True, False, *NUMBERS, *TEXTS])
_json = (
    st.integers(0, 200)
    .map(lambda seed: json_value(Random(seed)))
    .filter(lambda value: value is not None)
)


def _field_leaf(name: str) -> st.SearchStrategy[Any]:
    value = _values[name]
    leaves = [
        st.tuples(st.sampled_from(["eq", "neq"]), st.just(name), value),
        st.tuples(st.sampled_from(["in", "not_in"]), st.just(name), st.lists(value, max_size=3)),
        st.tuples(st.sampled_from(["exists", "missing"]), st.just(name)),
    ]
    if name not in ("state", "stuck", "paused"):
        order = st.sampled_from(["lt", "lte", "gt", "gte"])
        leaves += [
            st.tuples(order, st.just(name), value),
            st.tuples(st.just("between"), st.just(name), value, value),
        ]
    if name in _texts or name == "state":
        like = st.sampled_from(["like", "ilike"])
        leaves.append(st.tuples(like, st.just(name), st.sampled_from(_patterns)))
    return st.one_of(leaves)


_ordered_values = st.sampled_from([*NUMBERS, *TEXTS])
_attribute_leaf = st.one_of(
    st.tuples(st.sampled_from(["eq", "neq"]), _attributes, _json),
    st.tuples(st.sampled_from(["in", "not_in"]), _attributes, st.lists(_json, max_size=3)),
    st.tuples(st.sampled_from(["lt", "lte", "gt", "gte"]), _attributes, _ordered_values),
    st.tuples(st.just("between"), _attributes, _ordered_values, _ordered_values),
    st.tuples(st.sampled_from(["like", "ilike"]), _attributes, st.sampled_from(_patterns)),
    st.tuples(st.sampled_from(["exists", "missing"]), _attributes),
)
_conditions = st.recursive(
    _fields.flatmap(_field_leaf) | _attribute_leaf,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, max_size=3)),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=6,
)


_orders = st.tuples(st.sampled_from(["asc", "desc"]), _fields | _attributes)
_groupable = sorted(FIELDS.keys() - {"id", "duration", "started_at", "updated_at", "completed_at"})
_groups = st.lists(st.sampled_from(_groupable) | _attributes, min_size=1, max_size=2)


@pytest.mark.timeout(600)
def test_queries_mean_what_the_reference_says(dsn: str) -> None:
    """Any condition in any order, page by page, in both spellings: the runs that Python finds.

    The first page is asked for as data and the others as text, so a cursor is shared by both; and
    by pages of two sizes, where there are many small ones.
    Groups are counted at once, or in windows.
    """
    insert_runs(dsn, RUNS)
    insert_nodes(dsn)
    insert_pauses(dsn)
    with Continuum.blocking(dsn) as ct:

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            where=st.lists(_conditions, max_size=2),
            order=_orders,
            group_by=_groups,
            namespace=st.sampled_from([None, *NAMESPACES]),
            limit=st.sampled_from([7, 60, 150, 299, 1000]),
            windows=st.sampled_from([False, False, True]),
        )
        def check(
            where: list[Any],
            order: Any,
            group_by: Any,
            namespace: str | None,
            limit: int,
            windows: bool,
        ) -> None:
            spec: Any = {"where": where, "namespace": namespace}
            text = Query(None, parse_where(where), parse_order(order)).text
            page = ct.query(**spec, order_by=order, limit=limit)
            read_at, found = page.stamp.at, list(page.entries)
            limits = chain([limit] * SMALL_PAGES, repeat(max(limit, 60)))
            while page.next_cursor is not None:
                assert len(page.entries) == limit
                assert len(page.next_cursor) < 1024
                limit = next(limits)
                page = ct.query(text, namespace=namespace, limit=limit, cursor=page.next_cursor)
                assert page.stamp.at == read_at
                found += page.entries
            runs = [with_duration(run, read_at) for run in RUNS]
            matching = [
                run for run in runs if namespace in (None, run["namespace"]) and holds(where, run)
            ]
            assert [run.id for run in found] == [run["id"] for run in ordered(matching, *order)]
            uses_clock = "duration" in repr(where) or any(name in repr(where) for name in RELATIVE)
            if not uses_clock:
                condition = Query(None, parse_where(where)).text
                assert ct.count(condition, namespace=namespace) == len(matching)
                with pytest.MonkeyPatch.context() as patch:
                    if windows:
                        patch.setattr(counting, "CHEAP", -1)
                        patch.setattr(counting, "ROWS_PER_COST", inf)
                        patch.setattr(count_windows, "FIRST_WINDOW", 30)
                    groups = ct.count(**spec, group_by=group_by)
                assert [group.count for group in groups] == grouped(matching, group_by)

        check()


def test_grouped_counts_are_exact(dsn: str) -> None:
    """Groups hold every combination that occurs, largest first, and add up."""
    insert_runs(dsn, RUNS)
    insert_nodes(dsn)
    insert_pauses(dsn)
    with Continuum.blocking(dsn) as ct:
        groups = ct.count(namespace=None, group_by=["namespace", "state", "stuck"])
        counted = {group.key: group.count for group in groups}
        expected: dict[tuple[Any, ...], int] = {}
        for run in RUNS:
            key = (run["namespace"], run["state"], run["stuck"])
            expected[key] = expected.get(key, 0) + 1
        assert counted == expected
        assert [group.count for group in groups] == sorted(expected.values(), reverse=True)
        assert ct.count(namespace=None) == len(RUNS)
        assert ct.namespaces() == sorted(NAMESPACES)
