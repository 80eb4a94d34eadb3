"""Calls made at the same time share commits and do not share blame."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from continuum.client.sharing import SharedCommits
from continuum.errors import DatabaseUnavailable


async def test_what_gathers_during_a_commit_is_the_next_batch() -> None:
    """The first call goes alone; all that come while it is in flight go together."""
    batches: list[list[int]] = []
    gate, begun = asyncio.Event(), asyncio.Event()

    async def commit(items: Sequence[int]) -> Sequence[int]:
        batches.append(list(items))
        begun.set()
        if len(batches) == 1:
            await gate.wait()
        return [item * 2 for item in items]

    shared = SharedCommits(commit, largest=4)
    first = asyncio.create_task(shared.submit(0))
    await begun.wait()
    rest = [asyncio.create_task(shared.submit(n)) for n in range(1, 7)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(first, *rest) == [0, 2, 4, 6, 8, 10, 12]
    assert batches == [[0], [1, 2, 3, 4], [5, 6]]


async def test_a_bad_item_fails_alone() -> None:
    """A refused batch is tried item by item."""

    async def commit(items: Sequence[int]) -> Sequence[int]:
        if 3 in items:
            raise ValueError("three")
        return list(items)

    shared = SharedCommits(commit)
    answers = await asyncio.gather(*(shared.submit(n) for n in range(5)), return_exceptions=True)
    assert [a for a in answers if isinstance(a, int)] == [0, 1, 2, 4]
    assert isinstance(answers[3], ValueError)


async def test_a_lost_database_fails_the_batch_once() -> None:
    """Nothing is tried again when the outcome is unknown: the callers decide."""
    calls = 0

    async def commit(items: Sequence[int]) -> Sequence[int]:
        nonlocal calls
        calls += 1
        raise DatabaseUnavailable

    shared = SharedCommits(commit)
    answers = await asyncio.gather(*(shared.submit(n) for n in range(5)), return_exceptions=True)
    assert all(isinstance(answer, DatabaseUnavailable) for answer in answers)
    assert calls == 1


async def test_closing_waits_for_what_was_submitted() -> None:
    """Items submitted before `close` are written."""
    written: list[int] = []

    async def commit(items: Sequence[int]) -> Sequence[None]:
        await asyncio.sleep(0)
        written.extend(items)
        return [None] * len(items)

    shared = SharedCommits(commit, largest=1)
    tasks = [asyncio.create_task(shared.submit(n)) for n in range(3)]
    await asyncio.sleep(0)
    await shared.close()
    assert written == [0, 1, 2]
    await asyncio.gather(*tasks)


async def test_a_caller_that_gives_up_disturbs_nobody() -> None:
    """A cancelled call's item may be written; the others get their answers."""
    gate = asyncio.Event()

    async def commit(items: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        return list(items)

    shared = SharedCommits(commit)
    tasks = [asyncio.create_task(shared.submit(n)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[0] == 0
    assert answers[2] == 2
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
