"""Keeps the registry and the worker of one mind about the sets of patches that runs have taken.

Only for workflows with so many patches that not every set can be tried (rule 20): the sets that
exist are few, and each is registered by the worker whose run comes to it. The registration is
committed before the turn that gives the run its new version: if the process dies between the two,
the registry has a set that no run has; the other way round a run would wait for code that knows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from continuum.declare.loaded import LoadedVersions
from continuum.errors import DuplicateRun
from continuum.store.protocol import OwnershipStore
from continuum.worker.membership import Membership
from continuum.worker.owned import OwnedRun
from continuum.worker.service import Service, Signal, wait_event


class Recipes(Service):
    """Registers new sets at once, and learns of those of other workers now and then.

    Args:
        submit: takes a run whose turn may be committed.
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
        submit: Callable[[OwnedRun], None],
        every: float,
    ) -> None:
        super().__init__("recipes", random)
        self.registered: Signal[int] = Signal()
        self._store = store
        self._versions = versions
        self._membership = membership
        self._submit = submit
        self._every = every
        self._asked = asyncio.Event()
        self._held: list[OwnedRun] = []

    @property
    def idle(self) -> bool:
        """Whether no turn waits for the registration of its set."""
        return not self._held

    def stamp(self, run: OwnedRun, taken: frozenset[str]) -> None:
        """Submit a turn by which its run has taken these patches, once the registry knows them."""
        self._versions.learn(run.workflow_name, taken)
        if self._versions.unregistered or self._held:
            self._held.append(run)
            self._asked.set()
        else:
            self._submit(run)

    def unsent(self) -> list[OwnedRun]:
        """Runs whose start is held; what else is held belongs to the epoch that was lost."""
        return [run for run in self._held if run.created is not None]

    async def learn(self) -> None:
        """Ask the registry."""
        for workflow, taken in await self._store.taken_patches(self._versions.many):
            self._versions.learn(workflow, taken)

    async def iterate(self) -> None:
        """Wait for a new set, or look for those of others."""
        if not self._held and not await wait_event(self._asked, self._every):
            await self.learn()
        versions = self._versions
        if versions.unregistered:
            new = list(versions.unregistered)
            await self._membership.register(new, versions.sources, versions.facts)
            del versions.unregistered[: len(new)]
            self.registered.emit(len(new))
        if not versions.unregistered:
            held, self._held = self._held, []
            for run in held:
                if not run.dropped:
                    self._submit(run)
                else:
                    run.refuse(DuplicateRun(f"run {run.run_id} exists already"))
