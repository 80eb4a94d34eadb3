"""Calls for whoever keeps it running: health, and putting runs right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING
from uuid import UUID

from continuum.client.identifiers import check_timeout, optional_namespace, parse_run_id
from continuum.errors import RepairRefused, RunNotFound

if TYPE_CHECKING:
    from continuum.client.backend import Backend
    from continuum.health.doctor import Check
    from continuum.health.report import HealthReport, Limits


class Operating(ABC):
    """The operator's part of `Continuum`."""

    @property
    @abstractmethod
    def _backend(self) -> Backend:
        """Where to look."""

    async def health(self, *, limits: Limits | None = None, sample: float = 1.0) -> HealthReport:
        """Whether runs go on, what fails, and what will slow the database down or stop it.

        It costs the same at ten million runs as at ten, each of its statements ends after 3 s, and
        what it cannot see is reported as unknown, with the reason.

        Args:
            limits: from where on something is a finding; `continuum.health.report.Limits`.
            sample: seconds over which transactions are counted; 0 leaves that out.

        Raises:
            DatabaseUnavailable: it does not answer at all.

        Example:
            report = await ct.health()
            for finding in report.findings:
                print(finding.severity, finding.code, finding.message, finding.fix)
        """
        from continuum.health.gathering import make_report
        from continuum.health.report import Limits

        seconds = check_timeout(sample, "sample") or 0.0
        return await make_report(self._backend.health, limits or Limits(), seconds)

    @staticmethod
    async def doctor(dsn: str | None = None) -> list[Check]:
        """Whether a database is fit for Continuum: server, settings, sessions, schema, privileges.

        Needs no open client, and a database of any schema. It changes nothing.

        Args:
            dsn: as for `Continuum`.

        Raises:
            ConfigurationError, DatabaseUnavailable: it cannot be reached.

        Example:
            for check in await Continuum.doctor("postgresql://db/shop"):
                print(check.result, check.name, check.message, check.fix)
        """
        from continuum.client.wiring import examine_installation
        from continuum.health.doctor import checks_of

        return checks_of(await examine_installation(dsn))

    # -- repair --------------------------------------------------------------------------------

    async def release(self, run_id: UUID | str, *, namespace: str | None = None) -> None:
        """Let workers try a run in quarantine again.

        A run is in quarantine when four workers were lost with it and it had committed nothing
        meanwhile. Find out why first: it may take down the next four.

        Args:
            run_id: of a run in quarantine.
            namespace: only a run of this namespace.

        Raises:
            RunNotFound.
            RepairRefused: it is not in quarantine.

        Example:
            await ct.release(run_id)
        """
        parsed = parse_run_id(run_id)
        backend = self._backend
        outcome = await backend.repair.release_quarantined(parsed, optional_namespace(namespace))
        if outcome.state is None:
            raise RunNotFound(parsed)
        if outcome.refusal is not None:
            raise RepairRefused(parsed, "released", outcome.refusal)
        backend.hints.runs_changed([parsed])
