"""What one worker of all does now and then, for all of them."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from random import Random
from typing import Final

from continuum.errors import ConfigurationError
from continuum.store.retention import RetentionStore
from continuum.worker.service import Service, Signal

MOST: Final = 60.0
"""Seconds from the start of a worker to its first look at whether a duty is due, at most."""

DAY: Final = 86400.0
HOUR: Final = 3600.0


class Duty(Service):
    """Something that is done every so often by whoever looks first.

    Whose turn it is, is decided in the store. A worker that dies meanwhile leaves the rest to the
    next time.

    Args:
        name: of the service, for its log.
        duty: by which the store knows it.
        every: seconds from one time to the next.
        look: seconds between two looks at whether it is due, at most; the first comes earlier.
    """

    def __init__(
        self,
        name: str,
        duty: str,
        store: RetentionStore,
        random: Random,
        every: float,
        look: float = MOST,
    ) -> None:
        super().__init__(name, random)
        self._duty = duty
        self._store = store
        self._random = random
        self._every = every
        self._look = min(every, look)
        self._wait = min(every, MOST)

    async def iterate(self) -> None:
        """One look."""
        await asyncio.sleep(self._wait * (0.5 + self._random.random() / 2))
        if await self._store.take_duty(self._duty, self._every):
            await self.perform()
        self._wait = self._look

    @abstractmethod
    async def perform(self) -> None:
        """Do it: it is due, and nobody else's."""


class MakingMonths(Duty):
    """Makes room for the journals of months to come, once a day.

    Attributes:
        made: the months that were made each time.
    """

    def __init__(self, store: RetentionStore, random: Random, every: float = DAY) -> None:
        super().__init__("months", "months", store, random, every, look=HOUR)
        self.made: Signal[tuple[str, ...]] = Signal()

    async def perform(self) -> None:
        """See `Duty`."""
        try:
            made = tuple(await self._store.make_months())
        except ConfigurationError as error:
            # Journals go to the default partition then: all works, but no disk is given back.
            self.log.warning("%s (%s, or run continuum migrate once a month)", error, error.hint)
            made = ()
        if made:
            self.log.info("made room for the journals of %s", ", ".join(made))
        self.made.emit(made)
