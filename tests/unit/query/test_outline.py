"""What a condition implies is implied: checked on every run that fulfils it."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuum.query.matching import holds, stored
from continuum.query.outline import (
    LIVE,
    MISSING,
    about_leases,
    conjuncts,
    containment,
    reads_leases,
    types_of,
    values_of,
)
from continuum.query.structured import parse_where
from continuum.query.times import pin
from continuum.query.tree import All, Attribute, Condition, all_of
from tests.client.rows import KEYS, make_run, with_duration
from tests.client.test_query_meaning import _conditions

NOW = datetime.now(UTC)
RUNS = [with_duration(make_run(Random(seed)), NOW) for seed in range(120)]


def matches(condition: Condition, run: dict[str, Any]) -> bool:
    return holds(condition, run.__getitem__, run["attributes"])


def type_name(value: Any) -> str:
    match value:
        case None:
            return MISSING
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
        case _:
            return "number"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_conditions, max_size=3))
def test_every_match_lies_within_the_outline(where: list[Any]) -> None:
    """Values of fields, types of attributes, containment, leases: no match is ever left out."""
    condition = pin(parse_where(where), NOW)
    same = all_of(conjuncts(condition))
    served = containment(condition)
    leases = All(tuple(about_leases(condition)))
    for run in RUNS:
        assert matches(same, run) == matches(condition, run)
        if not matches(condition, run):
            continue
        for name in ("namespace", "state", "workflow", "id", "parent_id"):
            values = values_of(condition, name)
            assert values is None or run[name] in values
        for key in KEYS:
            value = stored(Attribute((key,)), run.__getitem__, run["attributes"])
            assert type_name(value) in types_of(condition, Attribute((key,)))
        if served is not None:
            # Being there is all that the index knows of a key, null or not.
            assert matches(served, run | {"attributes": _without_null(run["attributes"])})
        assert matches(leases, run)


def _without_null(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key: "" if value is None else value for key, value in attributes.items()}


def outline(*where: Any) -> Condition:
    return parse_where(list(where))


def test_live_runs_are_recognised() -> None:
    """By their state, their leases, or that they have no end."""
    for where in (
        ("eq", "stuck", True),
        ("exists", "owner"),
        ("like", "waiting_on", "signal %"),
        ("missing", "completed_at"),
        ("not", ("in", "state", ["completed", "failed", "cancelled"])),
        ("or", [("eq", "state", "running"), ("eq", "stuck", True)]),
    ):
        assert values_of(outline(where), "state") == LIVE - (
            {"suspended"} if where == ("eq", "state", "running") else set()
        ), where
    assert values_of(outline(("eq", "stuck", False)), "state") is None
    assert values_of(outline(("or", [])), "state") == frozenset()


def test_negation_is_turned_inwards() -> None:
    """A state that is excluded leaves the others; neither of two alternatives is a conjunction."""
    neither = ("not", ("or", [("eq", "state", "completed"), ("eq", "state", "failed")]))
    assert values_of(outline(neither), "state") == {"running", "suspended", "cancelled"}
    assert len(list(conjuncts(outline(neither)))) == 2


def test_containment_is_what_the_index_serves() -> None:
    """Equality as it is, other comparisons by the key, and an alternative only if all of it."""
    plan, gone = ["attributes", "plan"], ["attributes", "gone", "deep"]
    equal = outline(("eq", plan, "pro"))
    assert containment(outline(("eq", plan, "pro"), ("gt", gone, 1))) == equal
    assert containment(outline(("gt", gone, 1))) == outline(("exists", ["attributes", "gone"]))
    assert containment(outline(("or", [("eq", plan, "pro"), ("eq", "state", "failed")]))) is None
    assert containment(outline(("neq", plan, "pro"))) is None
    many = outline(("in", plan, [str(n) for n in range(50)]))
    assert containment(many) == outline(("exists", plan))


def test_leases_are_read_only_when_asked_about() -> None:
    """Owner, waiting and stuck are in the leases of live runs; all else is in the run."""
    assert reads_leases(outline(("or", [("eq", "state", "failed"), ("missing", "owner")])))
    assert not reads_leases(
        outline(("eq", "state", "running"), ("exists", ["attributes", "owner"]))
    )
