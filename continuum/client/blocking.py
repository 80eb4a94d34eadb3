"""The client for synchronous code: the same calls, on an event loop in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, TypeVarTuple, overload
from uuid import UUID

from anyio.from_thread import BlockingPortal, start_blocking_portal

from continuum.client.blocking_asking import BlockingAsking
from continuum.client.blocking_attributes import BlockingAttributes
from continuum.client.blocking_auditing import BlockingAuditing
from continuum.client.blocking_journaling import BlockingJournaling
from continuum.client.blocking_looking import BlockingLooking
from continuum.client.blocking_operating import BlockingOperating
from continuum.client.blocking_pausing import BlockingPausing
from continuum.client.blocking_planning import BlockingPlanning
from continuum.client.blocking_pruning import BlockingPruning
from continuum.client.blocking_replaying import BlockingReplaying
from continuum.client.blocking_schedules import BlockingSchedules
from continuum.client.blocking_starts import BlockingStarts
from continuum.client.blocking_steering import BlockingSteering
from continuum.client.client import Continuum
from continuum.client.handle import RunHandle
from continuum.codec.hooks import PayloadCodec
from continuum.declare.workflow import Workflow
from continuum.errors import ConfigurationError
from continuum.model import NodeInfo, Run

if TYPE_CHECKING:
    from continuum.client.local_worker import LocalWorker
    from continuum.declare.activity import Activity
    from continuum.declare.queue import Queue

R = TypeVar("R")
Ts = TypeVarTuple("Ts")
R_co = TypeVar("R_co", covariant=True)


class BlockingRunHandle(Generic[R_co]):
    """A started run; `RunHandle` for synchronous code.

    Attributes:
        id: of the run.
        new: whether this start inserted it; False when it answered one that was there.
    """

    __slots__ = ("_client", "_handle", "id", "new")

    def __init__(self, client: BlockingContinuum, handle: RunHandle[R_co]) -> None:
        self.id = handle.id
        self.new = handle.new
        self._client = client
        self._handle = handle

    def __repr__(self) -> str:
        return repr(self._handle)

    def result(self, timeout: float | None = None) -> R_co:
        """Wait for the end; see `RunHandle.result`."""
        return self._client.call(self._handle.result(timeout))

    def signal(self, name: str, payload: Any = None, *, delivery_id: str | None = None) -> None:
        """Send it a signal."""
        self._client.call(self._handle.signal(name, payload, delivery_id=delivery_id))

    @overload
    def ask(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        timeout: float | None = None,
    ) -> Any: ...
    @overload
    def ask(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        type: type[R],
        timeout: float | None = None,
    ) -> R: ...
    @overload
    def ask(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        type: Any = None,
        timeout: float | None = None,
    ) -> Any: ...
    def ask(
        self,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,  # noqa: A002
        type: Any = None,  # noqa: A002
        timeout: float | None = None,
    ) -> Any:
        """Ask it something and wait for the answer; see `Continuum.ask`."""
        asked = self._handle.ask(name, payload, id=id, type=type, timeout=timeout)
        return self._client.call(asked)

    def cancel(self, *, reason: str | None = None, force: bool = False) -> None:
        """Ask it to stop."""
        self._client.call(self._handle.cancel(reason=reason, force=force))

    def get(self) -> Run:
        """A snapshot of it now."""
        return self._client.call(self._handle.get())


class BlockingWorker:
    """A worker beside synchronous code; a context manager."""

    def __init__(self, client: BlockingContinuum, make: Callable[[], LocalWorker]) -> None:
        self._client = client
        self._make = make
        self._worker: LocalWorker | None = None

    def __enter__(self) -> Self:
        self._client.call(self._start())
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.call(self._close())

    def drain(self, timeout: float | None = None) -> None:
        """Take nothing new, let activities finish, give every run back."""
        if self._worker is not None:
            self._client.call(self._worker.drain(timeout))

    async def _start(self) -> None:
        self._worker = self._make()
        await self._worker.__aenter__()

    async def _close(self) -> None:
        if self._worker is not None:
            await self._worker.close()


class BlockingContinuum(
    BlockingStarts,
    BlockingLooking,
    BlockingSteering,
    BlockingAttributes,
    BlockingAuditing,
    BlockingReplaying,
    BlockingOperating,
    BlockingPlanning,
    BlockingJournaling,
    BlockingSchedules,
    BlockingPausing,
    BlockingPruning,
    BlockingAsking,
):
    """`Continuum` for synchronous code; made by `Continuum.blocking`, a context manager.

    It may be used from several threads, and also inside a running event loop, which each call
    then blocks.
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
        self._client = Continuum(
            dsn,
            codec=codec,
            read_dsn=read_dsn,
            direct_dsn=direct_dsn,
            operator=operator,
            reason=reason,
        )
        self._portal: BlockingPortal | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._portal is not None:
            raise ConfigurationError("this client is open already")
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal("asyncio"))
            stack.enter_context(portal.wrap_async_context_manager(self._client))
            self._stack = stack.pop_all()
        self._portal = portal
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._portal = None
        self._stack.__exit__(exc_type, exc, traceback)

    def call(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine of the client's to its end on the client's loop."""
        if self._portal is None:
            coroutine.close()
            raise ConfigurationError(
                "the client is not open", hint="use it inside: with Continuum.blocking() as ct"
            )
        return self._portal.call(_await, coroutine)

    def result(
        self, run_id: UUID | str, timeout: float | None = None, *, namespace: str | None = None
    ) -> Any:
        """Wait for a run's end; see `Continuum.result`."""
        return self.call(self._client.result(run_id, timeout, namespace=namespace))

    def nodes(self) -> list[NodeInfo]:
        """Every registered worker process, live or dead."""
        return self.call(self._client.nodes())

    def worker(
        self,
        workflows: Iterable[Workflow[..., Any]],
        *,
        activities: Iterable[Activity[..., Any]] = (),
        queues: Sequence[str | Queue] = (),
        concurrency: int = 200,
        drain_timeout: float = 10.0,
        **options: Any,
    ) -> BlockingWorker:
        """A worker that works beside the caller; see `Continuum.worker`."""
        return BlockingWorker(
            self,
            partial(
                self._client.worker,
                workflows,
                activities=activities,
                queues=queues,
                concurrency=concurrency,
                drain_timeout=drain_timeout,
                **options,
            ),
        )


async def _await(coroutine: Coroutine[Any, Any, R]) -> R:
    return await coroutine
