"""Calls for whoever keeps it running: health, and putting runs right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from continuum.client.calls import Calls
from continuum.client.handle import RunHandle
from continuum.client.identifiers import check_timeout, find_run_id, optional_namespace
from continuum.codec.attributes import check_attributes, check_name
from continuum.errors import RunNotFound
from continuum.model import QueueLoad, WaitNode
from continuum.query.building import build_query
from continuum.store.health import NotKnown
from continuum.store.repair import ForkOrder, RetryOrder
from continuum.system import new_run_id

if TYPE_CHECKING:
    from continuum.client.client import Continuum
    from continuum.health.doctor import Check
    from continuum.health.report import HealthReport, Limits


class Operating(Calls):
    """The operator's part of `Continuum`."""

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
    async def doctor(dsn: str | None = None, direct_dsn: str | None = None) -> list[Check]:
        """Whether a database is fit for Continuum: server, settings, sessions, schema, privileges.

        Needs no open client, and a database of any schema. It changes nothing.

        Args:
            dsn, direct_dsn: as for `Continuum`.

        Raises:
            ConfigurationError, DatabaseUnavailable: it cannot be reached.

        Example:
            for check in await Continuum.doctor("postgresql://db/shop"):
                print(check.result, check.name, check.message, check.fix)
        """
        from continuum.client.administration import examine_installation
        from continuum.health.doctor import checks_of

        return checks_of(await examine_installation(dsn, direct_dsn))

    async def wait_chain(self, run_id: UUID | str, *, namespace: str | None = None) -> WaitNode:
        """What a run waits for, followed through the children and queues that it waits for.

        Args:
            run_id: of any run; one that has ended waits for nothing.
            namespace: only a run of this namespace. What it waits for may be in another.

        Raises:
            RunNotFound.

        Example:
            node = await ct.wait_chain(run_id)
            for wait in node.waits:
                print(wait.kind, wait.text, wait.until, wait.then)
        """
        from continuum.client.chains import Chain

        reads, within = self._backend.reads, optional_namespace(namespace)
        parsed = await find_run_id(reads, run_id, within)
        run = await reads.get_run(parsed, within, 0)
        if run is None:
            raise RunNotFound(parsed)
        return await Chain(
            lambda child: reads.get_run(child, None, 0), self._stuck_of, self._queue_loads
        ).of(run)

    async def _stuck_of(self, run_ids: list[UUID]) -> set[UUID]:
        query = build_query("stuck", None, [("in", "id", run_ids)], None)
        page = await self._backend.reads.search(query, len(run_ids), None, payloads=False)
        return {run.id for run in page.entries}

    async def _queue_loads(self) -> Mapping[str, QueueLoad]:
        try:
            facts = await self._backend.health.queues()
        except NotKnown:  # a role that may not see them
            return {}
        return {
            fact.queue: QueueLoad(fact.queue, fact.waiting, fact.running, fact.workers)
            for fact in facts
        }

    # -- repair --------------------------------------------------------------------------------

    async def release(
        self, run_id: UUID | str, *, reason: str | None = None, namespace: str | None = None
    ) -> None:
        """Let workers try a run in quarantine again, or at once one that could not be opened.

        A run is in quarantine when four workers were lost with it and it had committed nothing
        meanwhile. Find out why first: it may take down the next four. A run of which a worker's
        codec could not open something rests for a minute before each attempt; this ends the rest.

        Args:
            run_id: of such a run.
            reason: why, for the operator journal.
            namespace: only a run of this namespace.

        Raises:
            RunNotFound, ReasonRequired.
            RepairRefused: it is neither.

        Example:
            await ct.release(run_id)
        """
        within, act = optional_namespace(namespace), self._acting.act("release", reason)
        parsed = await find_run_id(self._backend.reads, run_id, within)
        await self._repairs.release(parsed, within, act)

    async def retry(
        self,
        run_id: UUID | str,
        *,
        reason: str | None = None,
        force: bool = False,
        once: str | None = None,
        namespace: str | None = None,
    ) -> bool:
        """Try a failed run again from the activity that failed.

        The run is live again under the same id, with its journal up to that failure: steps that had
        completed are not executed again, the activity gets a new attempt and all its retries, and
        signals that came since are delivered again. The failure stays in the journal, annulled
        by a `run_retried` event.

        Args:
            run_id: of a failed run.
            reason: why, for people; journaled.
            force: also when the process of the activity died, so that nobody knows what it did.
            once: a key; repeated calls with the same key for a run count once.
            namespace: only a run of this namespace.

        Returns:
            Whether this call did it; False when one with the same `once` had.

        Raises:
            RunNotFound, ReasonRequired.
            RepairRefused: it has not failed; no activity failed; or others have seen what the
                workflow did about the failure (a compensation, another activity, a child).

        Example:
            async for run in ct.stream("state = 'failed' and error_family = '73a0ad1c5a1f'"):
                await ct.retry(run.id, reason="the payment service is back", once="incident-7")
        """
        if once is not None:
            check_name(once, "once")
        act = self._acting.act("retry", reason)
        order = RetryOrder(optional_namespace(namespace), act.reason, force, once)
        parsed = await find_run_id(self._backend.reads, run_id, order.namespace)
        return await self._repairs.retry(parsed, order, act)

    async def restart(
        self,
        run_id: UUID | str,
        *,
        once: str | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> RunHandle[Any]:
        """Start a run that has ended anew: same workflow, input, key and namespace, a new id.

        The new run has the attributes of the old one, and `restarted_from` with its id. It is
        bound to the newest code, and everything is executed again. After `continue_as_new` the
        input is that of the last incarnation.

        Args:
            run_id: of a run that has ended.
            once: a key; calls with the same key for a run are one restart, and so are those
                without a key: repeating the call answers the same new run.
            reason: why, for the operator journal.
            namespace: only a run of this namespace.

        Raises:
            RunNotFound, ReasonRequired.
            RepairRefused: it has not ended, or a live run has its key.
            AttributesError: there is no room for `restarted_from`.

        Example:
            again = await ct.restart(run_id)
            print(await again.result(timeout=30))
        """
        if once is not None:
            check_name(once, "once")
        within, act = optional_namespace(namespace), self._acting.act("restart", reason)
        parsed = await find_run_id(self._backend.reads, run_id, within)
        new_id, new = await self._repairs.restart(parsed, once, within, act)
        return RunHandle(cast("Continuum", self), new_id, None, new=new)

    async def fork(
        self,
        run_id: UUID | str,
        *,
        at: int,
        latest: bool = False,
        once: str | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> RunHandle[Any]:
        """Start a run with the history of another up to an event, to go its own way from there.

        The run that is forked is not touched. The new one has its workflow, input, namespace and
        attributes, besides `forked_from` and `forked_at`, and no key. What had completed is not
        executed again; what came after is, and so are activities that were in flight at the event.

        Args:
            run_id: of any run; its events are those of `history`.
            at: seq of an event of its last incarnation; the commands that it caused go with it.
            latest: bind the new run to the newest code that is loaded; default: the code of the
                run. Code that does something else with that history parks it.
            once: a key; calls with the same key for a run and an event are one fork, and so are
                those without a key.
            reason: why, for the operator journal.
            namespace: only a run of this namespace.

        Raises:
            RunNotFound, ReasonRequired.
            RepairRefused: there is no such event, the run ends there, or a child had not ended.
            AttributesError: there is no room for `forked_from`.

        Example:
            fork = await ct.fork(run_id, at=12, latest=True)
            print(await fork.result(timeout=30))
        """
        if once is not None:
            check_name(once, "once")
        within, act = optional_namespace(namespace), self._acting.act("fork", reason)
        reads = self._backend.reads
        parsed = await find_run_id(reads, run_id, within)
        once_key = f"fork of {parsed} at {at}" + ("" if once is None else f": {once}")
        order = ForkOrder(new_run_id(), at, within, latest, once_key)
        run = await reads.get_run(parsed, within)
        if run is not None:
            check_attributes({**run.attributes, **order.attributes(parsed)})
        new_id, new = await self._repairs.fork(parsed, order, act)
        return RunHandle(cast("Continuum", self), new_id, None, new=new)
