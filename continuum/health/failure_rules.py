"""Findings about families of failures."""

from __future__ import annotations

from collections.abc import Iterator

from continuum.health.report import Facts, FailureFamily, Finding, Limits, Severity
from continuum.health.wording import many
from continuum.store.health import MOST


def failure_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Families that are new, that grow, and those that are merely there."""
    for family in facts.families or ():
        fact = family.fact
        if not fact.last_hour:
            continue
        where = ", ".join(fact.workflows[:3]) + (", ..." if len(fact.workflows) > 3 else "")
        text = f"{family.message} ({where}): {many(fact.last_hour)} in the last hour, "
        text += f"{many(fact.last_day)} in the last day"
        fix = f"continuum query -A \"state = 'failed' and error_family = '{family.name}'\""
        severity, code = Severity.INFO, "failures"
        if family.is_new:
            severity, code = Severity.WARNING, "failures-new"
            text += ", none before the last deploy"
        elif _rises(family, limits):
            severity, code = Severity.WARNING, "failures-rising"
            text += ", many more than in the hours before"
        yield Finding(severity, code, text, fix, (fact.sample,))


def _rises(family: FailureFamily, limits: Limits) -> bool:
    hour, day = family.fact.last_hour, family.fact.last_day
    if hour < limits.failures or day >= MOST:
        return False
    return hour >= limits.rise * (day - hour) / 23
