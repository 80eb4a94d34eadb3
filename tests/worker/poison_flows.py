"""Workflows for worker processes of which one takes its process down."""

from __future__ import annotations

import os
import time

from continuum import activity, wait_signal, workflow

EXIT_CODE = 9


@activity
async def double(x: int) -> int:
    return 2 * x


@workflow
async def poison() -> None:
    """Ends the whole process in its first step, as a segmentation fault or a full memory does."""
    os._exit(EXIT_CODE)


@workflow
async def neighbour(x: int) -> int:
    """An honest run that is claimed beside it."""
    return await double(x)


@workflow
async def patient_neighbour() -> str:
    """One that is parked when the process goes down."""
    return await wait_signal("go", type=str)


@workflow
async def blocks(seconds: float) -> int:
    """Never lets the event loop go on; answers which process it blocked."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
    return os.getpid()
