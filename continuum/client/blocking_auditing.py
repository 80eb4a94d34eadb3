"""The calls about versions for synchronous code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from continuum.client.blocking_calls import BlockingCalls

if TYPE_CHECKING:
    from continuum.audit.draining import Drain
    from continuum.audit.report import AuditReport, VersionEntry
    from continuum.declare.workflow import Workflow
    from continuum.maintenance.gc_versions import UnusedVersion


class BlockingAuditing(BlockingCalls):
    """The part of `BlockingContinuum` that compares live runs with code."""

    def audit(
        self, flows: Iterable[Workflow[..., Any]] | None = None, *, split: int = 1_000
    ) -> AuditReport:
        """Which live runs the code can run, and which patches can go; see `Continuum.audit`."""
        return self.call(self._client.audit(flows, split=split))

    def versions(self) -> list[VersionEntry]:
        """Every version that is registered or that a live run has; see `Continuum.versions`."""
        return self.call(self._client.versions())

    def drain_forecast(self, version_hash: str) -> Drain:
        """When a version's live runs can have ended; see `Continuum.drain_forecast`."""
        return self.call(self._client.drain_forecast(version_hash))

    def gc_versions(
        self, *, execute: bool = False, reason: str | None = None
    ) -> Sequence[UnusedVersion]:
        """Versions of the registry that nothing needs; see `Continuum.gc_versions`."""
        return self.call(self._client.gc_versions(execute=execute, reason=reason))
