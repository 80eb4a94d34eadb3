"""Hints, sessions and heartbeats inside one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from continuum.store.memory.tables import Tables

Hear = Callable[[Sequence[UUID]], None]


class MemoryHints:
    """A `HintSender` whose hints arrive with the next pass of the event loop."""

    def __init__(self) -> None:
        self._nodes: dict[UUID, Hear] = {}
        self._waiters: list[Hear] = []

    def runs_changed(self, run_ids: Sequence[UUID]) -> None:
        """See `HintSender`."""
        self._tell(list(self._nodes.values()), list(run_ids))

    def runs_ended(self, run_ids: Sequence[UUID]) -> None:
        """See `HintSender`."""
        self._tell(self._waiters, list(run_ids))

    def runs_answered(self, run_ids: Sequence[UUID]) -> None:
        """See `HintSender`."""
        self.runs_ended(run_ids)

    def poll_now(self) -> None:
        """See `HintSender`."""
        self._tell(list(self._nodes.values()), [])

    def tasks_queued(self, queues: Sequence[str]) -> None:
        """See `HintSender`."""
        self.poll_now()

    def join(self, node_id: UUID, hear: Hear) -> None:
        """A node listens from now on."""
        self._nodes[node_id] = hear

    def leave(self, node_id: UUID) -> None:
        """It listens no more."""
        self._nodes.pop(node_id, None)

    def join_waiter(self, hear: Hear) -> None:
        """Somebody wants to hear of ends."""
        self._waiters.append(hear)

    def leave_waiter(self, hear: Hear) -> None:
        """No longer."""
        self._waiters.remove(hear)

    def _tell(self, listeners: Sequence[Hear], run_ids: list[UUID]) -> None:
        loop = asyncio.get_running_loop()
        for hear in listeners:
            loop.call_soon(hear, run_ids)


class MemoryListener:
    """A node's ear, and one of its two session locks."""

    def __init__(self, hints: MemoryHints, node_id: UUID, on_hint: Hear) -> None:
        self._hints = hints
        self._node_id = node_id
        self._on_hint = on_hint

    async def start(self) -> None:
        """See `Listener`."""
        self._hints.join(self._node_id, self._on_hint)

    async def close(self) -> None:
        """See `Listener`."""
        self._hints.leave(self._node_id)


class MemoryLiveness:
    """A node that lives in this process has a heartbeat as long as it holds its session."""

    def __init__(self, tables: Tables, node_id: UUID, on_beat: Callable[[datetime], None]) -> None:
        self._tables = tables
        self._node_id = node_id
        self._on_beat = on_beat

    async def hold(self) -> None:
        """See `Liveness`."""
        self._tables.sessions.add(self._node_id)

    def begin(self) -> None:
        """See `Liveness`."""
        row = self._tables.nodes.get(self._node_id)
        if row is not None:
            row.beating = True
        self._on_beat(self._tables.clock.now())

    def away(self) -> bool:
        """See `Liveness`."""
        return False

    def abandon(self, culprit: UUID | None) -> None:
        """See `Liveness`; nobody else is there to take the runs."""

    async def close(self) -> None:
        """See `Liveness`."""
        self._tables.sessions.discard(self._node_id)
        row = self._tables.nodes.get(self._node_id)
        if row is not None and row.beating:
            row.beating = False
            row.heartbeat_at = self._tables.clock.now()
            row.expires_at = row.heartbeat_at + timedelta(seconds=row.ttl)
