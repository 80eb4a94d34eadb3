"""Between the checks of a `start` and its commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from continuum.client.handle import RunHandle
from continuum.client.starting import check_conflict, find_loaded_name, prepare, started_run
from continuum.declare.workflow import Workflow
from continuum.store.starts import StartOrder, StartOutcome
from continuum.telemetry.calling import calling

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

    from continuum.client.backend import Backend
    from continuum.client.client import Continuum
    from continuum.client.control import Control


class PreparedStart:
    """A checked start that has yet to be written.

    `fresh` ones have an id nobody else can know and ask for nothing else, so a worker of this
    process may take them at once; the others may meet an earlier start.
    """

    __slots__ = ("_backend", "_client", "_control", "_fresh", "_on_conflict", "_order", "_workflow")

    def __init__(
        self,
        client: Continuum,
        backend: Backend,
        control: Control,
        order: StartOrder,
        workflow: Workflow[..., Any] | None,
        *,
        fresh: bool,
        on_conflict: str,
    ) -> None:
        self._client = client
        self._backend = backend
        self._control = control
        self._order = order
        self._workflow = workflow
        self._fresh = fresh
        self._on_conflict = on_conflict

    async def insert(self, connection: AsyncConnection[Any] | None = None) -> RunHandle[Any]:
        """Commit it, with others of the same moment; or insert it in the caller's transaction."""
        with self._traced() as order:
            if connection is not None:
                return self._handle(await self._backend.start_on(connection, order))
            if self._fresh:
                here = await self._control.start_new(order.run)
                return self._handle(StartOutcome(), here=here)
            if order.plain:
                return self._handle(StartOutcome(await self._control.insert(order.run)))
            return self._handle(await self._control.start(order))

    def insert_blocking(self, connection: Connection[Any]) -> RunHandle[Any]:
        """Insert it in the transaction of a synchronous caller, on its thread."""
        with self._traced() as order:
            return self._handle(self._backend.start_on_blocking(connection, order))

    @contextmanager
    def _traced(self) -> Generator[StartOrder]:
        """The order with the trace context of a span around its start, if there is one."""
        order, new = self._order, self._order.run
        about = {"run.id": str(new.run_id), "namespace": new.namespace, "workflow": new.workflow}
        with calling("start", new.workflow, **about) as context:
            if context is not None:
                order = dataclasses.replace(order, run=replace(new, trace=context))
            yield order

    def _handle(self, outcome: StartOutcome, *, here: bool = False) -> RunHandle[Any]:
        run_id = started_run(self._order, outcome, self._on_conflict)
        new = outcome.existing is None
        return RunHandle(self._client, run_id, self._workflow, here=here, new=new)


async def prepare_start(
    client: Continuum,
    backend: Backend,
    control: Control,
    flow: Workflow[..., Any] | str,
    args: Sequence[Any],
    options: Mapping[str, Any],
) -> PreparedStart:
    """All checks of a start, without writing anything; arguments as of `Continuum.start`."""
    given = dict(options)
    on_conflict = check_conflict(given.pop("on_conflict", "existing"))
    workflow = await resolve_flow(backend, flow)
    order = prepare(workflow, args, **given)
    return PreparedStart(
        client,
        backend,
        control,
        order,
        workflow if isinstance(workflow, Workflow) else None,
        fresh=given.get("run_id") is None and order.run.idempotency_key is None and order.plain,
        on_conflict=on_conflict,
    )


async def resolve_flow(
    backend: Backend, flow: Workflow[..., Any] | str
) -> Workflow[..., Any] | str:
    """A name becomes the workflow loaded here, or the full name known to live workers."""
    if not isinstance(flow, str):
        return flow
    for worker in backend.workers:
        loaded = worker.workflow(flow)
        if loaded is not None:
            return loaded
    return find_loaded_name(flow, await backend.store.nodes())
