"""What the facts mean: findings, each with its severity and the command that helps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from continuum.health.cluster_rules import (
    inbox_findings,
    parked_findings,
    pause_findings,
    queue_findings,
    waiting_findings,
    wake_lag_of,
    worker_findings,
)
from continuum.health.database_rules import (
    connection_findings,
    index_findings,
    load_findings,
    month_findings,
    server_findings,
    snapshot_findings,
    table_findings,
)
from continuum.health.failure_rules import failure_findings
from continuum.health.report import Facts, Finding, Limits, Severity

__all__ = ["findings_of", "wake_lag_of"]

_RULES: Final = (
    worker_findings,
    waiting_findings,
    parked_findings,
    queue_findings,
    pause_findings,
    inbox_findings,
    failure_findings,
    server_findings,
    snapshot_findings,
    table_findings,
    month_findings,
    index_findings,
    connection_findings,
    load_findings,
)
_WORST_FIRST: Final = tuple(Severity)


def findings_of(facts: Facts, limits: Limits) -> list[Finding]:
    """All findings, the worst first."""
    found = [finding for rule in _RULES for finding in rule(facts, limits)]
    found += _unknown(facts)
    return sorted(found, key=lambda finding: _WORST_FIRST.index(finding.severity))


def _unknown(facts: Facts) -> Iterator[Finding]:
    for part, reason in facts.unknown.items():
        yield Finding(
            Severity.UNKNOWN,
            f"{part}-unknown",
            f"{part} could not be looked at: {reason}",
            "continuum doctor",
        )
