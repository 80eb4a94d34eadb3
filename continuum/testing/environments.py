"""`environment`: everything a workflow needs, in one process, without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack
from uuid import UUID

from continuum.client.client import Continuum
from continuum.client.handle import RunHandle
from continuum.client.identifiers import parse_run
from continuum.client.start_options import StartOptions
from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.declare.activity import Activity
from continuum.declare.workflow import Startable, Workflow
from continuum.model import HistoryEvent
from continuum.store.memory.clock import NOON, MemoryClock
from continuum.store.memory.wake import MemoryHints
from continuum.system import new_run_id
from continuum.testing.backend import MemoryBackend, MemoryClient
from continuum.testing.faults import ActivityFaults, CrashingStore, Error, Moment
from continuum.testing.skipping import TimeSkipper
from continuum.worker.node import Worker

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")

BUILD = "testing"
NEVER = 1e9
"""Seconds: a debugger may hold a workflow step for as long as it likes."""

_ALL = 1_000_000


class Environment:
    """A client, a worker and a clock for one test; made by `environment`.

    Attributes:
        client: the public client; every call of it works, `start(connection=)` excepted.
        store, faults: what is underneath, for tools of this package.
    """

    def __init__(
        self,
        workflows: Iterable[Workflow[..., Any]],
        activities: Iterable[Activity[..., Any]],
        *,
        start_at: datetime,
        skip_time: bool,
        codec: PayloadCodec,
        random: Random | None,
        options: Mapping[str, Any],
        new_id: Callable[[], UUID] = new_run_id,
    ) -> None:
        self._workflows = list(workflows)
        self._activities = list(activities)
        self._options: dict[str, Any] = {
            "build": BUILD, "exit_after": NEVER, "random": random or Random(0), **options,
        }  # fmt: skip
        self.faults = ActivityFaults()
        self.store = store = CrashingStore(MemoryClock(start_at), codec)
        store.on_crash = self._crashed
        self._hints = MemoryHints()
        self._skipper = TimeSkipper(store, self._hints, automatic=skip_time)
        self._backend = MemoryBackend(store, self._hints, self._skipper)
        self._new_id = new_id
        self._losing = asyncio.Lock()
        self._recovery: asyncio.Task[None] | None = None
        self.client: Continuum = MemoryClient(self._backend)

    # -- runs ----------------------------------------------------------------------------------

    async def start(
        self,
        flow: Startable[*Ts, R],
        *args: *Ts,
        **options: Unpack[StartOptions],
    ) -> RunHandle[R]:
        """Start a run; as `Continuum.start`.

        The run is written before a worker takes it, so a crash injected at any commit finds it.

        Example:
            run = await env.start(order_flow, Order("o1", 4200), attributes={"plan": "pro"})
        """
        if options.get("run_id") is None:
            options["run_id"] = self._new_id()
        return await self.client.start(flow, *args, **options)

    async def run(self, flow: Startable[*Ts, R], *args: *Ts) -> R:
        """Start a run and wait for its result, skipping the time it waits.

        Raises:
            WorkflowFailed, WorkflowCancelled: it ended so.
            Stalled: nothing can bring the result any more.

        Example:
            assert await env.run(order_flow, Order("o1", 4200)) == "shipped"
        """
        handle = await self.start(flow, *args)
        return await handle.result()

    async def history(self, run: RunHandle[Any] | UUID | str) -> list[HistoryEvent]:
        """The whole journal of a run, oldest first.

        Example:
            kinds = [event.type for event in await env.history(run)]
        """
        run_id = run.id if isinstance(run, RunHandle) else parse_run(run)
        events: list[HistoryEvent] = []
        while page := await self.client.history(
            run_id, after=len(events), limit=5000, operators=False
        ):
            events += page
        return events

    # -- time ----------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The time in this environment, in UTC."""
        return self.store.clock.now()

    async def sleep(self, duration: timedelta | float) -> None:
        """Let time pass: everything that becomes due on the way happens, in order.

        Args:
            duration: a timedelta or seconds. Costs next to no real time.

        Example:
            await env.sleep(timedelta(hours=23))
            assert (await run.get()).state == "suspended"
        """
        seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
        await self.settle()
        await self._skipper.sleep(seconds)
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that can happen now, without any time passing.

        Example:
            await env.settle()
            assert (await run.get()).waiting_on.startswith("signal fraud_review")
        """
        while self._recovery is not None and not self._recovery.done():
            await asyncio.shield(self._recovery)
        await self._skipper.settle()

    # -- what goes wrong -----------------------------------------------------------------------

    def fail(
        self, activity: Activity[..., Any], *, times: int = 1, error: Error | None = None
    ) -> None:
        """Let the next attempts of an activity raise instead of running.

        Args:
            activity: which; call-site options do not matter.
            times: attempts.
            error: what they raise; default `InjectedFailure`.

        Example:
            env.fail(charge, times=2, error=ConnectionError("bank is down"))
        """
        self.faults.fail(activity, times, error)

    def replace(self, activity: Activity[P, Any], fn: Callable[P, Any]) -> None:
        """Call `fn` with the activity's arguments from now on, instead of its function.

        Args:
            activity: which.
            fn: a function or coroutine function; its result must fit the activity's annotation.

        Example:
            env.replace(charge, lambda order: "payment-1")
        """
        self.faults.replace(activity, fn)

    def attempts(self, activity: Activity[..., Any]) -> int:
        """How many attempts of an activity have begun.

        Example:
            assert env.attempts(charge) == 3
        """
        return self.faults.calls.get(activity.name, 0)

    @property
    def commits(self) -> int:
        """How many commits the worker has begun; `crash_at` counts the same."""
        return self.store.commits

    def crash_at(self, commit: int, *, moment: Moment = "before") -> None:
        """Kill the worker at one of its commits; another one takes its runs over.

        Args:
            commit: counted from 1, over all commits of this environment.
            moment: "before": nothing was written; "after": it was, but the worker never learns.

        Example:
            env.crash_at(2, moment="after")
        """
        self.store.crashes[commit] = moment

    async def lose_worker(self) -> None:
        """Kill the worker now, as a power cut would; another one takes its runs over.

        Its running asynchronous activities see `CancelledError`, which in a killed process they
        would not.

        Example:
            await env.lose_worker()
            assert await run.result() == "shipped"
        """
        async with self._losing:
            for local in list(self._backend.workers):
                self._backend.workers.remove(local)
                await _kill(local.worker)
                await self.store.declare_dead([local.node_id])
            await self.store.free_dead(_ALL)
            await self._start_worker()
            self._hints.poll_now()
            self._backend.waiter.look_at_all()  # who died after a last commit told nobody

    # -- inside --------------------------------------------------------------------------------

    async def _start_worker(self) -> None:
        worker = self.client.worker(self._workflows, activities=self._activities, **self._options)
        worker.worker.activities.prepare = self.faults.prepare
        await worker.__aenter__()

    async def open(self) -> None:
        """Begin; `environment` does it."""
        await self.client.__aenter__()
        self._skipper.start()
        await self._start_worker()

    async def close(self) -> None:
        """End; `environment` does it. Runs that have not ended are forgotten."""
        if self._recovery is not None:
            await asyncio.gather(self._recovery, return_exceptions=True)
        for local in list(self._backend.workers):
            self._backend.workers.remove(local)
            await _kill(local.worker)
        await self._skipper.stop()
        await self.client.__aexit__(None, None, None)

    def _crashed(self) -> None:
        self._recovery = asyncio.create_task(self.lose_worker(), name="continuum-take-over")


async def _kill(worker: Worker) -> None:
    """Let it vanish as a killed process does: nothing is committed, given back or said any more."""
    worker.accepting = False
    worker.timers.stop()
    worker.activities.close()
    for service in worker._services():
        await service.stop()
    await worker._shut_down()


@asynccontextmanager
async def environment(
    workflows: Iterable[Workflow[..., Any]],
    activities: Iterable[Activity[..., Any]] = (),
    *,
    start_at: datetime = NOON,
    skip_time: bool = True,
    codec: PayloadCodec = IDENTITY,
    random: Random | None = None,
    **options: Any,
) -> AsyncGenerator[Environment]:
    """A place to run workflows in a test: production's engine and worker over a store in memory.

    The clock stands still while the test does something. While a result is awaited, or in
    `env.sleep`, it jumps to the next timer, time-out or retry whenever nothing else can happen;
    a run that waits for a day costs a millisecond. Activities really run, and what they await
    takes its time.

    Args:
        workflows: what the worker can run.
        activities: further activities, for named queues.
        start_at: the time at the beginning; noon of 2026-01-01 UTC by default.
        skip_time: False: time passes in `env.sleep` only.
        codec: seals payloads, as the client's does.
        random: source of the retry jitter; a fixed one by default.
        options: of `Continuum.worker`, as `concurrency` or `max_cached_runs`.

    Example:
        async def test_approved_by_default() -> None:
            async with environment([order_flow]) as env:
                env.replace(charge, lambda order: "payment-1")
                assert await env.run(order_flow, Order("o1", 4200)) == "shipped"
                assert env.now - start > timedelta(hours=24)
    """
    env = Environment(
        workflows,
        activities,
        start_at=start_at,
        skip_time=skip_time,
        codec=codec,
        random=random,
        options=options,
    )
    await env.open()
    try:
        yield env
    finally:
        await env.close()
