"""How many rows the server expects, from EXPLAIN: a millisecond instead of the rows themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from continuum.store.postgres.asking import Statement
from continuum.store.postgres.session import Row


class Estimate(NamedTuple):
    """Rows below any LIMIT, and the indexes that the server would read."""

    rows: int
    indexes: tuple[str, ...]


def estimate_statement(text: str, parameters: Mapping[str, Any]) -> Statement:
    """The statement that asks for the estimate of another one."""
    return Statement(f"EXPLAIN (FORMAT JSON) {text}", parameters)


def read_estimate(rows: Sequence[Row]) -> Estimate:
    """What `estimate_statement` answered."""
    nodes = list(_nodes(rows[0][0][0]["Plan"]))
    # A limit makes its own node small, not those below it, and a hash join's inputs are no answer.
    unlimited = next((node for node in nodes if node["Node Type"] != "Limit"), nodes[0])
    indexes = tuple(dict.fromkeys(node["Index Name"] for node in nodes if "Index Name" in node))
    return Estimate(unlimited["Plan Rows"], indexes)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
