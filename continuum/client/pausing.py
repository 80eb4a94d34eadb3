"""Calls that hold runs, workflows, namespaces and queues, and let them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from continuum.client.calls import Calls
from continuum.client.identifiers import find_run_id, optional_namespace
from continuum.codec.attributes import check_name
from continuum.declare.workflow import Workflow
from continuum.errors import ConfigurationError
from continuum.model import Pause
from continuum.store.pauses import Scope

if TYPE_CHECKING:
    from continuum.declare.registry import AnyWorkflow


class Pausing(Calls):
    """The part of `Continuum` that pauses and resumes."""

    async def pause(
        self,
        run_id: UUID | str | None = None,
        *,
        workflow: AnyWorkflow | str | None = None,
        queue: str | None = None,
        namespace: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Hold a run, all runs of a workflow or of a namespace, or a queue, until `resume`.

        A paused run begins nothing: its worker ends the turn and the attempts of activities that
        are under way, keeps what came of them, and lets the run go. Signals, timers, results of
        children and cancellations wait for it. `cancel(force=True)` and an execution timeout end it
        all the same. New runs of a paused workflow or namespace are started and wait. Attempts in
        queues go on until their queue is paused; then none begins, and those that run end.

        Args:
            run_id: of a live run.
            workflow: or all runs of this workflow, those of later starts included.
            queue: or the queue of this name.
            namespace: with a run, only one of this namespace; with a workflow, its runs there;
                alone, all runs of the namespace.
            reason: why, for people and the operator journal.

        Returns:
            Whether this call did it; False when it was paused already.

        Raises:
            RunNotFound, RunTerminal, ReasonRequired.
            ConfigurationError: nothing to pause is named, or too much.

        Example:
            await ct.pause(run.id, reason="the customer asks us to wait")
            await ct.pause(workflow="shop:refund_flow", namespace="billing")
            await ct.pause(queue="emails", reason="the provider is down")
            await ct.pause(namespace="reports")
        """
        act = self._acting.act("pause", reason)
        if run_id is not None and workflow is None and queue is None:
            within = optional_namespace(namespace)
            found = await find_run_id(self._reads, run_id, within)
            return await self._repairs.pause(found, within, act)
        scope = _scope(run_id, workflow, queue, namespace)
        done = await self._backend.pauses.pause_scope(
            scope, self._acting.act("pause", reason, **_detail(scope))
        )
        if done:
            self._backend.hints.poll_now()
        return done

    async def resume(
        self,
        run_id: UUID | str | None = None,
        *,
        workflow: AnyWorkflow | str | None = None,
        queue: str | None = None,
        namespace: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Take back what `pause` did, with the same arguments.

        Each pause is taken back by itself: a run that was paused itself stays paused when its
        workflow is resumed, and the other way round.

        Args:
            run_id, workflow, queue, namespace: as for `pause`.
            reason: why, for the operator journal.

        Returns:
            Whether it was paused.

        Raises:
            RunNotFound, RunTerminal, ReasonRequired, ConfigurationError.

        Example:
            await ct.resume(run.id)
            await ct.resume(workflow="shop:refund_flow", namespace="billing")
        """
        act = self._acting.act("resume", reason)
        if run_id is not None and workflow is None and queue is None:
            within = optional_namespace(namespace)
            found = await find_run_id(self._reads, run_id, within)
            return await self._repairs.resume(found, within, act)
        scope = _scope(run_id, workflow, queue, namespace)
        return await self._repairs.lift(scope, self._acting.act("resume", reason, **_detail(scope)))

    async def pauses(self) -> list[Pause]:
        """What is paused besides single runs, oldest first.

        Paused runs are found by the query field `paused`.

        Example:
            for pause in await ct.pauses():
                print(pause.namespace, pause.workflow, pause.queue, pause.reason)
        """
        return list(await self._backend.pauses.pauses())


def _scope(
    run_id: UUID | str | None,
    workflow: AnyWorkflow | str | None,
    queue: str | None,
    namespace: str | None,
) -> Scope:
    """What is named.

    Raises:
        ConfigurationError: nothing, or what excludes each other.
    """
    named = [each for each in (run_id, workflow, queue) if each is not None]
    if len(named) > 1 or (queue is not None and namespace is not None):
        raise ConfigurationError("name a run, a workflow, a queue or a namespace: only one of them")
    if not named and namespace is None:
        raise ConfigurationError("name what to pause: a run, a workflow, a queue or a namespace")
    name = workflow.name if isinstance(workflow, Workflow) else workflow
    if name is not None:
        check_name(name, "workflow")
    if queue is not None:
        check_name(queue, "queue")
    return Scope(optional_namespace(namespace), name, queue)


def _detail(scope: Scope) -> dict[str, str]:
    told = {"workflow": scope.workflow, "queue": scope.queue}
    return {name: value for name, value in told.items() if value is not None}
