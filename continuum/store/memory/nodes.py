"""Who is in the cluster and who died (`OwnershipStore`, its nodes half)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import Final
from uuid import UUID

from continuum.journal.turn import VersionPin
from continuum.model import NodeInfo
from continuum.store.memory.patch_names import register_patches
from continuum.store.memory.tables import NodeRow, Tables, VersionRow
from continuum.store.protocol import NodeRegistration
from continuum.versions.facts import CodeFacts, retentions

_NOTHING_KNOWN: Final = CodeFacts()


@cache
def _release() -> str:
    return version("continuum-engine")


class MemoryNodes:
    """Registers nodes, judges them, and shows them to clients."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def register_node(self, node: NodeRegistration, ttl: float) -> datetime:
        """See `OwnershipStore.register_node`. Without a session, only its TTL judges it."""
        pins = [*node.pins, *(VersionPin(pin.workflow) for pin in node.pins)]
        self.register_versions(node.node_id, pins, node.sources, node.facts)
        self._tables.retentions |= retentions(node.pins, node.facts)
        now = self._tables.clock.now()
        self._tables.nodes[node.node_id] = NodeRow(
            node,
            _release(),
            ttl,
            started_at=now,
            heartbeat_at=now,
            expires_at=now + timedelta(seconds=ttl),
            judged_by_session=node.node_id in self._tables.sessions,
            version_ids=frozenset(pin.version_id for pin in pins),
        )
        self._tables.changed()
        return now

    def register_versions(
        self,
        node_id: UUID,
        pins: Sequence[VersionPin],
        sources: Mapping[str, str],
        facts: Mapping[int, CodeFacts],
    ) -> None:
        """See `OwnershipStore.register_versions`."""
        self.register(pins, sources, facts)
        node = self._tables.nodes.get(node_id)
        if node is not None:
            node.version_ids |= {pin.version_id for pin in pins}
        self._tables.changed()

    def register(
        self,
        pins: Sequence[VersionPin],
        sources: Mapping[str, str],
        facts: Mapping[int, CodeFacts],
    ) -> None:
        """Put versions into the registry, as those of a node and without one."""
        register_patches(self._tables, pins, facts)
        now = self._tables.clock.now()
        for pin in pins:
            row = self._tables.versions.setdefault(pin.version_id, VersionRow(pin, now, now))
            row.refresh(now, facts.get(pin.version_id, _NOTHING_KNOWN), sources.get(pin.workflow))

    def taken_patches(self, workflows: Sequence[str]) -> list[tuple[str, frozenset[str]]]:
        """See `OwnershipStore.taken_patches`."""
        return [
            (row.pin.workflow, frozenset(names))
            for version_id, row in self._tables.versions.items()
            for names in {frozenset(row.taken), frozenset(self._tables.decided_patches[version_id])}
            if names and row.pin.workflow in workflows
        ]

    def forget_node(self, node_id: UUID) -> None:
        """Remove the row of a node that owns nothing any more."""
        self._tables.nodes.pop(node_id, None)
        self._tables.changed()

    def set_draining(self, node_id: UUID) -> None:
        """See `OwnershipStore.set_draining`."""
        node = self._tables.nodes.get(node_id)
        if node is not None:
            node.draining = True

    def suspects(self, node_id: UUID) -> set[UUID]:
        """See `OwnershipStore.suspects`."""
        return {
            other
            for other, row in self._tables.nodes.items()
            if other != node_id and row.dead_at is None and self._lost_its_session(other, row)
        }

    def declare_dead(self, node_ids: Sequence[UUID]) -> list[UUID]:
        """See `OwnershipStore.declare_dead`."""
        suspected = set(node_ids)
        condemned = [
            node_id
            for node_id, row in self._tables.nodes.items()
            if row.dead_at is None
            and (
                (node_id in suspected and self._lost_its_session(node_id, row))
                or self._tables.has_expired(row)
            )
        ]
        for node_id in condemned:
            self._tables.nodes[node_id].dead_at = self._tables.clock.now()
        if condemned:
            self._tables.changed()
        return condemned

    def nodes(self) -> list[NodeInfo]:
        """See `ClientStore.nodes`."""
        owned: dict[UUID, int] = {}
        for lease in self._tables.leases.values():
            if lease.owner is not None:
                owned[lease.owner] = owned.get(lease.owner, 0) + 1
        rows = sorted(self._tables.nodes.items(), key=lambda item: (item[1].started_at, item[0]))
        return [self._info(row, owned.get(node_id, 0)) for node_id, row in rows]

    def _lost_its_session(self, node_id: UUID, row: NodeRow) -> bool:
        return row.judged_by_session and node_id not in self._tables.sessions

    def _info(self, row: NodeRow, owned: int) -> NodeInfo:
        node, now = row.registration, self._tables.clock.now()
        return NodeInfo(
            id=node.node_id,
            host=node.host,
            pid=node.pid,
            version=row.version,
            build=node.build,
            started_at=row.started_at,
            heartbeat_at=now if row.beating else row.heartbeat_at,
            expires_at=now + timedelta(seconds=row.ttl) if row.beating else row.expires_at,
            dead_at=row.dead_at,
            draining=row.draining,
            queues=tuple(node.queues),
            capacity=node.capacity,
            owned_runs=owned,
            workflows=tuple(sorted({pin.workflow for pin in node.pins})),
            alive=self._tables.is_serving(row),
        )
