"""Which live runs are replayed, in batches of bounded work."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from heapq import heappush, heappushpop
from typing import Final
from uuid import UUID

from continuum.model import RunState
from continuum.query.tree import Condition, Field, OneOf, Query, all_of
from continuum.store.journals import LiveRun, ReplaySource

BATCH_RUNS: Final = 200
BATCH_EVENTS: Final = 20_000
_PAGE: Final = 2_000
_COUNTING: Final = 2.0
"""Seconds that the total, which only a progress bar shows, may take to count."""
_LIVE: Final = OneOf(Field("state"), (RunState.RUNNING.value, RunState.SUSPENDED.value))


class Selection:
    """The live runs to replay.

    Args:
        source: where they are.
        where: only those that match.
        sample: only so many. Which ones depends on their ids alone, so the next replay takes
            the same ones, as far as they are still live.
        per_version: so many of each version instead.
    """

    def __init__(
        self,
        source: ReplaySource,
        where: Query | None = None,
        sample: int | None = None,
        *,
        per_version: bool = False,
    ) -> None:
        self._source = source
        self._where = where
        self._sample = sample
        self._per_version = per_version

    async def total(self) -> int:
        """How many there are at most, about."""
        query = self._query()
        counts = await self._source.reads.count(query, (), budget=_COUNTING)
        found = counts.groups[0].count
        return found if self._sample is None or self._per_version else min(found, self._sample)

    async def batches(self) -> AsyncGenerator[list[UUID]]:
        """Their ids, so many at a time as are about the same work."""
        found = self._all() if self._where is None else self._matching()
        batch: list[UUID] = []
        events = 0
        async for run in found if self._sample is None else self._sampled(found, self._sample):
            if batch and (len(batch) == BATCH_RUNS or events + run.events > BATCH_EVENTS):
                yield batch
                batch, events = [], 0
            batch.append(run.run_id)
            events += run.events
        if batch:
            yield batch

    def _query(self) -> Query:
        where = self._where or Query(None)
        condition: Condition = all_of([_LIVE, where.condition])
        return replace(where, condition=condition)

    async def _all(self) -> AsyncIterator[LiveRun]:
        after: UUID | None = None
        while page := await self._source.journals.live_runs(after, _PAGE):
            for run in page:
                yield run
            after = page[-1].run_id

    async def _matching(self) -> AsyncIterator[LiveRun]:
        query, cursor = self._query(), None
        while True:
            page = await self._source.reads.search(query, _PAGE, cursor, payloads=False)
            ids = [run.id for run in page.entries]
            for run in await self._source.journals.live_among(ids):
                yield run
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _sampled(self, found: AsyncIterator[LiveRun], size: int) -> AsyncIterator[LiveRun]:
        """Those whose digests are smallest: any of them, but the same ones each time."""
        chosen: dict[int, list[tuple[int, UUID, LiveRun]]] = defaultdict(list)
        async for run in found:
            heap = chosen[run.version_id if self._per_version else 0]
            digest = hashlib.blake2b(run.run_id.bytes, digest_size=8).digest()
            item = (-int.from_bytes(digest, "big"), run.run_id, run)
            if len(heap) < size:
                heappush(heap, item)
            else:
                heappushpop(heap, item)
        for heap in chosen.values():
            for _, _, run in heap:
                yield run
