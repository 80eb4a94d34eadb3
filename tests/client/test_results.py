"""Waiting for results: decoded, bounded, woken from wherever the run ends."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from continuum import Continuum
from continuum.client.waiting import EndWaiter
from continuum.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    ResultTimeout,
    RunNotFound,
    WorkflowFailed,
)
from continuum.journal.turn import RunEnd, RunState
from tests.client.flows import Order, approval, failing, total

ROOT = Path(__file__).parents[2]
SERVE = """
import asyncio, sys
from continuum import Continuum
from tests.client.flows import ALL

async def serve():
    async with Continuum(sys.argv[1]) as ct, ct.worker(ALL) as worker:
        print("ready", flush=True)
        await worker.run()

asyncio.run(serve())
"""


@asynccontextmanager
async def worker_process(dsn: str, **environment: str) -> AsyncIterator[None]:
    """A worker in a process of its own, stopped by SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, dsn,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_a_handle_restores_types_and_an_id_gives_plain_json(dsn: str) -> None:
    """The handle knows the workflow's annotation; `result` by id does not, fast or slow path."""
    async with Continuum(dsn) as ct, Continuum(dsn) as other, ct.worker([total]):
        run = await ct.start(total, Order("o1", 4))
        assert await run.result(timeout=10) == Order("o1", 8)
        for client in (ct, other):
            assert await client.result(str(run.id), timeout=10) == {"id": "o1", "cents": 8}
        again = await other.start(total, Order("o1", 4), run_id=run.id)
        assert await again.result(timeout=10) == Order("o1", 8)
        row = await run.get()
        assert row.output == {"id": "o1", "cents": 8}
        assert row.completed_at is not None
        assert row.duration == row.completed_at - row.started_at


async def test_a_failure_is_raised_with_its_type(dsn: str) -> None:
    """WorkflowFailed carries the error's type, text and traceback; the snapshot agrees."""
    async with Continuum(dsn) as ct, ct.worker([failing]):
        run = await ct.start(failing, "no stock")
        with pytest.raises(WorkflowFailed) as raised:
            await run.result(timeout=10)
        error = (await run.get()).error
        assert error is not None
        assert raised.value.type.endswith("ValueError")
        assert (error.type, error.message) == (raised.value.type, "no stock")
        assert "no stock" in (raised.value.details or "")


