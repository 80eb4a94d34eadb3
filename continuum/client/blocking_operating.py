"""The operator's calls for synchronous code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from anyio.from_thread import start_blocking_portal

from continuum.client.blocking_calls import BlockingCalls
from continuum.client.operating import Operating
from continuum.model import WaitNode

if TYPE_CHECKING:
    from continuum.client.blocking import BlockingRunHandle
    from continuum.health.doctor import Check
    from continuum.health.report import HealthReport, Limits


class BlockingOperating(BlockingCalls):
    """The operator's part of `BlockingContinuum`."""

    def health(self, *, limits: Limits | None = None, sample: float = 1.0) -> HealthReport:
        """A report on the health of everything; see `Continuum.health`."""
        return self.call(self._client.health(limits=limits, sample=sample))

    def wait_chain(self, run_id: UUID | str, *, namespace: str | None = None) -> WaitNode:
        """What a run waits for, followed; see `Continuum.wait_chain`."""
        return self.call(self._client.wait_chain(run_id, namespace=namespace))

    @staticmethod
    def doctor(dsn: str | None = None, direct_dsn: str | None = None) -> list[Check]:
        """Whether a database is fit for Continuum; see `Continuum.doctor`."""
        with start_blocking_portal("asyncio") as portal:
            return portal.call(Operating.doctor, dsn, direct_dsn)

    def release(
        self, run_id: UUID | str, *, reason: str | None = None, namespace: str | None = None
    ) -> None:
        """Let workers try a run in quarantine again; see `Continuum.release`."""
        self.call(self._client.release(run_id, reason=reason, namespace=namespace))

    def retry(
        self,
        run_id: UUID | str,
        *,
        reason: str | None = None,
        force: bool = False,
        once: str | None = None,
        namespace: str | None = None,
    ) -> bool:
        """Try a failed run again from the activity that failed; see `Continuum.retry`."""
        call = self._client.retry
        return self.call(call(run_id, reason=reason, force=force, once=once, namespace=namespace))

    def restart(
        self,
        run_id: UUID | str,
        *,
        once: str | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> BlockingRunHandle[Any]:
        """Start a run that has ended anew; see `Continuum.restart`."""
        from continuum.client.blocking import BlockingContinuum, BlockingRunHandle

        call = self._client.restart
        handle = self.call(call(run_id, once=once, reason=reason, namespace=namespace))
        return BlockingRunHandle(cast("BlockingContinuum", self), handle)

    def fork(
        self,
        run_id: UUID | str,
        *,
        at: int,
        latest: bool = False,
        once: str | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> BlockingRunHandle[Any]:
        """Start a run with the history of another up to an event; see `Continuum.fork`."""
        from continuum.client.blocking import BlockingContinuum, BlockingRunHandle

        call = self._client.fork
        handle = self.call(
            call(run_id, at=at, latest=latest, once=once, reason=reason, namespace=namespace)
        )
        return BlockingRunHandle(cast("BlockingContinuum", self), handle)
