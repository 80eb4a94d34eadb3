"""Between the checks of a `start` and its commit."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from continuum.client.handle import RunHandle
from continuum.client.starting import find_loaded_name, match_existing, prepare
from continuum.declare.workflow import Workflow
from continuum.journal.turn import NewRun
from continuum.telemetry.calling import calling

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection

    from continuum.client.backend import Backend
    from continuum.client.client import Continuum
    from continuum.client.control import Control


class PreparedStart:
    """A checked start that has yet to be written.

    `fresh` ones have an id nobody else can know, so a worker of this process may take them at
    once; the others may meet an earlier start.
    """

    __slots__ = ("_backend", "_client", "_control", "_fresh", "_new_run", "_workflow")

    def __init__(
        self,
        client: Continuum,
        backend: Backend,
        control: Control,
        new_run: NewRun,
        workflow: Workflow[..., Any] | None,
        *,
        fresh: bool,
    ) -> None:
        self._client = client
        self._backend = backend
        self._control = control
        self._new_run = new_run
        self._workflow = workflow
        self._fresh = fresh

    async def insert(self) -> RunHandle[Any]:
        """Commit it, with others of the same moment."""
        with self._traced() as new_run:
            if self._fresh:
                here = await self._control.start_new(new_run)
                return self._handle(None, here=here)
            return self._handle(await self._control.insert(new_run))

    async def insert_on(self, connection: AsyncConnection[Any]) -> RunHandle[Any]:
        """Insert it in the caller's transaction."""
        with self._traced() as new_run:
            [existing] = await self._backend.insert_on(connection, [new_run])
        return self._handle(existing)

    def insert_on_blocking(self, connection: Connection[Any]) -> RunHandle[Any]:
        """Insert it in the transaction of a synchronous caller, on its thread."""
        with self._traced() as new_run:
            [existing] = self._backend.insert_on_blocking(connection, [new_run])
        return self._handle(existing)

    @contextmanager
    def _traced(self) -> Generator[NewRun]:
        """The run with the trace context of a span around its start, if there is one."""
        new = self._new_run
        about = {"run.id": str(new.run_id), "namespace": new.namespace, "workflow": new.workflow}
        with calling("start", new.workflow, **about) as context:
            yield new if context is None else replace(new, trace=context)

    def _handle(self, existing: NewRun | None, *, here: bool = False) -> RunHandle[Any]:
        wanted = self._new_run
        run_id = wanted.run_id if existing is None else match_existing(wanted, existing)
        return RunHandle(self._client, run_id, self._workflow, here=here)


async def prepare_start(
    client: Continuum,
    backend: Backend,
    control: Control,
    flow: Workflow[..., Any] | str,
    args: Sequence[Any],
    options: Mapping[str, Any],
) -> PreparedStart:
    """All checks of a start, without writing anything; arguments as of `Continuum.start`."""
    workflow = await resolve_flow(backend, flow)
    new_run = prepare(workflow, args, **options)
    return PreparedStart(
        client,
        backend,
        control,
        new_run,
        workflow if isinstance(workflow, Workflow) else None,
        fresh=options.get("run_id") is None and new_run.idempotency_key is None,
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
