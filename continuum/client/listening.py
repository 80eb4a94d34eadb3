"""One listener for all who wait in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from continuum.client.waiting import Listen, Listener


class SharedListener:
    """A listener that several take part in: they hear the same, over one connection.

    Args:
        build: makes the listener behind it.
    """

    def __init__(self, build: Listen) -> None:
        self._listener = build(self._hint, self._reconnected)
        self._members: list[tuple[Callable[[Sequence[UUID]], None], Callable[[], None]]] = []
        self._starting = asyncio.Lock()
        self._started = False

    def join(
        self, on_hint: Callable[[Sequence[UUID]], None], on_reconnect: Callable[[], None]
    ) -> Listener:
        """Take part; a `Listen`. Whoever starts it first starts it for all."""
        self._members.append((on_hint, on_reconnect))
        return self

    async def start(self) -> None:
        """See `Listener`."""
        async with self._starting:
            if not self._started:
                await self._listener.start()
                self._started = True

    async def close(self) -> None:
        """See `Listener`; for all."""
        if self._started:
            self._started = False
            await self._listener.close()

    def _hint(self, run_ids: Sequence[UUID]) -> None:
        for on_hint, _ in self._members:
            on_hint(run_ids)

    def _reconnected(self) -> None:
        for _, on_reconnect in self._members:
            on_reconnect()
