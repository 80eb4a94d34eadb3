"""Workflows that schedules start."""

from __future__ import annotations

from datetime import datetime

import continuum
from continuum import workflow


@workflow
async def tick(due: datetime | None = None) -> str | None:
    return None if due is None else due.isoformat()


@workflow
async def slow() -> str:
    return await continuum.wait_signal("end", type=str)


@workflow
async def failing() -> None:
    raise RuntimeError("no paper left")
