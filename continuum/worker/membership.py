"""This process as a member of the cluster: one epoch after the other, each with a fresh node id.

An epoch that was declared dead is never revived (rule 8): its runs are dropped, its activities
cancelled, and the process joins again under a new id.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from uuid import UUID, uuid4

from continuum.journal.turn import VersionPin
from continuum.store.protocol import (
    Listener,
    ListenerFactory,
    Liveness,
    LivenessFactory,
    NodeRegistration,
    OwnershipStore,
    StoreUnavailable,
)
from continuum.system import monotonic
from continuum.versions.facts import CodeFacts
from continuum.worker.service import Backoff, Signal

log = logging.getLogger("continuum.worker.membership")

MAX_CLOSE = 2.0
"""Seconds for a connection to be closed before it is left to the operating system."""


class Membership:
    """Registers the node, holds its two session locks and follows its heartbeat.

    Args:
        pins: every version this process is known to run; it may grow before the node joins.
        facts: version id to what is known of its code.
        build: fingerprint of the loaded application source.
        observe: takes the store's clock; called on any thread.
        on_hint, on_reconnect: from the listener.
        on_epoch_lost: on the event loop; everything owned is gone. Called before rejoining.
        on_joined: on the event loop, after each registration.
    """

    def __init__(
        self,
        store: OwnershipStore,
        listener_factory: ListenerFactory,
        liveness_factory: LivenessFactory,
        random: Random,
        *,
        pins: Sequence[VersionPin],
        sources: Mapping[str, str],
        facts: Mapping[int, CodeFacts],
        build: str,
        capacity: int,
        queues: Sequence[str],
        ttl: float,
        heartbeat: float,
        observe: Callable[[datetime], None],
        on_hint: Callable[[Sequence[UUID]], None],
        on_reconnect: Callable[[], None],
        on_epoch_lost: Callable[[], None],
        on_joined: Callable[[], None],
    ) -> None:
        self.node_id: UUID
        self.build = build
        self.version_ids = _version_ids(pins)
        self.judging_from = 0.0
        self.rejoined: Signal[UUID] = Signal()
        self.liveness: Liveness | None = None
        self._listener: Listener | None = None
        self._store = store
        self._listener_factory = listener_factory
        self._liveness_factory = liveness_factory
        self._random = random
        self._pins = pins
        self._sources = sources
        self._facts = facts
        self._capacity = capacity
        self._queues = queues
        self.ttl = ttl
        self._heartbeat = heartbeat
        self._observe = observe
        self._on_hint = on_hint
        self._on_reconnect = on_reconnect
        self._on_epoch_lost = on_epoch_lost
        self._on_joined = on_joined
        self._rejoining: asyncio.Task[None] | None = None
        self._leaving = False
        self._loop: asyncio.AbstractEventLoop

    @property
    def active(self) -> bool:
        """Whether the node is registered; not while it joins again."""
        return self.liveness is not None and self._rejoining is None

    async def join(self) -> None:
        """Take both locks, register, begin to beat. Raises what the store raises."""
        self._loop = asyncio.get_running_loop()
        self.version_ids = _version_ids(self._pins)
        node_id = uuid4()
        liveness = self._liveness_factory(
            node_id,
            self.ttl,
            self._heartbeat,
            self._observe,
            lambda: self._from_thread(self._epoch_lost, node_id),
            lambda: self._from_thread(self._reconnected, node_id),
        )
        listener = self._listener_factory(
            node_id, self._on_hint, lambda: self._reconnected(node_id)
        )
        try:
            # The locks come first: a registered node without them looks dead to the others.
            await liveness.hold()
            await listener.start()
            now = await self._store.register_node(self._registration(node_id), self.ttl)
        except BaseException:
            await _close(listener)
            await _close(liveness)
            raise
        self.node_id, self.liveness, self._listener = node_id, liveness, listener
        self._observe(now)
        liveness.begin()
        self._on_joined()

    async def register(
        self,
        pins: Sequence[VersionPin],
        sources: Mapping[str, str],
        facts: Mapping[int, CodeFacts],
    ) -> None:
        """Claim runs of these versions, too, and say so in the registry."""
        await self._store.register_versions(self.node_id, pins, sources, facts)
        self.version_ids = _version_ids(self._pins)
        self._on_joined()

    async def leave(self) -> None:
        """Remove the node row and let both locks go, for good."""
        self._leaving = True  # a heartbeat that misses the row is right to, and no news
        if self._rejoining is not None:
            self._rejoining.cancel()
            await asyncio.wait([self._rejoining])
        try:
            await self._store.forget_node(self.node_id)
        finally:
            await self.disconnect()

    async def disconnect(self) -> None:
        """Let both locks go, without a word to the store."""
        listener, liveness = self._listener, self.liveness
        self._listener = self.liveness = None
        if listener is not None:
            await _close(listener)
        if liveness is not None:
            await _close(liveness)

    def may_judge(self) -> bool:
        """Whether this node's view of the others' locks can be trusted (rule 8)."""
        liveness = self.liveness
        if liveness is None or not self.active or liveness.away():
            return False
        return monotonic() >= self.judging_from

    def distrust(self) -> None:
        """Our own connection was away: judge nobody for one TTL (rule 8).

        A replica that was promoted has been up for long and yet has no locks; whoever cannot reach
        the old primary any more may need several attempts to connect until it beats there.
        """
        self.judging_from = monotonic() + self.ttl

    def _registration(self, node_id: UUID) -> NodeRegistration:
        return NodeRegistration(
            node_id=node_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            build=self.build,
            capacity=self._capacity,
            queues=self._queues,
            pins=self._pins,
            sources=self._sources,
            facts=self._facts,
        )

    def _from_thread(self, call: Callable[[UUID], None], node_id: UUID) -> None:
        try:
            self._loop.call_soon_threadsafe(call, node_id)
        except RuntimeError:  # the loop is closed: the process is on its way out
            return

    def _reconnected(self, node_id: UUID) -> None:
        if self.liveness is None or node_id != self.node_id:
            return
        self.distrust()
        self._on_reconnect()

    def _epoch_lost(self, node_id: UUID) -> None:
        if self.liveness is None or node_id != self.node_id or self._rejoining is not None:
            return
        if self._leaving:
            return
        log.warning("node %s was declared dead; dropping its runs and joining again", node_id)
        self._on_epoch_lost()
        self._rejoining = asyncio.create_task(self._rejoin(), name="continuum:rejoin")

    async def _rejoin(self) -> None:
        await self.disconnect()
        backoff = Backoff(self._random)
        while True:
            try:
                await self.join()
                self.distrust()
            except StoreUnavailable:
                await asyncio.sleep(backoff.pause())
            except Exception:
                log.exception("joining again failed; trying again")
                await asyncio.sleep(backoff.pause())
            else:
                break
        self._rejoining = None
        log.info("joined again as node %s", self.node_id)
        self.rejoined.emit(self.node_id)


def _version_ids(pins: Sequence[VersionPin]) -> list[int]:
    """Those of the versions, and of runs of their workflows that have none yet."""
    unpinned = (VersionPin(pin.workflow) for pin in pins)
    return sorted({pin.version_id for pin in (*pins, *unpinned)})


async def _close(connection: Listener | Liveness) -> None:
    try:
        await asyncio.wait_for(connection.close(), MAX_CLOSE)
    except Exception as error:
        log.info("closing a connection: %s", error)
