"""Notices within a second that another node died, and frees what it owned.

Missing session locks only propose; the store's compare-and-set on the node row decides, and the
fencing token protects every write (rule 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from uuid import UUID

from continuum.store.protocol import OwnershipStore, StoreUnavailable
from continuum.system import monotonic
from continuum.worker.membership import Membership
from continuum.worker.service import Service, Signal

LOOK = 0.32
"""Seconds between two looks; a node missing in two of them is proposed as dead."""

SWEEP = 2.0
"""Seconds between two sweeps for expired nodes and for leases nobody owns."""

IN_TIME = 1 / 5
"""Part of a TTL for one look and what follows: less than what a living node's lease has left."""

FREE_BATCH = 500


class Deaths(Service):
    """Looks at the other nodes' locks, declares the dead ones so, and frees their runs.

    What belongs to the dead is freed also by a node that may judge nobody for a while, as one that
    has just joined again: its own former runs among them.

    Args:
        freed: called when runs became claimable.
    """

    def __init__(
        self,
        store: OwnershipStore,
        random: Random,
        *,
        membership: Membership,
        freed: Callable[[], None],
        look: float = LOOK,
    ) -> None:
        super().__init__("deaths", random)
        self.declared: Signal[UUID] = Signal()
        self._store = store
        self._membership = membership
        self._freed = freed
        self._look = look
        self._missing: set[UUID] = set()
        self._sweep_at = 0.0

    async def iterate(self) -> None:
        """One look, and what follows from it."""
        await asyncio.sleep(self._look)
        judging, sweep = self._membership.may_judge(), monotonic() >= self._sweep_at
        if not judging:
            self._missing.clear()
            if not sweep:
                return
        try:
            # A sentence that waits for a connection might be passed on another primary, long
            # after we knew that we may judge.
            async with asyncio.timeout(self._membership.ttl * IN_TIME):
                dead = await self._judge() if judging else []
                if sweep:
                    self._sweep_at = monotonic() + SWEEP
                    if self._membership.may_judge():
                        dead += await self._store.declare_dead(())
            for node_id in dead:
                self.log.warning("node %s is dead; freeing its runs", node_id)
                self.declared.emit(node_id)
            if dead or sweep:
                await self._free()
        except (StoreUnavailable, TimeoutError) as error:
            # Our own connection was away: what we see of the others' means nothing for a while.
            self._missing.clear()
            self._membership.distrust()
            if isinstance(error, TimeoutError):
                raise StoreUnavailable("the other nodes could not be looked at in time") from error
            raise

    async def _judge(self) -> list[UUID]:
        missing = await self._store.suspects(self._membership.node_id)
        twice = missing & self._missing
        self._missing = missing
        if not twice or not self._membership.may_judge():
            return []
        self._missing = missing - twice
        return await self._store.declare_dead(sorted(twice))

    async def _free(self) -> None:
        while True:
            freed = await self._store.free_dead(FREE_BATCH)
            if freed:
                self._freed()
            if freed < FREE_BATCH:
                return
