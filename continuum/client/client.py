"""`Continuum`: the public client, asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, TypeVarTuple
from uuid import UUID

from continuum.client.acting import Acting
from continuum.client.asking import Asking
from continuum.client.attributes import Attributes
from continuum.client.auditing import Auditing
from continuum.client.identifiers import check_timeout, find_run_id, optional_namespace
from continuum.client.journaling import Journaling
from continuum.client.looking import Looking
from continuum.client.operating import Operating
from continuum.client.outcome import decode_end
from continuum.client.pausing import Pausing
from continuum.client.planning import Planning
from continuum.client.pruning import Pruning
from continuum.client.replaying import Replaying
from continuum.client.schedules import Schedules
from continuum.client.starts import Starts
from continuum.client.steering import Steering
from continuum.codec.hooks import PayloadCodec
from continuum.errors import ConfigurationError, ResultTimeout, RunNotFound
from continuum.model import NodeInfo

if TYPE_CHECKING:
    from continuum.client.backend import Backend
    from continuum.client.blocking import BlockingContinuum
    from continuum.client.control import Control
    from continuum.client.local_worker import LocalWorker
    from continuum.declare.activity import Activity
    from continuum.declare.queue import Queue
    from continuum.declare.workflow import Workflow

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Continuum(
    Starts, Looking, Steering, Attributes, Auditing, Replaying, Operating, Planning, Journaling,
    Schedules, Pausing, Pruning, Asking,
):  # fmt: skip
    """A client of one database; an async context manager.

    Every call checks what it is given before it writes anything, and every error derives from
    `ContinuumError` and says what to do next. Calls made at the same time share commits. A run id
    is a `UUID` or its text; calls that take one also take the key of a run, and look in every
    namespace unless `namespace=` is given: then a run of another namespace answers `RunNotFound`.
    A key stands for the live run that has it, else for the last one.

    Args:
        dsn: PostgreSQL URL; default: `CONTINUUM_DSN`, pyproject.toml, or the embedded server.
        codec: encrypts or compresses stored payloads; default: the one that `CONTINUUM_CODEC` or
            pyproject.toml names, else none.
        read_dsn: a replica that answers `query`, `count`, `stream` and `namespaces` instead.
        direct_dsn: the same database around the transaction pooler that `dsn` leads through;
            default: `CONTINUUM_DIRECT_DSN`.
        operator: who acts, for the operator journal; default: `CONTINUUM_OPERATOR`, else the user
            of this machine. Signals, questions and attributes are recorded only when
            somebody is named.
        reason: why, for acts for which no other reason is given.

    Raises:
        PayloadError: `operator` or `reason` is not storable text.
        ConfigurationError, DatabaseUnavailable, SchemaOutOfDate, SchemaTooNew: on entering.

    Example:
        async with Continuum("postgresql://db/shop") as ct, ct.worker([order_flow]):
            run = await ct.start(order_flow, Order("o1", 4200), namespace="billing")
            print(await run.result(timeout=30))
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        codec: PayloadCodec | None = None,
        read_dsn: str | None = None,
        direct_dsn: str | None = None,
        operator: str | None = None,
        reason: str | None = None,
    ) -> None:
        self._acting = Acting.resolve(operator, reason)
        self._dsn = dsn
        self._read_dsn = read_dsn
        self._direct_dsn = direct_dsn
        self._codec = codec
        self._opened: Backend | None = None
        self._control: Control | None = None

    @staticmethod
    def blocking(
        dsn: str | None = None,
        *,
        codec: PayloadCodec | None = None,
        read_dsn: str | None = None,
        direct_dsn: str | None = None,
        operator: str | None = None,
        reason: str | None = None,
    ) -> BlockingContinuum:
        """The same client for synchronous code; a context manager.

        Example:
            with Continuum.blocking() as ct:
                print(ct.start(order_flow, order).result(timeout=30))
        """
        from continuum.client.blocking import BlockingContinuum

        return BlockingContinuum(
            dsn,
            codec=codec,
            read_dsn=read_dsn,
            direct_dsn=direct_dsn,
            operator=operator,
            reason=reason,
        )

    async def __aenter__(self) -> Self:
        if self._opened is not None:
            raise ConfigurationError("this client is open already")
        self._opened = await self._open_backend()
        return self

    async def _open_backend(self) -> Backend:
        """Connect; a client of another store overrides it."""
        from continuum.client.wiring import PostgresBackend
        from continuum.codec.loading import configured_codec

        codec = configured_codec() if self._codec is None else self._codec
        return await PostgresBackend.open(self._dsn, codec, self._read_dsn, self._direct_dsn)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        backend, control = self._opened, self._control
        self._opened = self._control = None
        if control is not None:
            await control.close()
        if backend is not None:
            await backend.close()

    # -- waiting -------------------------------------------------------------------------------

    async def result(
        self,
        run_id: UUID | str,
        timeout: float | None = None,
        *,
        namespace: str | None = None,
    ) -> Any:
        """Wait for a run's end; its value as plain JSON (a handle's `result` restores types).

        Args:
            run_id: of any run.
            timeout: seconds to wait; None is for ever.
            namespace: only a run of this namespace.

        Raises:
            WorkflowFailed, WorkflowCancelled: it ended so.
            ResultTimeout: it goes on.
            RunNotFound.

        Example:
            print(await ct.result(run_id, timeout=30))
        """
        within = optional_namespace(namespace)
        check_timeout(timeout)
        parsed = await find_run_id(self._reads, run_id, within)
        if within is not None and parsed not in await self._reads.ends([parsed], within):
            raise RunNotFound(parsed)
        return await self.wait_result(parsed, None, timeout)

    async def wait_result(
        self,
        run_id: UUID,
        workflow: Workflow[..., R] | None,
        timeout: float | None,
        *,
        here: bool = False,
    ) -> R:
        """`result`, with types restored as `workflow` declares them; `here` as in `EndWaiter`."""
        try:
            async with asyncio.timeout(check_timeout(timeout)):
                end = await self._backend.waiter.wait(run_id, here=here)
        except TimeoutError:
            raise ResultTimeout(
                f"run {run_id} has not ended within {timeout:g} s",
                hint="it goes on; ask again later",
            ) from None
        return decode_end(run_id, end, workflow)

    async def nodes(self) -> list[NodeInfo]:
        """Every registered worker process, live or dead."""
        return list(await self._backend.store.nodes())

    # -- working -------------------------------------------------------------------------------

    def worker(
        self,
        workflows: Iterable[Workflow[..., Any]],
        *,
        activities: Iterable[Activity[..., Any]] = (),
        queues: Sequence[str | Queue] = (),
        concurrency: int = 200,
        drain_timeout: float = 10.0,
        **options: Any,
    ) -> LocalWorker:
        """A worker in this process; an async context manager.

        Runs that this client starts go straight to it. With `async with` it works in the
        background; `await worker.run()` works until SIGTERM.

        Args:
            workflows: what it can run.
            activities: what it runs for its queues; needs no workflows.
            queues: named queues it serves; `Queue(...)` also says with which limits.
            concurrency: activities at once.
            drain_timeout: seconds in which leaving gives everything back.
            options: `ttl`, `heartbeat` (seconds), `max_cached_runs`; `prune_every`, a timedelta or
                seconds: one worker at a time then prunes so often, by what workflows declare.

        Example:
            async with Continuum() as ct, ct.worker([order_flow]) as worker:
                await worker.run()
        """
        from continuum.client.local_worker import LocalWorker

        return LocalWorker(
            self._backend,
            workflows,
            activities,
            queues=queues,
            concurrency=concurrency,
            drain_timeout=drain_timeout,
            **options,
        )

    # -- inside --------------------------------------------------------------------------------

    @property
    def _backend(self) -> Backend:
        if self._opened is None:
            raise ConfigurationError(
                "the client is not open", hint="use it inside: async with Continuum() as ct"
            )
        return self._opened

    @property
    def _controls(self) -> Control:
        """Starts and messages; a process that only reads never loads them."""
        if self._control is None:
            from continuum.client.control import Control

            backend = self._backend
            self._control = Control(backend.store, backend.reads, backend.hints, backend.workers)
        return self._control
