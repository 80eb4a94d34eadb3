"""Calls that start runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack, cast, overload

from continuum.client.calls import Calls
from continuum.client.handle import RunHandle
from continuum.client.start_options import SignalOptions, StartOptions, check_options

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from continuum.client.client import Continuum
    from continuum.client.prepared import PreparedStart
    from continuum.declare.workflow import Startable

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Starts(Calls):
    """The part of `Continuum` that starts runs."""

    @overload
    async def start(
        self,
        flow: Startable[*Ts, R],
        *args: *Ts,
        connection: AsyncConnection[Any] | None = None,
        **options: Unpack[StartOptions],
    ) -> RunHandle[R]: ...

    @overload
    async def start(
        self,
        flow: str,
        *args: Any,
        connection: AsyncConnection[Any] | None = None,
        **options: Unpack[StartOptions],
    ) -> RunHandle[Any]: ...

    async def start(
        self,
        flow: Any,
        *args: Any,
        connection: AsyncConnection[Any] | None = None,
        **options: Unpack[StartOptions],
    ) -> RunHandle[Any]:
        """Insert a run; any worker that has loaded the workflow takes it.

        Args:
            flow: a workflow, or the name of one that a live worker has loaded.
            args: its positional arguments.
            namespace: 1 to 255 printable characters; default: "default".
            attributes: a JSON object to find the run by.
            key: what you call the run, such as "order-o1": at most one live run of the workflow in
                the namespace has it, and calls take it in place of the run id.
            key_reuse: whether the key may start another run when its last one has ended: "allow"
                (the default), "allow_if_failed" (or cancelled), "reject".
            on_conflict: what to do when a live run has the key: answer that run, whatever its
                input is ("existing", the default), or raise ("fail").
            delay: a timedelta or seconds; no worker takes the run before, and that is when
                it has started.
            start_at: the same, as a time with a time zone.
            execution_timeout: a timedelta or seconds from the start, over all incarnations. Then
                the run is asked to end, as by `cancel`, and ends failed as `ExecutionTimeout`.
            timeout_grace: so long it may clean up then, 60 s unless told; after that it is ended by
                force.
            idempotency_key: starts with the same key, workflow and namespace are one run.
            run_id: the id it shall have; starting it again with the same input changes nothing.
            connection: a psycopg connection whose transaction the insert joins: no run exists
                until you commit it.

        Raises:
            PayloadError, AttributesError, NamespaceError, ConfigurationError, DefinitionError:
                before anything is written.
            KeyTaken: by a live run with `on_conflict="fail"`, or by one after which `key_reuse`
                allows no other.
            DuplicateRun: same idempotency key or id, but another workflow or input.
            WorkflowNotFound: `flow` is a name that no live worker has loaded.

        Example:
            run = await ct.start(order_flow, order, key=f"order-{order.id}")
            print(run.new, (await ct.get_run(f"order-{order.id}")).state)
        """
        prepared = await self.prepare_start(flow, *args, **options)
        return await prepared.insert(connection)

    @overload
    async def signal_with_start(
        self,
        flow: Startable[*Ts, R],
        *args: *Ts,
        connection: AsyncConnection[Any] | None = None,
        **options: Unpack[SignalOptions],
    ) -> RunHandle[R]: ...

    @overload
    async def signal_with_start(
        self,
        flow: str,
        *args: Any,
        connection: AsyncConnection[Any] | None = None,
        **options: Unpack[SignalOptions],
    ) -> RunHandle[Any]: ...

    async def signal_with_start(
        self,
        flow: Any,
        *args: Any,
        connection: AsyncConnection[Any] | None = None,
        **options: Unpack[SignalOptions],
    ) -> RunHandle[Any]:
        """Signal the live run with this key; start it first when there is none, in one commit.

        Args:
            flow, args: what to start; a live run keeps the input it has.
            key: of the run.
            signal: name of the signal.
            payload: JSON types, dataclasses, datetimes and the like.
            delivery_id: repeated calls with the same id count once, also when the run has ended
                in between and no other has taken its place.
            reason: why an operator sends it; a signal to a run that was there is recorded as with
                `signal`.
            key_reuse, namespace, attributes, execution_timeout, timeout_grace, connection: as for
                `start`.

        Raises:
            What `start` raises.

        Example:
            await ct.signal_with_start(
                cart_flow, customer, key=f"cart-{customer}", signal="add", payload="book")
        """
        prepared = await self.prepare_signal_with_start(flow, *args, **options)
        return await prepared.insert(connection)

    async def prepare_start(
        self, flow: Any, *args: Any, **options: Unpack[StartOptions]
    ) -> PreparedStart:
        """All checks of `start`, without writing anything."""
        check_options("start", options, StartOptions)
        return await self._prepare(flow, args, options)

    async def prepare_signal_with_start(
        self, flow: Any, *args: Any, **options: Unpack[SignalOptions]
    ) -> PreparedStart:
        """All checks of `signal_with_start`, without writing anything."""
        from continuum.client.starting import first_signal

        check_options("signal_with_start", options, SignalOptions)
        given: dict[str, Any] = {**options}
        act = self._acting.named_act("signal", given.pop("reason", None))
        given["signal"] = first_signal(
            given["signal"], given.pop("payload", None), given.pop("delivery_id", None), act
        )
        return await self._prepare(flow, args, given)

    async def _prepare(
        self, flow: Any, args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> PreparedStart:
        from continuum.client.prepared import prepare_start  # a process that reads never loads it

        client = cast("Continuum", self)
        return await prepare_start(client, self._backend, self._controls, flow, args, options)
