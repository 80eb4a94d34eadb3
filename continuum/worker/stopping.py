"""SIGTERM and SIGINT ask a worker to drain."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager


class StopRequest:
    """Whether this worker was asked to stop."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._heeding = False

    @contextmanager
    def heeding_signals(self) -> Generator[None]:
        """Inside, the signals ask instead of ending the process; once for both when nested.

        It has to begin before the node joins: whoever sees the node may send one at once.
        """
        if self._heeding:
            yield
            return
        loop = asyncio.get_running_loop()
        self._heeding = True
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked.set)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            self._heeding = False

    async def wait(self) -> None:
        """Until it was."""
        await self._asked.wait()
