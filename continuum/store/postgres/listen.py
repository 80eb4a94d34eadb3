"""Listens on one channel for ever, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from psycopg import AsyncConnection, errors, sql

from continuum.store.postgres.hints import decode_hint
from continuum.store.postgres.nodes import lock_key, node_channel
from continuum.store.postgres.session import Connect, transient_errors
from continuum.store.protocol import StoreUnavailable

log = logging.getLogger("continuum.store")

_PAUSES: Final = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between attempts to connect again; the last one repeats."""

_PROBE_WITHIN = 3.0
"""Seconds until a listener that does not hear itself counts as deaf."""


class ChannelListener:
    """LISTEN on a channel, reconnecting for ever.

    Args:
        connect: opens a direct connection (around a transaction pooler).
        channel: to listen on.
        on_payload: called on the event loop for each notification.
        on_reconnect: called after the connection was lost and is back: hints were missed.
        lock: key of an advisory lock to hold, shared, as long as the connection lives.
    """

    def __init__(
        self,
        connect: Connect,
        channel: str,
        on_payload: Callable[[str], None],
        on_reconnect: Callable[[], None],
        *,
        lock: int | None = None,
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._on_payload = on_payload
        self._on_reconnect = on_reconnect
        self._lock = lock
        self._connection: AsyncConnection[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises `StoreUnavailable` when the first attempt fails; later ones repeat."""
        connection = await self._open()
        self._task = asyncio.create_task(
            self._listen(connection), name=f"continuum:listen:{self._channel}"
        )

    async def close(self) -> None:
        """Stop listening; the lock goes with the connection."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> AsyncConnection[Any]:
        with transient_errors():
            connection = self._connection = await self._connect()
            try:
                if self._lock is not None:
                    await connection.execute("SELECT pg_advisory_lock_shared(%s)", [self._lock])
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            except BaseException:
                await connection.close()
                raise
        return connection

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        while True:
            try:
                async for notification in connection.notifies():
                    self._on_payload(notification.payload)
            except (psycopg.Error, OSError) as error:
                log.info("listener of %s lost its connection: %s", self._channel, _line(error))
            await connection.close()
            connection = await self._open_again()
            self._on_reconnect()

    async def _open_again(self) -> AsyncConnection[Any]:
        attempt = 0
        while True:
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            attempt += 1
            try:
                return await self._open()
            except (StoreUnavailable, psycopg.Error) as error:
                log.debug("listener of %s: %s", self._channel, _line(error))


class PostgresListener:
    """`Listener` of one node: its hints, and the first of its two session locks.

    Args:
        connect: opens a direct connection.
        second: opens any other connection, to check the first one from outside.
        on_hint, on_reconnect: see `ListenerFactory`.
    """

    def __init__(
        self,
        connect: Connect,
        second: Connect,
        node_id: UUID,
        on_hint: Callable[[Sequence[UUID]], None],
        on_reconnect: Callable[[], None],
    ) -> None:
        self._second = second
        self._channel = node_channel(node_id)
        self._on_hint = on_hint
        self._reconnected = on_reconnect
        self._probe = f"probe {uuid4().hex}"
        self._probed = asyncio.Event()
        self._listener = ChannelListener(
            connect, self._channel, self._receive, self._on_reconnect, lock=lock_key(node_id)
        )

    async def start(self) -> None:
        """See `Listener.start`. Says so once when notifications do not arrive here."""
        await self._listener.start()
        if not await self.hears_itself():
            log.warning(
                "notifications do not reach this node (a transaction pooler, or a full queue?): it "
                "works by its poll, a second late at most; behind a pooler set "
                "CONTINUUM_DIRECT_DSN to a direct connection"
            )

    async def close(self) -> None:
        """See `Listener.close`."""
        await self._listener.close()

    async def hears_itself(self) -> bool:
        """Whether a notification sent from a second connection comes back, within seconds."""
        self._probed.clear()
        with transient_errors():
            connection = await self._second()
            async with connection:
                try:
                    await connection.execute(
                        "SELECT pg_notify(%s, %s)", [self._channel, self._probe]
                    )
                except errors.ProgramLimitExceeded:  # the queue is full: nobody hears anything
                    return False
                return await _arrives(self._probed.wait(), _PROBE_WITHIN)

    def _receive(self, payload: str) -> None:
        if payload == self._probe:
            self._probed.set()
        else:
            self._on_hint(decode_hint(payload))

    def _on_reconnect(self) -> None:
        self._on_hint(())
        self._reconnected()


async def _arrives(event: Awaitable[Any], within: float) -> bool:
    try:
        await asyncio.wait_for(event, within)
    except TimeoutError:
        return False
    return True


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
