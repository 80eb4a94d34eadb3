"""Tasks and futures whose hash is their creation number, so sets of them iterate alike everywhere.

asyncio walks sets of tasks (a failing TaskGroup, `wait`, `as_completed`). The default hash is
the memory address; a replay in another process would then issue commands in another order.
"""

from __future__ import annotations

import asyncio
from asyncio import tasks as _asyncio_tasks
from builtins import set as builtin_set
from collections.abc import Callable, Iterable
from typing import Any, Protocol


class Abandonable(Protocol):
    """The durable command behind a future."""

    def abandon(self) -> None:
        """The awaiting code gave up."""
        ...


class DurableFuture(asyncio.Future[Any]):
    """A future of a run's own loop."""

    __slots__ = ("order",)

    order: int

    def __hash__(self) -> int:
        return self.order


class CommandFuture(DurableFuture):
    """The outcome of a command; cancelling it abandons the command."""

    __slots__ = ("command",)

    command: Abandonable

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel, and tell the command that nobody waits for it any more."""
        if not super().cancel(msg):
            return False
        self.command.abandon()
        return True


class DurableTask(asyncio.Task[Any]):
    """A task of a run's own loop."""

    __slots__ = ("order",)

    def __init__(self, coro: Any, order: int, **options: Any) -> None:
        self.order = order  # before Task.__init__, which puts the task into a set
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.order


def _ordered_when_durable(iterable: Iterable[Any] = ()) -> Any:
    """What `set(...)` means inside `asyncio.tasks`: in a run, duplicates go but order stays.

    `as_completed` and `wait` start from `set(aws)`; coroutine objects in a set come out in the
    order of their addresses.
    """
    running = asyncio._get_running_loop()
    if running is not None and hasattr(running, "continuum_run"):
        ordered = tuple(dict.fromkeys(iterable))
        return ordered or builtin_set[Any]()
    return builtin_set(iterable)


def _gathering_hash(original: Callable[[Any], int]) -> Callable[[Any], int]:
    def hash_of(future: Any) -> int:
        loop = future.get_loop()
        if not hasattr(loop, "continuum_run"):
            return original(future)
        order = getattr(future, "continuum_order", None)
        if order is None:
            order = future.continuum_order = loop.next_order()
        return order

    return hash_of


def install_ordering() -> None:
    """Give `asyncio.tasks` deterministic sets on our loops; all other loops are left alone."""
    module: Any = _asyncio_tasks
    if getattr(module, "set", None) is not _ordered_when_durable:
        module.set = _ordered_when_durable
        gathering = module._GatheringFuture
        gathering.__hash__ = _gathering_hash(gathering.__hash__)
