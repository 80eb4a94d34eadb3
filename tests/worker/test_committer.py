"""The group commit loop alone, against a store that answers when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from random import Random
from uuid import UUID, uuid4

import pytest

from continuum.journal.turn import RunState, Turn, TurnStatus
from continuum.store.protocol import CommitResult, PayloadRejected, StoreUnavailable
from continuum.system import EPOCH
from continuum.worker.committer import MAX_BATCH, Committer
from continuum.worker.owned import OwnedRun


class Scripted:
    """A store whose next answers are put in by the test."""

    def __init__(self) -> None:
        self.batches: list[list[Turn]] = []
        self.called = asyncio.Event()
        self.answers: asyncio.Queue[BaseException | dict[UUID, TurnStatus] | None] = asyncio.Queue()

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        self.batches.append(list(turns))
        self.called.set()
        answer = await self.answers.get()
        if isinstance(answer, BaseException):
            raise answer
        statuses = {turn.run_id: TurnStatus.COMMITTED for turn in turns} | (answer or {})
        return CommitResult(statuses, EPOCH)

    async def allocate_tokens(self, count: int) -> list[int]:
        return list(range(count))

    async def wait_called(self) -> None:
        await asyncio.wait_for(self.called.wait(), 5)
        self.called.clear()


class Bench:
    """A committer, what it reported, and runs for it."""

    def __init__(self) -> None:
        self.store = Scripted()
        self.reported: list[tuple[UUID, object]] = []
        self.clock: list[datetime] = []
        self.ready = False
        self.committer = Committer(
            self.store,
            Random(1),
            on_committed=lambda run, status: self.reported.append((run.run_id, status)),
            on_rejected=lambda run, reason: self.reported.append((run.run_id, reason)),
            on_batch=lambda: None,
            observe=self.clock.append,
            more_follow=lambda: self.ready,
        )
        self.committer.node_id = uuid4()
        self.done = self.committer.committed.listen()

    def submit(self, count: int = 1) -> list[UUID]:
        """Hand in turns of fresh runs."""
        ids: list[UUID] = []
        for _ in range(count):
            run = OwnedRun(uuid4(), "flow", 1, 1, 1, RunState.RUNNING)
            run.in_flight = Turn(run.run_id, 1, 1, 1, [])
            self.committer.submit(run)
            ids.append(run.run_id)
        return ids


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A running committer."""
    bench = Bench()
    bench.committer.start()
    yield bench
    await bench.committer.stop()


async def test_what_gathers_during_a_commit_is_the_next_batch(bench: Bench) -> None:
    """One turn goes alone at once; the five that arrive meanwhile go together."""
    bench.submit()
    await bench.store.wait_called()
    bench.submit(5)
    bench.store.answers.put_nowait(None)
    await bench.store.wait_called()
    bench.store.answers.put_nowait(None)
    assert await asyncio.wait_for(bench.done.get(), 5) == 1
    assert await asyncio.wait_for(bench.done.get(), 5) == 5
    assert [len(batch) for batch in bench.store.batches] == [1, 5]
    assert bench.committer.idle
    assert bench.clock == [EPOCH, EPOCH]


async def test_a_batch_has_a_limit(bench: Bench) -> None:
    """More than the limit goes in two statements."""
    bench.submit(MAX_BATCH + 7)
    bench.store.answers.put_nowait(None)
    bench.store.answers.put_nowait(None)
    await asyncio.wait_for(bench.done.get(), 5)
    await asyncio.wait_for(bench.done.get(), 5)
    assert [len(batch) for batch in bench.store.batches] == [MAX_BATCH, 7]


async def test_turns_being_taken_now_join_the_batch(bench: Bench) -> None:
    """While runs are ready to be stepped the batch waits for their turns, without a timer."""
    bench.ready = True
    bench.submit()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bench.submit()
    assert bench.store.batches == []
    bench.ready = False
    bench.store.answers.put_nowait(None)
    assert await asyncio.wait_for(bench.done.get(), 5) == 2


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("a bug")])
async def test_after_any_error_the_same_batch_is_sent_again(bench: Bench, error: Exception) -> None:
    """Rule 2: an error reports nothing and fails nothing; the turns are resent unchanged."""
    ids = bench.submit(3)
    for answer in (error, error, None):
        bench.store.answers.put_nowait(answer)
    await asyncio.wait_for(bench.done.get(), 5)
    assert bench.reported == [(run_id, TurnStatus.COMMITTED) for run_id in ids]
    first, second, third = bench.store.batches
    assert first == second == third


async def test_a_refused_payload_concerns_its_run_alone(bench: Bench) -> None:
    """The culprit is reported with the reason, its neighbours with their status."""
    a, b, c = bench.submit(3)
    others = CommitResult({a: TurnStatus.COMMITTED, c: TurnStatus.FENCED}, EPOCH)
    bench.store.answers.put_nowait(PayloadRejected({b: "too big"}, others))
    await asyncio.wait_for(bench.done.get(), 5)
    assert bench.reported == [(a, TurnStatus.COMMITTED), (b, "too big"), (c, TurnStatus.FENCED)]


async def test_turns_of_a_lost_epoch_can_be_withdrawn(bench: Bench) -> None:
    """Only what was never sent comes back; what is in flight is still reported."""
    [sent] = bench.submit()
    await bench.store.wait_called()
    unsent = bench.submit(2)
    assert [run.run_id for run in bench.committer.withdraw_unsent()] == unsent
    bench.store.answers.put_nowait(None)
    await asyncio.wait_for(bench.done.get(), 5)
    assert bench.reported == [(sent, TurnStatus.COMMITTED)]
    assert bench.committer.idle
