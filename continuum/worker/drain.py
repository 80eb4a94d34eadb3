"""Leaving in good order, within a bound, whether or not the database answers.

Nothing new is taken; activities finish until shortly before the deadline and the rest is
cancelled; what they did is committed; every run is given back, ready where work remains; the
node row goes. What could not be given back in time is found by the others: the session locks go
with the process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from continuum.store.protocol import OwnershipStore, Release, StoreUnavailable
from continuum.worker.committer import Committer
from continuum.worker.membership import Membership
from continuum.worker.owned import OwnedRun
from continuum.worker.ownership import Releases
from continuum.worker.recipes import Recipes
from continuum.worker.runner import Runner
from continuum.worker.service import Service
from continuum.worker.serving import Serving
from continuum.worker.timers import Timers

RESERVE = 2.0
"""Seconds of the drain time kept for commits and for giving leases back, at most a quarter."""

MIN_GOODBYE = 0.5
"""Seconds the node row's removal may take even when the time is over."""

SETTLE_LOOK = 0.005

log = logging.getLogger("continuum.worker.drain")


class Drain:
    """Empties one node; used once."""

    def __init__(
        self,
        store: OwnershipStore,
        *,
        runner: Runner,
        committer: Committer,
        serving: Serving,
        timers: Timers,
        releases: Releases,
        membership: Membership,
        recipes: Recipes,
        takers: list[Service],
    ) -> None:
        self._store = store
        self._runner = runner
        self._committer = committer
        self._serving = serving
        self._activities = serving.activities
        self._timers = timers
        self._releases = releases
        self._membership = membership
        self._recipes = recipes
        self._takers = takers
        self._deadline = 0.0

    async def run(self, timeout: float) -> None:
        """Give everything back within about `timeout` seconds."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + timeout
        reserve = min(RESERVE, timeout / 4)
        self._timers.stop()
        self._activities.close()
        await self._serving.tasks.stop_claiming()
        for service in self._takers:
            await service.stop()
        await self._try("going off duty", self._store.set_draining(self._membership.node_id), 1.0)
        await self._finish_activities(self._deadline - reserve)
        await self._try("answering tasks", self._serving.tasks.finish(), MIN_GOODBYE)
        await self._serving.heartbeats.stop()
        await self._settle()
        await self._recipes.stop()
        await self._give_back()
        await self._try("removing the node row", self._membership.leave(), MIN_GOODBYE)

    def _left(self) -> float:
        return max(self._deadline - asyncio.get_running_loop().time(), 0.0)

    async def _try(self, what: str, work: Awaitable[Any], least: float) -> None:
        """Bounded and best effort."""
        try:
            await asyncio.wait_for(work, max(self._left(), least))
        except (TimeoutError, StoreUnavailable) as error:
            log.warning("%s: %s", what, error or "no answer in time")
        except Exception:
            log.exception("%s failed", what)

    async def _finish_activities(self, until: float) -> None:
        """Completions are committed meanwhile; what they schedule is not started any more."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(self._activities.wait_quiet(), max(until - loop.time(), 0.0))
        except TimeoutError:
            log.warning("%d activities did not end in time", self._activities.running)
            await self._try("storing progress", self._serving.heartbeats.flush(), MIN_GOODBYE)
            self._activities.cancel_running()
            await asyncio.sleep(0)

    async def _settle(self) -> None:
        """Until every step is taken and every turn is answered, or the time is over."""
        while not (self._runner.settled and self._recipes.idle and self._committer.idle):
            if not self._left():
                log.warning("some turns were not committed in time")
                return
            await asyncio.sleep(SETTLE_LOOK)

    async def _give_back(self) -> None:
        frozen: list[tuple[OwnedRun, Release]] = self._releases.take_frozen()
        frozen += [
            (run, self._releases.freeze(run))
            for run in list(self._runner.runs.values())
            if run.in_flight is None
        ]
        if frozen:
            await self._try(
                f"giving {len(frozen)} runs back", self._releases.give_back(frozen), MIN_GOODBYE
            )
