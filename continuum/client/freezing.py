"""From a condition to a plan: which runs match now, and what the act can be done to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from continuum.codec.attributes import check_attributes, check_json, check_name
from continuum.declare.durations import seconds
from continuum.errors import ConfigurationError, PlanError
from continuum.model import RunState
from continuum.operators.acts import Act
from continuum.operators.plans import (
    MAX_PLAN,
    PLANNABLE,
    NewPlan,
    PlanOutcome,
    PlanRun,
    does_not_fit,
)
from continuum.query.building import build_query
from continuum.query.printing import print_query
from continuum.query.tree import All, AnyOf, Condition, Field, Not
from continuum.store.reading import ReadStore
from continuum.system import EPOCH, new_run_id

PAGE = 2000


async def freeze(
    reads: ReadStore,
    act: str,
    expression: str | None,
    namespace: str | None,
    where: Sequence[Any] | None,
    arguments: Mapping[str, Any],
    operator: Act,
    expires_after: timedelta | float,
) -> tuple[NewPlan, datetime]:
    """The plan of an act upon every run that matches now, and when it was looked.

    Raises:
        QueryError, ConfigurationError, PayloadError, AttributesError, PlanError: see
            `Continuum.plan`.
    """
    checked = check_arguments(act, arguments)
    query = build_query(expression, namespace, where)
    lasts = timedelta(seconds=seconds(expires_after, "expires_after"))
    runs: list[PlanRun] = []
    cursor, seen_at = None, EPOCH
    while True:
        page = await reads.records(query, ("id", "state"), PAGE, cursor)
        runs += [_planned(act, len(runs) + n, *entry) for n, entry in enumerate(page.entries)]
        seen_at, cursor = page.stamp.at, page.next_cursor
        if len(runs) > MAX_PLAN:
            raise PlanError(
                f"more than {MAX_PLAN:,} runs match", hint="ask for fewer: state = 'failed' and ..."
            )
        if cursor is None:
            break
    accepts = [] if asks_for_state(query.condition) else sorted(PLANNABLE[act].fits)
    text = print_query(query.condition, query.order) or "true"
    plan = NewPlan(
        new_run_id(), act, checked, namespace, text, accepts, operator.reason, operator.operator,
        lasts, runs,
    )  # fmt: skip
    return plan, seen_at


def _planned(act: str, n: int, run_id: UUID, state: str) -> PlanRun:
    why = does_not_fit(act, RunState(state))
    outcome = PlanOutcome.PENDING if why is None else PlanOutcome.SKIPPED
    return PlanRun(n, run_id, RunState(state), outcome, why)


def asks_for_state(condition: Condition) -> bool:
    """Whether it says anything about the state of a run."""
    match condition:
        case Not(part):
            return asks_for_state(part)
        case All(parts) | AnyOf(parts):
            return any(asks_for_state(part) for part in parts)
        case _:
            return condition.operand == Field("state")


def check_arguments(act: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an act as JSON.

    Raises:
        ConfigurationError: no such act, or one that it does not take or lacks.
        PayloadError, AttributesError: a bad one.
    """
    known = PLANNABLE.get(act)
    if known is None:
        acts = ", ".join(PLANNABLE)
        raise ConfigurationError(f"{act!r:.40} cannot be planned", hint=f"what can: {acts}")
    for name in arguments:
        if name not in known.takes:
            takes = ", ".join(sorted(known.takes)) or "nothing"
            raise ConfigurationError(
                f"a plan to {act} takes no {name!r:.40}", hint=f"it takes {takes}"
            )
    for name in known.needs - arguments.keys():
        raise ConfigurationError(f"a plan to {act} needs arguments={{{name!r}: ...}}")
    checked = dict(arguments)
    for name in ("name", "delivery_id", "once"):
        if checked.get(name) is not None:
            check_name(checked[name], f"signal {name}" if name == "name" else name)
    if not isinstance(checked.get("force", False), bool):
        raise ConfigurationError("force is true or false")
    if act == "attributes":
        _check_changes(checked)
    return json.loads(check_json(checked, f"arguments of {act}"))


def _check_changes(arguments: Mapping[str, Any]) -> None:
    merged = check_attributes(arguments.get("attributes", {}))
    unset = arguments.get("unset", ())
    if isinstance(unset, str):
        raise ConfigurationError("unset is a list of keys, not text")
    removed = check_attributes(dict.fromkeys(unset))
    both = sorted(removed.keys() & merged.keys())
    if both:
        raise ConfigurationError(f"attribute {both[0]!r} is to be set and removed at once")
    if not merged and not removed:
        raise ConfigurationError("a plan of attributes sets or removes at least one")
