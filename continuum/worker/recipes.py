"""Keeps the registry and the worker of one mind about the sets of patches that runs have taken.

Only for workflows with so many patches that not every set can be tried (rule 20): the sets that
exist are few, and each is registered by the worker whose run came to it.
"""

from __future__ import annotations

import asyncio
from random import Random

from continuum.declare.loaded import LoadedVersions
from continuum.store.protocol import OwnershipStore
from continuum.worker.membership import Membership
from continuum.worker.service import Service, Signal, wait_event


class Recipes(Service):
    """Registers new sets at once, and learns of those of other workers now and then.

    Args:
        every: seconds between two looks at the registry.

    Attributes:
        registered: after each registration, how many versions were new.
    """

    def __init__(
        self,
        store: OwnershipStore,
        random: Random,
        *,
        versions: LoadedVersions,
        membership: Membership,
        every: float,
    ) -> None:
        super().__init__("recipes", random)
        self.registered: Signal[int] = Signal()
        self._store = store
        self._versions = versions
        self._membership = membership
        self._every = every
        self._asked = asyncio.Event()

    def took(self, workflow: str, taken: frozenset[str]) -> None:
        """A run has taken these patches."""
        self._versions.learn(workflow, taken)
        if self._versions.unregistered:
            self._asked.set()

    async def learn(self) -> None:
        """Ask the registry."""
        for workflow, taken in await self._store.taken_patches(self._versions.many):
            self._versions.learn(workflow, taken)

    async def iterate(self) -> None:
        """Wait for a new set, or look for those of others."""
        if not await wait_event(self._asked, self._every):
            await self.learn()
        versions = self._versions
        if versions.unregistered:
            new = list(versions.unregistered)
            await self._membership.register(new, versions.sources, versions.facts)
            del versions.unregistered[: len(new)]
            self.registered.emit(len(new))
