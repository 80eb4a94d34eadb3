"""The audit: the registry and the live runs, compared with code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Protocol

from continuum.audit.entries import Entries, Samples
from continuum.audit.findings import GoneOwners, findings_of
from continuum.audit.forecast import Forecasts
from continuum.audit.loaded import LoadedApplication
from continuum.audit.report import AuditReport
from continuum.audit.splitting import REPLAYED, Replays
from continuum.audit.unknown import SAMPLE, unknown_versions
from continuum.audit.view import View
from continuum.declare.registry import AnyWorkflow
from continuum.store.auditing import AuditStore
from continuum.store.journals import JournalStore
from continuum.system import monotonic

LONG_EXPIRED: Final = 10.0
"""After so many TTLs it cannot be expected that somebody takes a dead owner's runs over."""


class AuditSource(Protocol):
    """An open store, as the audit needs it."""

    @property
    def audits(self) -> AuditStore:
        """Counts live runs and knows the registry."""
        ...

    @property
    def journals(self) -> JournalStore:
        """Reads what is replayed."""
        ...


async def audit(
    source: AuditSource, flows: Iterable[AnyWorkflow] | None, split: int = REPLAYED
) -> AuditReport:
    """Compare all live runs with code.

    Args:
        source: where to look; nothing is changed.
        flows: the code; None takes what live workers have loaded, without its patches.
        split: up to so many runs that need the code before a patch are replayed, to tell which
            of them have come to it.

    Raises:
        DefinitionError: something is no workflow, or two have one name and one version.
    """
    began = monotonic()
    store = source.audits
    facts = await store.facts()
    flows = None if flows is None else list(flows)
    view = View(facts, None if flows is None else LoadedApplication(flows, facts.versions))
    examples = await store.oldest_runs(sorted(view.live.keys() - view.runnable), SAMPLE)
    newest = await store.last_starts(sorted(view.workflows))
    oldest = await store.oldest_runs(view.changed(), 1)
    forecasts = Forecasts(store, facts.now)
    needed = view.needed()
    await forecasts.read(needed)
    replayed = Replays()
    if flows is not None:
        wanted = frozenset[int]().union(*needed.values())
        await replayed.read(store, source.journals, flows, wanted, split)
    samples = Samples(
        newest, {run.version_id: run.started_at for run in oldest}, forecasts, replayed
    )
    report = AuditReport(
        generated_at=facts.now,
        audited="nodes" if view.app is None else "application",
        live_runs=sum(view.live.values()),
        workflows=Entries(view, samples).all(),
        unknown_versions=unknown_versions(view, examples),
        expired_leases=view.expired(0),
        abandoned_leases=view.expired(LONG_EXPIRED),
        blocked_runs=view.blocked,
        quarantined_runs=view.quarantined,
        findings=(),
        replay=replayed.summary,
        elapsed=monotonic() - began,
    )
    owners = GoneOwners(view.gone(0), view.gone(LONG_EXPIRED))
    return replace(report, findings=findings_of(report, replayed.drifted, owners))
