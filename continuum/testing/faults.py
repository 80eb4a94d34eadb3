"""What goes wrong on purpose: activities that fail, a worker that dies at a commit."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, Final, Literal, NoReturn
from uuid import UUID

from msgspec.structs import replace

from continuum.codec.hooks import IDENTITY, PayloadCodec
from continuum.declare.activity import Activity
from continuum.engine.outcome import ActivityCall
from continuum.journal.turn import Turn
from continuum.store.memory.clock import MemoryClock
from continuum.store.memory.store import MemoryStore
from continuum.store.protocol import CommitResult

PASSES: Final = 40
"""Passes of the event loop by which a disturbed activity may begin or end late."""

Moment = Literal["before", "after"]
Error = BaseException | type[BaseException]


class InjectedFailure(Exception):
    """An activity failed because the test said so."""


class ActivityFaults:
    """Functions and failures that take the place of activities' own (`Activities.prepare`).

    Attributes:
        calls: attempts begun so far, by activity name.
    """

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self._functions: dict[str, Callable[..., Any]] = {}
        self._failures: dict[str, deque[Error]] = {}
        self._random: Random | None = None
        self._failing = 0.0
        self._absorbed: dict[tuple[UUID, int], int] = {}

    def fail(self, activity: Activity[..., Any], times: int, error: Error | None) -> None:
        """Let its next attempts raise."""
        if error is None:
            error = InjectedFailure(f"{activity.name} fails on purpose")
        self._failures.setdefault(activity.name, deque()).extend([error] * times)

    def replace(self, activity: Activity[..., Any], fn: Callable[..., Any]) -> None:
        """Call `fn` instead of its function."""
        self._functions[activity.name] = fn

    def disturb(self, random: Random, failing: float) -> None:
        """Let activities end in random order; with probability `failing` attempts raise first.

        Only attempts after which the retry policy allows another one do.
        """
        self._random, self._failing = random, failing

    def prepare(self, call: ActivityCall) -> ActivityCall:
        """The call as it is to be run."""
        name = call.activity.name
        self.calls[name] = self.calls.get(name, 0) + 1
        failures = self._failures.get(name)
        if failures:
            return _with_function(call, _raising(failures.popleft()))
        fake = self._functions.get(name)
        if self._random is not None:
            if self._random.random() < self._failing and self._is_absorbed(call):
                return _with_function(call, _raising(InjectedFailure("a retry absorbs this")))
            call = _with_function(call, _late(call.activity, fake, self._random))
        elif fake is not None:
            call = _with_function(call, _awaiting(fake))
        return call

    def _is_absorbed(self, call: ActivityCall) -> bool:
        """Whether one more failure leaves an attempt, which is then spent."""
        key = (call.run_id, call.command)
        spent = self._absorbed.get(key, 0) + 1
        retry = call.activity.retry
        if spent >= retry.max_attempts or not retry.retries(InjectedFailure()):
            return False
        self._absorbed[key] = spent
        return True


class CrashingStore(MemoryStore):
    """A memory store that can lose the worker in the middle of a commit.

    Attributes:
        commits: commits begun so far.
        crashes: what happens at which commit, the first is 1.
        on_crash: called when it happens; that commit is never answered.
    """

    def __init__(self, clock: MemoryClock | None = None, codec: PayloadCodec = IDENTITY) -> None:
        super().__init__(clock, codec)
        self.commits = 0
        self.crashes: dict[int, Moment] = {}
        self.on_crash: Callable[[], None] | None = None

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        """See `TurnStore`."""
        self.commits += 1
        moment = self.crashes.pop(self.commits, None)
        if moment == "before":
            await self._crash()
        result = await super().commit_turns(node_id, turns)
        if moment == "after":
            await self._crash()
        return result

    async def _crash(self) -> NoReturn:
        if self.on_crash is not None:
            self.on_crash()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a lost commit is answered by nobody")


def _with_function(call: ActivityCall, fn: Callable[..., Any]) -> ActivityCall:
    activity = call.activity.options()
    activity.fn, activity.is_async = fn, True
    activity.transactional, activity.executor = False, "thread"
    return replace(call, activity=activity)


def _raising(error: Error) -> Callable[..., Any]:
    async def fail(*args: Any) -> None:
        raise error

    return fail


def _late(
    activity: Activity[..., Any], fake: Callable[..., Any] | None, random: Random
) -> Callable[..., Any]:
    """Begins and ends some passes of the event loop later than it would."""
    before, after = random.randrange(PASSES), random.randrange(PASSES)
    if fake is not None or activity.is_async:
        perform = _awaiting(fake or activity.fn)
    else:
        perform = partial(asyncio.to_thread, activity.fn)

    async def call(*args: Any) -> Any:
        for _ in range(before):
            await asyncio.sleep(0)
        value = await perform(*args)
        for _ in range(after):
            await asyncio.sleep(0)
        return value

    return call


def _awaiting(fn: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any) -> Any:
        value = fn(*args)
        return await value if inspect.isawaitable(value) else value

    return call
