"""Claimed runs that have not yet shown that they can be stepped (rule 23).

A run that takes its process down is counted against every run that had committed nothing since it
was claimed. So whoever is already suspected is claimed only when nobody else is on probation, and
nobody else while it is: then the count tells the poison from its neighbours.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final
from uuid import UUID

PATIENCE: Final = 10.0
"""Seconds after which a run that cannot commit (the database refuses its turn) holds nobody up."""


class Probation:
    """The claimed runs whose first step is not known to be durable."""

    def __init__(self) -> None:
        self._runs: set[UUID] = set()
        self._over = asyncio.Event()
        self._over.set()

    def begin(self, run_id: UUID) -> None:
        """It was claimed."""
        self._runs.add(run_id)
        self._over.clear()

    def end(self, run_id: UUID) -> None:
        """It has committed what it did, had nothing to do, or is not ours any more."""
        if self._runs:
            self._runs.discard(run_id)
            if not self._runs:
                self._over.set()

    async def over(self) -> None:
        """Wait until no run is on probation, with patience."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._over.wait()
