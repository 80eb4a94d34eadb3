"""Partitions of the journals by month: made ahead, and dropped when they are over and empty."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from psycopg import AsyncConnection, errors

from continuum.errors import ConfigurationError
from continuum.store.postgres.session import Session
from continuum.store.postgres.statements import statements
from continuum.store.retention import DroppedMonth

T = TypeVar("T")

TRIES: Final = 5
"""Times that a lock is asked for before it is left to the next time."""
PAUSE: Final = 0.2
"""Seconds between two tries, in which those who waited behind the last one go on."""

_SQL: Final = statements("months")
_PREFIX: Final = "continuum_events_"


async def make_months(connection: AsyncConnection[Any]) -> list[str]:
    """Make partitions for this month and the two after it, as far as it can be done now.

    Returns:
        The months made, such as "2026-11".

    Raises:
        ConfigurationError: the role in use may not have it done.
    """
    session = Session(connection)
    made: list[str] = []
    while step := await _patiently(partial(_step, session)):
        did, _, month = step.partition(" ")
        if did == "busy":
            break
        if did == "made":
            made.append(_month(month))
    return made


async def drop_months(connection: AsyncConnection[Any]) -> list[DroppedMonth]:
    """Drop the partitions of months that are over and have no rows left.

    Raises:
        ConfigurationError: the role in use may not have it done.
    """
    session = Session(connection)
    dropped: list[DroppedMonth] = []
    for (part,) in await session.rows(_SQL["over"]):
        given_back = await _patiently(partial(_drop, session, part))
        if given_back is not None:
            dropped.append(DroppedMonth(_month(part.removeprefix(_PREFIX)), given_back))
    return dropped


async def _step(session: Session) -> str | None:
    async with session.connection.transaction():
        await session.rows(_SQL["bounded"])
        [(step,)] = await session.rows(_SQL["make"])
    return step


async def _drop(session: Session, part: str) -> int | None:
    async with session.connection.transaction():
        await session.rows(_SQL["bounded"])
        [(given_back,)] = await session.rows(_SQL["drop"], [part])
    return given_back


async def _patiently(ask: Callable[[], Awaitable[T | None]]) -> T | None:
    """What it answers; None when somebody else keeps a lock that it needs.

    Raises:
        ConfigurationError: the role in use may not have it done.
    """
    for left in reversed(range(TRIES)):
        try:
            return await ask()
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if left:
                await asyncio.sleep(PAUSE)
        except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
            raise ConfigurationError(
                f"months of journals are neither made nor dropped: {error.diag.message_primary}",
                hint="the role in use needs DELETE on continuum_events, and the owner of the"
                " tables CREATE on schema public",
            ) from error
    return None


def _month(label: str) -> str:
    """As it is told: "2026-11", or "default"."""
    return label.replace("_", "-")
