"""The heartbeat of a node: a thread with its own connection, which holds a session lock.

A workflow step or a blocking call that stalls the event loop must not make the node look dead
(rule 23), so nothing here depends on the loop.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from continuum.errors import DatabaseUnavailable
from continuum.store.postgres.arrays import uuids
from continuum.store.postgres.nodes import lock_key
from continuum.store.postgres.session import BlockingSession, transient_errors
from continuum.store.postgres.statements import statements
from continuum.system import monotonic

log = logging.getLogger("continuum.store")

_SQL: Final = statements("nodes")

_PAUSE: Final = 0.2
"""Seconds between attempts to connect again."""

_BOUNDED: Final = b"SET statement_timeout = 5000"
"""Milliseconds for each statement that gives leases back before the process exits."""

_TAKE_LOCK: Final = "SELECT pg_advisory_lock_shared(%s), pg_last_wal_replay_lsn() IS NOT NULL"
"""And whether the server was a replica when it started: its age says nothing about its locks."""

ConnectBlocking = Callable[[], Connection[Any]]


class PostgresLiveness:
    """`Liveness` of one node epoch.

    Args:
        connect: opens a direct connection, from any thread.
        ttl: seconds after a heartbeat at which the node is dead.
        heartbeat: seconds between heartbeats.
        on_beat, on_lost, on_reconnect: see `LivenessFactory`; called on the thread.
    """

    def __init__(
        self,
        connect: ConnectBlocking,
        node_id: UUID,
        ttl: float,
        heartbeat: float,
        on_beat: Callable[[datetime], None],
        on_lost: Callable[[], None],
        on_reconnect: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._node_id = node_id
        self._ttl = ttl
        self._heartbeat = heartbeat
        self._on_beat = on_beat
        self._on_lost = on_lost
        self._on_reconnect = on_reconnect
        self._promoted = False
        self._beaten_at = 0.0
        self._begun = threading.Event()
        self._stopping = threading.Event()
        self._handing_over = threading.Lock()
        self._held: Connection[Any] | None = None
        self._wake, self._woken = socket.socketpair()
        self._thread: threading.Thread | None = None

    async def hold(self) -> None:
        """See `Liveness.hold`."""
        await asyncio.to_thread(self._hold)
        held, self._held = self._held, None
        if held is None:  # it was closed meanwhile
            return
        self._thread = threading.Thread(
            target=self._run, args=(held,), name="continuum-heartbeat", daemon=True
        )
        self._thread.start()

    def begin(self) -> None:
        """See `Liveness.begin`."""
        if self._promoted:  # just now, perhaps: the others may not be there yet
            self._on_reconnect()
        self._begun.set()
        self._nudge()

    async def close(self) -> None:
        """See `Liveness.close`; `hold` may have been given up while its thread connects."""
        with self._handing_over:
            self._stopping.set()
            held, self._held = self._held, None
        if held is not None:
            held.close()
        self._nudge()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._wake.close()
        self._woken.close()

    def away(self) -> bool:
        """See `Liveness.away`."""
        late = self._heartbeat + (self._ttl - self._heartbeat) / 6
        return monotonic() - self._beaten_at > late

    def abandon(self, culprit: UUID | None) -> None:
        """See `Liveness.abandon`."""
        try:
            with self._connect() as connection:
                connection.execute(_BOUNDED)
                kept = uuids([culprit] if culprit is not None else [])
                with connection.transaction():
                    session = BlockingSession(connection)
                    rows = session.rows(_SQL["lock_owned"], [self._node_id, kept])
                    locked = uuids(run_id for (run_id,) in rows)
                    session.run(_SQL["free_locked"], [locked, False])
        except (psycopg.Error, DatabaseUnavailable, OSError) as error:
            log.warning("leases not given back, they expire: %s", error)

    def _nudge(self) -> None:
        self._wake.send(b"\0")

    def _hold(self) -> None:
        connection = self._open()
        with self._handing_over:
            if not self._stopping.is_set():
                self._held = connection
                return
        connection.close()

    def _open(self) -> Connection[Any]:
        with transient_errors():
            connection = self._connect()
            try:
                key = lock_key(self._node_id)
                found = connection.execute(_TAKE_LOCK, [key]).fetchone()
                self._promoted = found is not None and found[1]
            except BaseException:
                connection.close()
                raise
        return connection

    def _run(self, connection: Connection[Any]) -> None:
        """The thread: beat, and mend the connection, until closed or lost."""
        current: Connection[Any] | None = connection
        while not self._stopping.is_set():
            if current is None:
                current = self._open_again()
                continue
            try:
                lost = self._beat_until_stopped(current)
            except (psycopg.Error, OSError) as error:
                log.info("the heartbeat lost its connection: %s", " ".join(str(error).split()))
                current.close()
                current = None
                self._stopping.wait(_PAUSE)
                continue
            if lost:
                self._stopping.set()
                self._on_lost()
        if current is not None:
            current.close()

    def _beat_until_stopped(self, connection: Connection[Any]) -> bool:
        """Heartbeats until closed (False) or until the node row is dead or gone (True)."""
        session = BlockingSession(connection)
        due = 0.0
        while not self._stopping.is_set():
            if self._begun.is_set() and monotonic() >= due:
                due = monotonic() + self._heartbeat
                rows = session.rows(_SQL["heartbeat"], [self._node_id, self._ttl])
                if not rows:
                    return True
                self._beaten_at = monotonic()
                self._on_beat(rows[0][0])
            pause = max(0.0, due - monotonic()) if self._begun.is_set() else self._heartbeat
            if self._wait(connection, pause):
                # The server says something unasked: most likely that it closes the connection.
                connection.execute("SELECT")
        return False

    def _wait(self, connection: Connection[Any], pause: float) -> bool:
        """Until nudged or due; True when the connection has something to say."""
        readable, _, _ = select.select([self._woken, connection], [], [], pause)
        if self._woken in readable:
            self._woken.recv(64)
        return connection in readable

    def _open_again(self) -> Connection[Any] | None:
        try:
            connection = self._open()
        except (psycopg.Error, DatabaseUnavailable, OSError) as error:
            log.debug("heartbeat: %s", error)
            self._stopping.wait(_PAUSE)
            return None
        self._on_reconnect()
        return connection
