"""The audit: the registry and the live runs, compared with code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from continuum.audit.entries import Entries
from continuum.audit.findings import findings_of
from continuum.audit.forecast import Forecasts
from continuum.audit.loaded import LoadedApplication
from continuum.audit.report import AuditReport
from continuum.audit.unknown import SAMPLE, unknown_versions
from continuum.audit.view import View
from continuum.declare.registry import AnyWorkflow
from continuum.store.auditing import AuditStore
from continuum.system import monotonic

LONG_EXPIRED: Final = 10.0
"""After so many TTLs it cannot be expected that somebody takes a dead owner's runs over."""


async def audit(store: AuditStore, flows: Iterable[AnyWorkflow] | None) -> AuditReport:
    """Compare all live runs with code.

    Args:
        store: where to look; nothing is changed.
        flows: the code; None takes what live workers have loaded, without its patches.

    Raises:
        DefinitionError: something is no workflow, or two have one name and one version.
    """
    began = monotonic()
    facts = await store.facts()
    view = View(facts, None if flows is None else LoadedApplication(flows, facts.versions))
    examples = await store.oldest_runs(sorted(view.live.keys() - view.runnable), SAMPLE)
    starts = await store.last_starts(sorted(view.workflows))
    forecasts = Forecasts(store, facts.now)
    await forecasts.read(view.needed())
    report = AuditReport(
        generated_at=facts.now,
        audited="nodes" if view.app is None else "application",
        live_runs=sum(view.live.values()),
        workflows=Entries(view, starts, forecasts).all(),
        unknown_versions=unknown_versions(view, examples),
        expired_leases=view.expired(0),
        abandoned_leases=view.expired(LONG_EXPIRED),
        blocked_runs=view.blocked,
        quarantined_runs=view.quarantined,
        findings=(),
        replay=None,
        elapsed=monotonic() - began,
    )
    return replace(report, findings=findings_of(report))
