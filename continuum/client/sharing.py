"""Lets calls made at the same time share one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from continuum.errors import DatabaseUnavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class SharedCommits(Generic[Item, Answer]):
    """Commits whatever gathered while the previous commit was in flight as one batch.

    A lone call pays one commit of latency, a thousand share it; there is no timer. When a batch is
    refused (not: the database is away), its items are tried one by one, so one caller's bad item
    fails only that caller.

    Args:
        commit: writes a batch in one transaction and answers one result an item.
        largest: items in one batch.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        largest: int = 500,
    ) -> None:
        self._commit = commit
        self._largest = largest
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Answer:
        """Write `item` with the next batch and give its result."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name="continuum-shared-commits")
        return await future

    async def close(self) -> None:
        """Wait until everything submitted has been answered."""
        if self._flusher is not None:
            await asyncio.shield(self._flusher)

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._largest]
                del self._waiting[: self._largest]
                await self._write(batch)
        finally:
            self._flusher = None

    async def _write(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._commit([item for item, _ in batch])
        except asyncio.CancelledError:
            _fail(batch, DatabaseUnavailable("the client was closed before the commit ended"))
            raise
        except DatabaseUnavailable as error:
            _fail(batch, error)
        except Exception as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            for entry in batch:
                await self._write([entry])
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(batch: Sequence[tuple[Any, asyncio.Future[Any]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
