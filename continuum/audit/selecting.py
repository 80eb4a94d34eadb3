"""Expressions of the query language for the runs that the audit speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from continuum.query.printing import print_condition
from continuum.query.tree import All, AnyOf, Compare, Comparison, Condition, Field, OneOf

MOST: Final = 100
"""Values that are listed in an expression at most."""
_LIVE: Final = OneOf(Field("state"), ("running", "suspended"))


def live_runs_of(workflow: str, hashes: Iterable[str] = ()) -> str:
    """The live runs of a workflow, or of some of its versions only.

    Example:
        >>> live_runs_of("shop:refund")
        "workflow = 'shop:refund' and state in ('running', 'suspended')"
    """
    return print_condition(_live_runs(workflow, hashes))


def live_runs_of_each(versions: Iterable[tuple[str, str]]) -> str:
    """The live runs of several versions, each a workflow and a hash."""
    found: dict[str, list[str]] = {}
    for workflow, version_hash in versions:
        found.setdefault(workflow, []).append(version_hash)
    parts = [_live_runs(workflow, hashes) for workflow, hashes in found.items()]
    return print_condition(parts[0] if len(parts) == 1 else AnyOf(tuple(parts)))


def runs_whose(field: str, values: Iterable[str]) -> str | None:
    """The runs with one of these values, the first hundred of them; None for no value."""
    listed = tuple(values)[:MOST]
    return print_condition(_one_of(field, listed)) if listed else None


def _live_runs(workflow: str, hashes: Iterable[str]) -> Condition:
    parts: list[Condition] = [_one_of("workflow", (workflow,))]
    if listed := tuple(hashes)[:MOST]:
        parts.append(_one_of("version_hash", listed))
    return All((*parts, _LIVE))


def _one_of(field: str, values: tuple[str, ...]) -> Condition:
    if len(values) == 1:
        return Compare(Field(field), Comparison.EQ, values[0])
    return OneOf(Field(field), values)
