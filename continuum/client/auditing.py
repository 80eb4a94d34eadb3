"""Calls about versions: what can be deployed, removed and cleaned up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from continuum.client.calls import Calls

if TYPE_CHECKING:
    from continuum.audit.draining import Drain
    from continuum.audit.report import AuditReport, VersionEntry
    from continuum.declare.workflow import Workflow
    from continuum.maintenance.gc_versions import UnusedVersion


class Auditing(Calls):
    """The part of `Continuum` that compares live runs with code."""

    async def audit(
        self, flows: Iterable[Workflow[..., Any]] | None = None, *, split: int = 1_000
    ) -> AuditReport:
        """Which live runs the code can run, and which of its patches can go.

        Counts are exact, of one moment, and over every namespace. Their cost grows with the live
        runs, not with those that have ended.

        Args:
            flows: the workflows of a release, several versions of one name included; default:
                what the live workers have loaded, whose patches are then not looked at.
            split: up to so many runs that need the code before a patch are replayed, to tell
                which of them have come to it; 0 replays none.

        Raises:
            DefinitionError: something is no workflow, or two have one name and one version.

        Example:
            report = await ct.audit([order_flow])
            for finding in report.findings:
                print(finding.severity, finding.message, finding.fix)
        """
        from continuum.audit.auditing import audit

        return await audit(self._backend, flows, split)

    async def versions(self) -> list[VersionEntry]:
        """Every version that a worker has registered or a live run has; newest of a name first.

        `loaded` says whether a live worker can run it.

        Example:
            for version in await ct.versions():
                print(version.workflow, version.version_hash[:12], version.live_runs)
        """
        from continuum.audit.draining import list_versions

        return await list_versions(self._backend.audits)

    async def drain_forecast(self, version_hash: str) -> Drain:
        """When the live runs of a version can have ended, and which may never end by themselves.

        An estimate, from their deadlines and from how long past runs of the workflow took; runs
        that have yet to begin are not foreseen.

        Args:
            version_hash: of the version, or how it begins (four characters or more).

        Raises:
            VersionNotFound: none or several begin so.

        Example:
            drain = await ct.drain_forecast("9f2c41aa")
            print(drain.forecast.runs, drain.forecast.done_at)
        """
        from continuum.audit.draining import drain

        return await drain(self._backend.audits, version_hash)

    async def gc_versions(
        self, *, execute: bool = False, reason: str | None = None
    ) -> Sequence[UnusedVersion]:
        """Versions that no live worker has loaded and no live run needs; the registry's only.

        Safe against a worker that registers one of them at the same moment.

        Args:
            execute: delete them; else they are only listed.
            reason: why, for the operator journal.

        Example:
            print(len(await ct.gc_versions(execute=True)))
        """
        from continuum.maintenance.gc_versions import gc_versions

        act = self._acting.act("gc-versions", reason)
        return await gc_versions(self._backend.audits, act if execute else None)
