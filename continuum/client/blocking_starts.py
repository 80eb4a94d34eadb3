"""The calls that start runs, for synchronous code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast, overload
from uuid import UUID

from continuum.client.blocking_calls import BlockingCalls
from continuum.client.starts import Conflicts, KeyReuses

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
        namespace: str = "default",
        attributes: Mapping[str, Any] | None = None,
        key: str | None = None,
        key_reuse: KeyReuses = "allow",
        on_conflict: Conflicts = "existing",
        delay: timedelta | float | None = None,
        start_at: datetime | None = None,
        execution_timeout: timedelta | float | None = None,
        timeout_grace: timedelta | float = 60,
        idempotency_key: str | None = None,
        run_id: UUID | str | None = None,
        connection: Connection[Any] | None = None,
    ) -> BlockingRunHandle[R]: ...

    @overload
    def start(
        self,
        flow: str,
        *args: Any,
        namespace: str = "default",
        attributes: Mapping[str, Any] | None = None,
        key: str | None = None,
        key_reuse: KeyReuses = "allow",
        on_conflict: Conflicts = "existing",
        delay: timedelta | float | None = None,
        start_at: datetime | None = None,
        execution_timeout: timedelta | float | None = None,
        timeout_grace: timedelta | float = 60,
        idempotency_key: str | None = None,
        run_id: UUID | str | None = None,
        connection: Connection[Any] | None = None,
    ) -> BlockingRunHandle[Any]: ...

    def start(
        self,
        flow: Any,
        *args: Any,
        namespace: str = "default",
        attributes: Mapping[str, Any] | None = None,
        key: str | None = None,
        key_reuse: KeyReuses = "allow",
        on_conflict: Conflicts = "existing",
        delay: timedelta | float | None = None,
        start_at: datetime | None = None,
        execution_timeout: timedelta | float | None = None,
        timeout_grace: timedelta | float = 60,
        idempotency_key: str | None = None,
        run_id: UUID | str | None = None,
        connection: Connection[Any] | None = None,
    ) -> BlockingRunHandle[Any]:
        """Insert a run; see `Continuum.start`. `connection` is a synchronous psycopg one."""
        options: dict[str, Any] = {
            "namespace": namespace,
            "attributes": attributes,
            "key": key,
            "key_reuse": key_reuse,
            "on_conflict": on_conflict,
            "delay": delay,
            "start_at": start_at,
            "execution_timeout": execution_timeout,
            "timeout_grace": timeout_grace,
            "idempotency_key": idempotency_key,
            "run_id": run_id,
        }
        return self._start(
            self.call(self._client.prepare_start(flow, *args, **options)), connection
        )

    @overload
    def signal_with_start(
        self,
        flow: Startable[*Ts, R],
        *args: *Ts,
        key: str,
        signal: str,
        payload: Any = None,
        delivery_id: str | None = None,
        reason: str | None = None,
        key_reuse: KeyReuses = "allow",
        namespace: str = "default",
        attributes: Mapping[str, Any] | None = None,
        execution_timeout: timedelta | float | None = None,
        timeout_grace: timedelta | float = 60,
        connection: Connection[Any] | None = None,
    ) -> BlockingRunHandle[R]: ...

    @overload
    def signal_with_start(
        self,
        flow: str,
        *args: Any,
        key: str,
        signal: str,
        payload: Any = None,
        delivery_id: str | None = None,
        reason: str | None = None,
        key_reuse: KeyReuses = "allow",
        namespace: str = "default",
        attributes: Mapping[str, Any] | None = None,
        execution_timeout: timedelta | float | None = None,
        timeout_grace: timedelta | float = 60,
        connection: Connection[Any] | None = None,
    ) -> BlockingRunHandle[Any]: ...

    def signal_with_start(
        self,
        flow: Any,
        *args: Any,
        key: str,
        signal: str,
        payload: Any = None,
        delivery_id: str | None = None,
        reason: str | None = None,
        key_reuse: KeyReuses = "allow",
        namespace: str = "default",
        attributes: Mapping[str, Any] | None = None,
        execution_timeout: timedelta | float | None = None,
        timeout_grace: timedelta | float = 60,
        connection: Connection[Any] | None = None,
    ) -> BlockingRunHandle[Any]:
        """Signal the live run with this key, or start it; see `Continuum.signal_with_start`."""
        from continuum.client.starting import first_signal

        options: dict[str, Any] = {
            "namespace": namespace,
            "attributes": attributes,
            "key": key,
            "key_reuse": key_reuse,
            "execution_timeout": execution_timeout,
            "timeout_grace": timeout_grace,
            "signal": first_signal(signal, payload, delivery_id),
            "reason": reason,
        }
        return self._start(
            self.call(self._client.prepare_start(flow, *args, **options)), connection
        )

    def _start(
        self, prepared: PreparedStart, connection: Connection[Any] | None
    ) -> BlockingRunHandle[Any]:
        from continuum.client.blocking import BlockingRunHandle

        client = cast("BlockingContinuum", self)
        if connection is None:
            return BlockingRunHandle(client, self.call(prepared.insert()))
        # On this thread: the caller's connection is not to be used from any other.
        return BlockingRunHandle(client, prepared.insert_on_blocking(connection))
