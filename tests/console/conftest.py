"""What all tests of the console share."""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import Any

import pytest

FRAME = 0.02
"""Seconds; layouts and paints wait for the screen's timer, which ticks sixty times a second."""

QUIET_TURNS = 3


async def loop_is_idle(_least: float = 0.0, most: float = 1.0, *, after: float = 0.0) -> None:
    """Until the event loop has nothing left that it could run at once."""
    loop: Any = asyncio.get_running_loop()
    end = monotonic() + most
    await asyncio.sleep(after)
    quiet = 0
    while quiet < QUIET_TURNS and monotonic() < end:
        await asyncio.sleep(0)
        quiet = 0 if loop._ready else quiet + 1


@pytest.fixture(autouse=True)
def pilots_look_at_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's own wait takes the CPU time of the process for work of the app.

    It is 40 ms at least for each key, and its limit of a second where a worker or a live screen
    runs beside it. What comes from a timer, a thread or a socket is waited for by name.
    """
    monkeypatch.setattr("textual.app.wait_for_idle", loop_is_idle)
    monkeypatch.setattr("textual.pilot.wait_for_idle", partial(loop_is_idle, after=FRAME))
