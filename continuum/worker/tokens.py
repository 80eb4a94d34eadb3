"""Fencing tokens in stock, so that starting a run here costs no round trip of its own."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from continuum.store.protocol import StoreUnavailable, TurnStore

BLOCK = 2000
LOW = 500

log = logging.getLogger("continuum.worker.tokens")


class Tokens:
    """A stock of unused tokens, refilled in the background before it is empty."""

    def __init__(self, store: TurnStore, *, block: int = BLOCK, low: int = LOW) -> None:
        self._store = store
        self._block = block
        self._low = low
        self._stock: deque[int] = deque()
        self._refill: asyncio.Task[None] | None = None
        self._refilled = asyncio.Event()

    def take_nowait(self) -> int | None:
        """A token, or None when the stock is empty; a refill is then under way."""
        if len(self._stock) <= self._low and self._refill is None:
            self._refilled.clear()
            self._refill = asyncio.create_task(self._fill(), name="continuum:tokens")
            self._refill.add_done_callback(self._filled)
        return self._stock.popleft() if self._stock else None

    async def take(self) -> int:
        """A token. Raises what the store raises."""
        while (token := self.take_nowait()) is None:
            refill = self._refill
            assert refill is not None
            await self._refilled.wait()
            refill.result()
        return token

    async def close(self) -> None:
        """Stop refilling."""
        if self._refill is not None:
            self._refill.cancel()
            await asyncio.gather(self._refill, return_exceptions=True)

    async def _fill(self) -> None:
        try:
            self._stock.extend(await self._store.allocate_tokens(self._block))
        except StoreUnavailable:
            if not self._stock:
                raise
            log.info("no new tokens now; %d left", len(self._stock))

    def _filled(self, refill: asyncio.Task[None]) -> None:
        self._refill = None
        self._refilled.set()