@pytest.mark.parametrize("hints", ["on", "off"])
async def test_waiters_are_woken_by_another_process(
    dsn: str, hints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty waiters in this process see runs end in another, with hints and by the poll alone."""
    monkeypatch.setenv("CONTINUUM_HINTS", hints)
    async with worker_process(dsn, CONTINUUM_HINTS=hints), Continuum(dsn) as ct:
        runs = await asyncio.gather(*(ct.start(approval, str(n)) for n in range(50)))
        waiting = [asyncio.create_task(run.result(timeout=30)) for run in runs]
        await asyncio.gather(*(run.signal("go", "yes") for run in runs))
        assert await asyncio.gather(*waiting) == [f"{n}: yes" for n in range(50)]


async def test_waiting_is_bounded_and_harmless(dsn: str) -> None:
    """A time-out raises ResultTimeout, also a TimeoutError; the run goes on and can end later."""
    async with Continuum(dsn) as ct:
        run = await ct.start(approval, "x")
        with pytest.raises(ResultTimeout):
            await run.result(timeout=0.05)
        with pytest.raises(TimeoutError):
            await ct.result(run.id, 0)
        with pytest.raises(RunNotFound):
            await ct.result(uuid4(), timeout=10)
        for wrong in (-1, float("nan")):
            with pytest.raises(ConfigurationError):
                await run.result(timeout=wrong)
        async with ct.worker([approval]):
            await run.signal("go", "late")
            assert await run.result(timeout=10) == "x: late"


class _Silent:
    """A listener that hears nothing, and fails a few times before it listens."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.started = asyncio.Event()
        self.closed = False

    async def start(self) -> None:
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailable
        self.started.set()

    async def close(self) -> None:
        self.closed = True


class _Connecting(_Silent):
    """A listener that never gets its connection, so its start changes nothing."""

    async def start(self) -> None:
        await asyncio.Event().wait()


DONE = RunEnd(RunState.COMPLETED, b"1")


async def test_a_lost_hint_and_a_lost_database_only_delay() -> None:
    """With reads failing and no hint ever, the poll finds the end as soon as it can be read."""
    run_id, reads = uuid4(), 0

    async def ends(run_ids: Sequence[UUID]) -> Mapping[UUID, RunEnd | None]:
        nonlocal reads
        reads += 1
        if reads in (2, 3):
            raise DatabaseUnavailable
        return dict.fromkeys(run_ids, DONE if reads > 4 else None)

    listener = _Silent(failures=2)
    waiter = EndWaiter(ends, lambda *_: listener, poll=0.01)
    assert await asyncio.wait_for(waiter.wait(run_id), 5) == DONE
    await asyncio.wait_for(listener.started.wait(), 5)
    await waiter.close()
    assert listener.closed
    assert reads == 5


async def test_all_waiters_share_one_read() -> None:
    """A thousand waits at once are two reads, not a thousand."""
    batches: list[int] = []

    async def ends(run_ids: Sequence[UUID]) -> Mapping[UUID, RunEnd | None]:
        batches.append(len(run_ids))
        return dict.fromkeys(run_ids, DONE)

    waiter = EndWaiter(ends, lambda *_: _Silent(), poll=60)
    await asyncio.gather(*(waiter.wait(uuid4()) for _ in range(1000)))
    assert batches == [500, 500]
    await waiter.close()


async def test_closing_tells_whoever_still_waits() -> None:
    """A wait does not hang for ever when its client is closed."""

    async def ends(run_ids: Sequence[UUID]) -> Mapping[UUID, RunEnd | None]:
        looked.set()
        return dict.fromkeys(run_ids)

    looked = asyncio.Event()
    waiter = EndWaiter(ends, lambda *_: _Silent(), poll=60)
    waiting = asyncio.create_task(waiter.wait(uuid4()))
    await looked.wait()
    await waiter.close()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await waiting


async def test_an_end_in_this_process_needs_no_read() -> None:
    """A worker here delivers the end to waiters, and to those who ask a moment later."""
    run_id = uuid4()
    read = asyncio.Event()

    async def ends(run_ids: Sequence[UUID]) -> Mapping[UUID, RunEnd | None]:
        read.set()
        return dict.fromkeys(run_ids)

    waiter = EndWaiter(ends, lambda *_: _Silent(), poll=60)
    waiting = asyncio.create_task(waiter.wait(run_id))
    await read.wait()
    waiter.deliver(run_id, DONE)
    assert await waiting == DONE
    read.clear()
    assert await waiter.wait(run_id) == DONE
    assert not read.is_set()
    await waiter.close()


async def test_one_unreadable_result_fails_alone() -> None:
    """A result that cannot be opened is raised where it is awaited, and nowhere else."""
    bad, good = uuid4(), [uuid4() for _ in range(5)]

    async def ends(run_ids: Sequence[UUID]) -> Mapping[UUID, RunEnd | None]:
        if bad in run_ids:
            raise ValueError("wrong key")
        return dict.fromkeys(run_ids, DONE)

    waiter = EndWaiter(ends, lambda *_: _Silent(), poll=60)
    waits = [waiter.wait(run_id) for run_id in (bad, *good)]
    answers = await asyncio.gather(*waits, return_exceptions=True)
    assert isinstance(answers[0], ValueError)
    assert answers[1:] == [DONE] * 5
    await waiter.close()


async def test_a_bare_hint_does_not_read_runs_taken_here() -> None:
    """Runs that this process will deliver are read by the next poll, not at every bare hint."""
    here, elsewhere = uuid4(), uuid4()
    looks: list[set[UUID]] = []
    begun = asyncio.Event()

    async def ends(run_ids: Sequence[UUID]) -> Mapping[UUID, RunEnd | None]:
        looks.append(set(run_ids))
        begun.set()
        return {each: None if len(looks) == 1 else DONE for each in run_ids}

    waiter = EndWaiter(ends, lambda *_: _Connecting(), poll=60)
    taken = asyncio.create_task(waiter.wait(here, here=True))
    other = asyncio.create_task(waiter.wait(elsewhere))
    await begun.wait()
    waiter.hint(())
    assert await other == DONE
    waiter.look_at_all()
    assert await taken == DONE
    assert looks[:2] == [{elsewhere}, {elsewhere}]
    assert here in looks[-1]
    await waiter.close()


async def test_a_run_taken_here_is_asked_for_only_when_it_takes_long() -> None:
    """A wait that this process answers reads nothing and opens no listener; a long one does."""
    quick, slow = uuid4(), uuid4()
    looks: list[set[UUID]] = []
    listener = _Silent()

    async def ends(run_ids: Sequence[UUID]) -> Mapping[UUID, RunEnd | None]:
        looks.append(set(run_ids))
        return dict.fromkeys(run_ids, DONE)

    waiter = EndWaiter(ends, lambda *_: listener, poll=0.01)
    waiting = asyncio.create_task(waiter.wait(quick, here=True))
    await asyncio.sleep(0)
    waiter.deliver(quick, DONE)
    assert await waiting == DONE
    assert not looks
    assert not listener.started.is_set()
    assert await asyncio.wait_for(waiter.wait(slow, here=True), 10) == DONE
    assert looks == [{slow}]
    await asyncio.wait_for(listener.started.wait(), 10)
    await waiter.close()
