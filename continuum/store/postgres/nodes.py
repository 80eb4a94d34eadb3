"""Who is in the cluster, who died, and freeing what the dead owned (rules 8 and 23)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from continuum.journal.turn import VersionPin
from continuum.model import NodeInfo
from continuum.store.postgres.arrays import Packed, texts, uuids
from continuum.store.postgres.registry import (
    register_versions,
    register_workflows,
    taken_patches,
)
from continuum.store.postgres.session import Sessions
from continuum.store.postgres.statements import statements
from continuum.store.protocol import NodeRegistration
from continuum.versions.facts import CodeFacts

log = logging.getLogger("continuum.store")

_SQL: Final = statements("nodes")


def lock_key(node_id: UUID) -> int:
    """The advisory lock that both sessions of a node hold, shared."""
    return int.from_bytes(node_id.bytes[:8], "big", signed=True)


def node_channel(node_id: UUID) -> str:
    """Where hints for this node go."""
    return f"continuum_n_{node_id.hex}"


class PostgresNodes:
    """The node half of `OwnershipStore`, and `ClientStore.nodes`."""

    def __init__(self, sessions: Sessions, version: str) -> None:
        self._sessions = sessions
        self._version = version

    async def register_node(self, node: NodeRegistration, ttl: float) -> datetime:
        """See `OwnershipStore.register_node`. Both session locks must be held already."""
        pins = [*node.pins, *map(_unpinned, node.pins)]
        async with self._sessions.transaction() as session:
            [(now, judged_by_lock)] = await session.rows(
                _SQL["register_node"],
                [
                    node.node_id, node.host, node.pid, self._version, node.build,
                    lock_key(node.node_id), texts(node.queues), node.capacity, float(ttl),
                ],
            )  # fmt: skip
            await register_versions(session, node.node_id, pins, node.sources, node.facts)
            await register_workflows(session, node.pins, node.facts)
        if not judged_by_lock:
            log.warning(
                "this node's session lock is not visible to other connections (a transaction "
                "pooler?): if the node dies its runs move after %g s, not at once; set "
                "CONTINUUM_DIRECT_DSN to a direct connection",
                ttl,
            )
        return now

    async def register_versions(
        self,
        node_id: UUID,
        pins: Sequence[VersionPin],
        sources: Mapping[str, str],
        facts: Mapping[int, CodeFacts],
    ) -> None:
        """See `OwnershipStore.register_versions`."""
        async with self._sessions.transaction() as session:
            await register_versions(session, node_id, pins, sources, facts)

    async def taken_patches(self, workflows: Sequence[str]) -> list[tuple[str, frozenset[str]]]:
        """See `OwnershipStore.taken_patches`."""
        async with self._sessions.autocommit() as session:
            return await taken_patches(session, workflows)

    async def forget_node(self, node_id: UUID) -> None:
        """See `OwnershipStore.forget_node`."""
        await self.free_unknown(node_id, ())
        async with self._sessions.autocommit() as session:
            await session.run(_SQL["forget_node"], [node_id])

    async def set_draining(self, node_id: UUID) -> None:
        """See `OwnershipStore.set_draining`."""
        async with self._sessions.autocommit() as session:
            await session.run(_SQL["set_draining"], [node_id])

    async def suspects(self, node_id: UUID) -> set[UUID]:
        """See `OwnershipStore.suspects`."""
        async with self._sessions.autocommit() as session:
            return {found for (found,) in await session.rows(_SQL["suspects"], [node_id])}

    async def declare_dead(self, node_ids: Sequence[UUID]) -> list[UUID]:
        """See `OwnershipStore.declare_dead`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["declare_dead"], [uuids(node_ids)])
        return [node_id for (node_id,) in rows]

    async def free_dead(self, limit: int) -> int:
        """See `OwnershipStore.free_dead`."""
        async with self._sessions.autocommit() as session:
            owners = [owner for (owner,) in await session.rows(_SQL["dead_owners"])]
        if not owners:
            return 0
        freed = await self._free(owners, limit, parked=False)
        if freed < limit:
            freed += await self._free(owners, limit - freed, parked=True)
        return freed

    async def free_unknown(self, node_id: UUID, known: Sequence[UUID]) -> int:
        """See `OwnershipStore.free_unknown`."""
        async with self._sessions.transaction() as session:
            rows = await session.rows(_SQL["lock_owned"], [node_id, uuids(known)])
            if not rows:
                return 0
            locked = uuids(run_id for (run_id,) in rows)
            return await session.run(_SQL["free_locked"], [locked, False])

    async def nodes(self) -> list[NodeInfo]:
        """See `ClientStore.nodes`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["nodes"])
        return [
            NodeInfo(
                id=row[0], host=row[1], pid=row[2], version=row[3], build=row[4],
                started_at=row[5], heartbeat_at=row[6], expires_at=row[7], dead_at=row[8],
                draining=row[9], queues=tuple(row[10]), capacity=row[11], owned_runs=row[12],
                workflows=tuple(row[13]), alive=row[14],
            )
            for row in rows
        ]  # fmt: skip

    async def _free(self, owners: Sequence[UUID], limit: int, *, parked: bool) -> int:
        async with self._sessions.transaction() as session:
            rows = await session.rows(
                _SQL["lock_abandoned"],
                [uuids(owners), parked, Packed(limit.to_bytes(4, "big"))],
            )
            if not rows:
                return 0
            locked = uuids(run_id for (run_id,) in rows)
            return await session.run(_SQL["free_locked"], [locked, True])


def _unpinned(pin: VersionPin) -> VersionPin:
    return VersionPin(pin.workflow)
