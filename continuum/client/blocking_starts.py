"""The calls that start runs, for synchronous code."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack, cast, overload

from continuum.client.blocking_calls import BlockingCalls
from continuum.client.start_options import SignalOptions, StartOptions

if TYPE_CHECKING:
    from psycopg import Connection

    from continuum.client.blocking import BlockingContinuum, BlockingRunHandle
    from continuum.client.prepared import PreparedStart
    from continuum.declare.workflow import Startable

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class BlockingStarts(BlockingCalls):
    """The part of `BlockingContinuum` that starts runs."""

    @overload
    def start(
        self,
        flow: Startable[*Ts, R],
        *args: *Ts,
        connection: Connection[Any] | None = None,
        **options: Unpack[StartOptions],
    ) -> BlockingRunHandle[R]: ...

    @overload
    def start(
        self,
        flow: str,
        *args: Any,
        connection: Connection[Any] | None = None,
        **options: Unpack[StartOptions],
    ) -> BlockingRunHandle[Any]: ...

    def start(
        self,
        flow: Any,
        *args: Any,
        connection: Connection[Any] | None = None,
        **options: Unpack[StartOptions],
    ) -> BlockingRunHandle[Any]:
        """Insert a run; see `Continuum.start`. `connection` is a synchronous psycopg one."""
        return self._insert(self._client.prepare_start(flow, *args, **options), connection)

    @overload
    def signal_with_start(
        self,
        flow: Startable[*Ts, R],
        *args: *Ts,
        connection: Connection[Any] | None = None,
        **options: Unpack[SignalOptions],
    ) -> BlockingRunHandle[R]: ...

    @overload
    def signal_with_start(
        self,
        flow: str,
        *args: Any,
        connection: Connection[Any] | None = None,
        **options: Unpack[SignalOptions],
    ) -> BlockingRunHandle[Any]: ...

    def signal_with_start(
        self,
        flow: Any,
        *args: Any,
        connection: Connection[Any] | None = None,
        **options: Unpack[SignalOptions],
    ) -> BlockingRunHandle[Any]:
        """Signal the live run with this key, or start it; see `Continuum.signal_with_start`."""
        preparing = self._client.prepare_signal_with_start(flow, *args, **options)
        return self._insert(preparing, connection)

    def _insert(
        self,
        preparing: Coroutine[Any, Any, PreparedStart],
        connection: Connection[Any] | None,
    ) -> BlockingRunHandle[Any]:
        from continuum.client.blocking import BlockingRunHandle

        client, prepared = cast("BlockingContinuum", self), self.call(preparing)
        if connection is None:
            return BlockingRunHandle(client, self.call(prepared.insert()))
        # On this thread: the caller's connection is not to be used from any other.
        return BlockingRunHandle(client, prepared.insert_blocking(connection))
