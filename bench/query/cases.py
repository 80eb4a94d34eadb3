"""The questions, as data: what is asked, and the predicate that a plain SQL statement would have.

The SQL is written by hand, so it checks the compiler's answers as well as its speed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from bench.query.shape import started_at

SMALL: Final = "team-40"
"""A namespace with about one run in 2,500."""
BIG: Final = "default"
"""A namespace with about three runs in five."""

NEWEST: Final = ("desc", "started_at")
DAY: Final = 1 / 90
BUDGET: Final = 0.25
"""Seconds that every question is asked with, as the console does."""


class Target(Enum):
    """What is asked of a question: milliseconds, p95."""

    INDEX = 10.0
    """An index finds the page, or that there is none; the answer is complete."""

    COUNTERS = 5.0
    """Numbers by namespace, workflow and state, which are kept."""

    BUDGET = 1000 * BUDGET
    """No index leads to it: what its budget suffices for, and whether that is all."""


DECLARED: Final = (("plan", "text"), ("campaign", "text"), ("amount", "number"), ("tier", "number"))
"""The attributes that `continuum attributes index` is called for, and their types."""


@dataclass(frozen=True)
class Case:
    """One question.

    Attributes:
        name: what it is about.
        where: conditions for `Continuum.query`.
        sql: the same, over `continuum_runs r LEFT JOIN continuum_leases l`.
        namespace: None is everywhere.
        order: for `Continuum.query`; `sql_order` is the same, without the run id.
        page: which page of 50; earlier ones are walked first and not timed.
        group_by: a count by these fields instead of a page; an empty tuple is one number.
        peer: arguments of the peer's list call that come nearest, where it has any.
        target: how fast it has to be.
        declared: asked once the attributes of `DECLARED` have indexes, not without them.
    """

    name: str
    where: list[Any] = field(default_factory=list[Any])
    sql: str = "true"
    namespace: str | None = BIG
    order: tuple[str, Any] = NEWEST
    sql_order: str = "r.started_at DESC"
    page: int = 1
    group_by: tuple[str, ...] | None = None
    peer: dict[str, Any] | None = None
    target: Target = Target.INDEX
    declared: bool = False


def attribute(key: str, value: Any) -> tuple[str, list[str], Any]:
    """The condition that an attribute has this value."""
    return ("eq", ["attributes", key], value)


def has(attributes: dict[str, Any]) -> str:
    """The predicate that a run has these attributes."""
    return f"r.attributes @> '{json.dumps(attributes)}'"


def either(*predicates: str) -> str:
    """One of these predicates holds."""
    return f"({' OR '.join(predicates)})"


def between(begin: float, end: float) -> tuple[list[Any], str]:
    """Runs that started in this part of the time; 0 is the oldest, 1 the newest."""
    first, last = started_at(begin).isoformat(), started_at(end).isoformat()
    return (
        [("gte", "started_at", first), ("lt", "started_at", last)],
        f"r.started_at >= '{first}' AND r.started_at < '{last}'",
    )


_PRO: Final = attribute("plan", "pro")
_LAUNCH: Final = attribute("campaign", "launch")
_INCIDENT: Final = attribute("incident", "INC-7")
_AMOUNT: Final = ["attributes", "amount"]
_TIER: Final = ["attributes", "tier"]
_OLD_DAY, _OLD_DAY_SQL = between(0.3, 0.3 + DAY)
_FAILED: Final = "r.state = 'failed'"
_COMPLETED: Final = "r.state = 'completed'"
_SUSPENDED: Final = "r.state = 'suspended'"
_NUMBER: Final = (
    "jsonb_typeof(r.attributes -> 'amount') = 'number' AND r.attributes -> 'amount' {} '{}'"
)
_BY_TIER: Final = "r.attributes -> 'tier' {}, r.started_at {}"

CASES: Final = (
    Case("newest 50 of a big namespace", peer={}),
    Case("newest 50 everywhere", namespace=None, peer={}),
    Case("newest 50 of a small namespace", namespace=SMALL),
    Case("page 100", page=100, peer={"offset": 99 * 50}),
    Case("page 1,000", page=1000, peer={"offset": 999 * 50}),
    Case("page 200 of failed", [("eq", "state", "failed")], _FAILED, page=200,
         peer={"status": "ERROR", "offset": 199 * 50}),
    Case("oldest first", order=("asc", "started_at"), sql_order="r.started_at ASC",
         peer={"sort_desc": False}),
    Case("failed (4.5 %)", [("eq", "state", "failed")], _FAILED,
         peer={"status": "ERROR"}),
    Case("completed (94 %)", [("eq", "state", "completed")], _COMPLETED,
         peer={"status": "SUCCESS"}),
    Case("suspended (0.3 %)", [("eq", "state", "suspended")], _SUSPENDED),
    Case("suspended, everywhere", [("eq", "state", "suspended")], _SUSPENDED,
         namespace=None),
    Case("stuck", [("eq", "stuck", True)],
         "l.run_id IS NOT NULL AND NOT EXISTS (SELECT FROM continuum_node_versions v JOIN"
         " continuum_nodes n ON n.id = v.node_id WHERE v.version_id = l.version_id AND n.dead_at"
         " IS NULL AND n.expires_at > now())"),
    Case("waiting on a signal", [("like", "waiting_on", "signal %")],
         "l.waiting_on LIKE 'signal %'"),
    Case("a common workflow (28 %)", [("eq", "workflow", "shop:job_01")],
         "r.workflow = 'shop:job_01'", peer={"name": "shop:job_01"}),
    Case("a rare workflow (0.02 %)", [("eq", "workflow", "shop:reconcile")],
         "r.workflow = 'shop:reconcile'", peer={"name": "shop:reconcile"}),
    Case("a workflow that nobody has", [("eq", "workflow", "shop:none")],
         "r.workflow = 'shop:none'", peer={"name": "shop:none"}),
    Case("a rare workflow that failed",
         [("eq", "workflow", "shop:reconcile"), ("eq", "state", "failed")],
         f"r.workflow = 'shop:reconcile' AND {_FAILED}",
         peer={"name": "shop:reconcile", "status": "ERROR"}),
    Case("one day long ago", _OLD_DAY, _OLD_DAY_SQL, peer={"days": (0.3, 0.3 + DAY)}),
    Case("failed on one day long ago", [*_OLD_DAY, ("eq", "state", "failed")],
         f"{_OLD_DAY_SQL} AND {_FAILED}",
         peer={"days": (0.3, 0.3 + DAY), "status": "ERROR"}),
    Case("common attribute (22 %)", [_PRO], has({"plan": "pro"}),
         peer={"attributes": {"plan": "pro"}}),
    Case("one customer of many", [attribute("customer_id", "cus_0004242")],
         has({"customer_id": "cus_0004242"}),
         peer={"attributes": {"customer_id": "cus_0004242"}}),
    Case("rare attribute (20 runs)", [_INCIDENT], has({"incident": "INC-7"}),
         namespace=None, peer={"attributes": {"incident": "INC-7"}}),
    Case("attribute of the oldest 5 % only", [_LAUNCH], has({"campaign": "launch"}),
         peer={"attributes": {"campaign": "launch"}},
         target=Target.BUDGET),
    Case("common attribute, oldest 5 % only", [_LAUNCH, _PRO],
         has({"campaign": "launch", "plan": "pro"}),
         target=Target.BUDGET),
    Case("suspended and of the oldest 5 %", [_LAUNCH, ("eq", "state", "suspended")],
         " AND ".join([has({"campaign": "launch"}), _SUSPENDED]),
         target=Target.BUDGET),
    Case("common attribute in a small namespace", [_PRO], has({"plan": "pro"}),
         namespace=SMALL),
    Case("rare or common", [("or", [_INCIDENT, _PRO])],
         either(has({"incident": "INC-7"}), has({"plan": "pro"}))),
    Case("rare or rare", [("or", [_INCIDENT, attribute("customer_id", "cus_0004242")])],
         either(has({"incident": "INC-7"}), has({"customer_id": "cus_0004242"}))),
    Case("not the common value", [("neq", ["attributes", "plan"], "pro")],
         either(has({"plan": "pro"})) + " IS NOT TRUE"),
    Case("neither of the common values", [("not_in", ["attributes", "region"], ["eu", "us"])],
         either(has({"region": "eu"}), has({"region": "us"})) + " IS NOT TRUE"),
    Case("a key that nobody has", [("exists", ["attributes", "nothing"])],
         "jsonb_typeof(r.attributes -> 'nothing') <> 'null'"),
    Case("a value that nobody has", [attribute("plan", "gold")], has({"plan": "gold"})),
    Case("wide range of a number", [("gt", ["attributes", "amount"], 10)],
         _NUMBER.format(">", 10)),
    Case("narrow range of a number", [("gt", ["attributes", "amount"], 9999)],
         _NUMBER.format(">", 9999),
         target=Target.BUDGET),
    Case("a nested value", [("eq", ["attributes", "device", "os"], "tv")],
         has({"device": {"os": "tv"}})),
    Case("an odd key", [("eq", ["attributes", "a.b"], 7)], has({"a.b": 7}),
         target=Target.BUDGET),
    Case("text in an error", [("like", "error", "%refused%")],
         "r.error_message LIKE '%refused%'",
         target=Target.BUDGET),
    Case("by end, live ones last", order=("desc", "completed_at"),
         sql_order="r.completed_at DESC NULLS LAST"),
    Case("failed by duration", [("eq", "state", "failed")], _FAILED,
         order=("desc", "duration"), sql_order="r.completed_at - r.started_at DESC NULLS LAST",
         target=Target.BUDGET),
    Case("count of all", namespace=None, group_by=(),
         target=Target.COUNTERS),
    Case("count by state", group_by=("state",),
         target=Target.COUNTERS),
    Case("count by namespace and state", namespace=None, group_by=("namespace", "state"),
         target=Target.COUNTERS),
    Case("count of failed by workflow", [("eq", "state", "failed")], _FAILED,
         group_by=("workflow",),
         target=Target.COUNTERS),
    Case("count by state of an attribute", [_PRO], has({"plan": "pro"}),
         group_by=("state",),
         target=Target.BUDGET),
    Case("by an attribute", order=("desc", _TIER),
         sql_order=_BY_TIER.format("DESC NULLS LAST", "DESC"), target=Target.BUDGET),
    Case("count of a common attribute", [_PRO], has({"plan": "pro"}), group_by=(),
         target=Target.BUDGET),

    Case("declared: common value", [_PRO], has({"plan": "pro"}), declared=True),
    Case("declared: page 1,000 of a common value", [_PRO], has({"plan": "pro"}), page=1000,
         declared=True),
    Case("declared: value that nobody has", [attribute("plan", "gold")], has({"plan": "gold"}),
         declared=True),
    Case("declared: value of the oldest 5 % only", [_LAUNCH], has({"campaign": "launch"}),
         declared=True),
    Case("declared: common, of the oldest 5 %", [_LAUNCH, _PRO],
         has({"campaign": "launch", "plan": "pro"}), declared=True),
    Case("declared: suspended, oldest 5 %", [_LAUNCH, ("eq", "state", "suspended")],
         " AND ".join([has({"campaign": "launch"}), _SUSPENDED]), declared=True),
    Case("declared: value in a small namespace", [_PRO], has({"plan": "pro"}), namespace=SMALL,
         declared=True),
    Case("declared: not the common value", [("neq", ["attributes", "plan"], "pro")],
         either(has({"plan": "pro"})) + " IS NOT TRUE", declared=True),
    Case("declared: wide range", [("gt", _AMOUNT, 10)], _NUMBER.format(">", 10), declared=True),
    Case("declared: narrow range", [("gt", _AMOUNT, 9999)], _NUMBER.format(">", 9999),
         declared=True),
    Case("declared: range that nobody is in", [("gt", _AMOUNT, 10**6)],
         _NUMBER.format(">", 10**6), declared=True),
    Case("declared: largest first", order=("desc", _TIER), declared=True,
         sql_order=_BY_TIER.format("DESC NULLS LAST", "DESC")),
    Case("declared: smallest first", order=("asc", _TIER), declared=True,
         sql_order=_BY_TIER.format("ASC NULLS LAST", "ASC")),
    Case("declared: page 1,000 of largest first", order=("desc", _TIER), page=1000,
         sql_order=_BY_TIER.format("DESC NULLS LAST", "DESC"), declared=True),
    Case("declared: a range, largest first", [("lt", _AMOUNT, 100)], _NUMBER.format("<", 100),
         order=("desc", _AMOUNT), declared=True,
         sql_order="r.attributes -> 'amount' DESC, r.started_at DESC"),
    Case("declared: count of a common value", [_PRO], has({"plan": "pro"}), group_by=(),
         declared=True, target=Target.BUDGET),
    Case("declared: count of a value by state", [_PRO], has({"plan": "pro"}),
         group_by=("state",), declared=True, target=Target.BUDGET),
    Case("declared: count of a rare value by state", [_LAUNCH], has({"campaign": "launch"}),
         group_by=("state",), declared=True, target=Target.INDEX),
    Case("declared: count of a range", [("gt", _AMOUNT, 9000)], _NUMBER.format(">", 9000),
         group_by=(), declared=True, target=Target.BUDGET),
    Case("declared: values by number of runs", [("exists", _TIER)],
         "jsonb_typeof(r.attributes -> 'tier') <> 'null'", group_by=("attributes.tier",),
         declared=True, target=Target.BUDGET),
)  # fmt: skip
"""Every one of them is asked for its first 50 runs unless it says otherwise."""
