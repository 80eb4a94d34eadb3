"""The ways in which a step interrupts a wait, each after some virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import continuum


class Unfortunate(Exception):
    """How a run fails that is to fail."""


async def cancel_all(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel all and let them clean up."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _by_timeout(wait: Coroutine[Any, Any, Any], limit: float) -> None:
    try:
        async with asyncio.timeout(limit):
            await wait
    except TimeoutError:
        return


async def _by_wait_for(wait: Coroutine[Any, Any, Any], limit: float) -> None:
    try:
        await asyncio.wait_for(wait, limit)
    except TimeoutError:
        return


async def _by_cancel(wait: Coroutine[Any, Any, Any], limit: float) -> None:
    task = asyncio.create_task(wait)
    try:
        await continuum.sleep(limit)
    finally:
        await cancel_all([task])
    _must_have_waited(task)


async def _by_race(wait: Coroutine[Any, Any, Any], limit: float) -> None:
    tasks = [asyncio.create_task(wait), asyncio.create_task(continuum.sleep(limit))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_all(tasks)
    _must_have_waited(tasks[0])


def _must_have_waited(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.result()


async def _by_group(wait: Coroutine[Any, Any, Any], limit: float) -> None:
    async def give_up() -> None:
        await continuum.sleep(limit)
        raise Unfortunate

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait)
            group.create_task(give_up())
    except* Unfortunate:
        pass


INTERRUPTIONS: Final = {"timeout": _by_timeout, "wait_for": _by_wait_for, "cancel": _by_cancel,
                 "race": _by_race, "group": _by_group}  # fmt: skip
