"""Runs attempts of local activities: tasks on the host loop, threads for synchronous functions.

Nothing here is durable. An attempt is started only after the commit that contains its scheduling,
and its outcome is a stimulus of the run, which the run's next turn makes durable.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import Any

from continuum.codec.failures import capture_failure
from continuum.engine.outcome import ActivityCall
from continuum.errors import PayloadError
from continuum.journal.events import Failure
from continuum.worker.owned import OwnedRun, Stimulus
from continuum.worker.service import Signal
from continuum.worker.threads import DaemonThreads

STUBBORN = 5.0
"""Seconds an attempt may go on after it was cancelled before it counts as ended."""

Deliver = Callable[[OwnedRun, Stimulus], None]


class ActivityCancelled(Exception):
    """The workflow gave up on this activity."""


class Attempt:
    """One attempt of one activity, queued or running."""

    __slots__ = ("call", "ended_as", "handle", "run", "task", "thread")

    def __init__(self, run: OwnedRun, call: ActivityCall) -> None:
        self.run = run
        self.call = call
        self.task: asyncio.Task[None] | None = None
        self.thread = False
        self.handle: asyncio.TimerHandle | None = None
        self.ended_as: str | None = None

    @property
    def begun(self) -> bool:
        """Whether user code of this attempt was entered."""
        return self.task is not None or self.thread


class Activities:
    """At most `concurrency` attempts at once; the rest queue in order of arrival.

    Args:
        concurrency: attempts whose user code runs at the same time.
        random: source of the retry jitter.
        deliver: hands an outcome to the run (`Runner.stimulate`).

    Attributes:
        prepare: applied to each call before it is run; tests put other functions in its place.
    """

    def __init__(self, concurrency: int, random: Random, deliver: Deliver) -> None:
        self.started: Signal[ActivityCall] = Signal()
        self.prepare: Callable[[ActivityCall], ActivityCall] = _as_it_is
        self._free = concurrency
        self._random = random
        self._deliver = deliver
        self._waiting: deque[Attempt] = deque()
        self._running: set[Attempt] = set()
        self._threads = DaemonThreads(concurrency)
        self._closed = False
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def running(self) -> int:
        """Attempts whose user code runs now."""
        return len(self._running)

    def start(self, run: OwnedRun, calls: Iterable[ActivityCall]) -> None:
        """Begin these attempts, or queue them. Their scheduling is committed."""
        attempts = run.attempts
        if attempts is None:
            attempts = run.attempts = {}
        for call in calls:
            attempt = attempts[call.command] = Attempt(run, self.prepare(call))
            if self._closed:
                continue
            if self._free > 0 and not self._waiting:
                self._begin(attempt)
            else:
                self._waiting.append(attempt)

    def stop(self, run: OwnedRun, commands: Iterable[int]) -> None:
        """The workflow gave up on these commands: ask their attempts to end."""
        for command in commands:
            attempt = run.attempts.get(command) if run.attempts else None
            if attempt is None or attempt.ended_as is not None:
                continue
            if attempt.task is not None:
                self._interrupt(attempt, "cancelled")
            elif not attempt.thread:
                attempt.ended_as = "cancelled"
                self._report(attempt, None, _gave_up(attempt), retryable=False)

    def forget(self, run: OwnedRun) -> None:
        """The run is not ours any more: cancel its attempts and never report them."""
        if not run.attempts:
            return
        for attempt in run.attempts.values():
            attempt.ended_as = "dropped"
            self._disarm(attempt)
            if attempt.task is not None:
                attempt.task.cancel()
        run.attempts = None

    def close(self) -> None:
        """Begin nothing any more: what is queued stays not begun and goes back with its run."""
        self._closed = True
        self._waiting.clear()

    async def wait_quiet(self) -> None:
        """Until no attempt runs."""
        await self._quiet.wait()

    def cancel_running(self) -> None:
        """The drain's time is over: end what runs, without an outcome (it counts as crashed)."""
        for attempt in list(self._running):
            attempt.ended_as = "dropped"
            self._disarm(attempt)
            if attempt.task is not None:
                attempt.task.cancel()

    def shut_down(self) -> None:
        """Let the threads end."""
        self._threads.close()

    # -- one attempt ---------------------------------------------------------------------------

    def _begin(self, attempt: Attempt) -> None:
        call = attempt.call
        self._free -= 1
        self._running.add(attempt)
        self._quiet.clear()
        execution = attempt.run.execution
        assert execution is not None
        execution.attempt_begun(call.command, call.attempt)
        loop = asyncio.get_running_loop()
        activity = call.activity
        if activity.is_async:
            attempt.task = loop.create_task(self._run_async(attempt))
        else:
            attempt.thread = True
            self._threads.submit(partial(self._run_in_thread, attempt, loop))
        if activity.timeout is not None:
            attempt.handle = loop.call_later(activity.timeout, self._expire, attempt)
        self.started.emit(call)

    async def _run_async(self, attempt: Attempt) -> None:
        activity = attempt.call.activity
        try:
            value = await activity.fn(*activity.signature.decode(attempt.call.args))
            self._settle(attempt, activity.returns.encode(value), None)
        except asyncio.CancelledError as error:
            self._settle(attempt, None, error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: an activity must not end the worker
            self._settle(attempt, None, error)
        finally:
            self._leave(attempt)

    def _run_in_thread(self, attempt: Attempt, loop: asyncio.AbstractEventLoop) -> None:
        activity = attempt.call.activity
        value: bytes | None = None
        error: BaseException | None = None
        try:
            value = activity.returns.encode(
                activity.fn(*activity.signature.decode(attempt.call.args))
            )
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(self._thread_ended, attempt, value, error)
        except RuntimeError:  # the loop is closed: nobody is there to hear of it
            return

    def _thread_ended(
        self, attempt: Attempt, value: bytes | None, error: BaseException | None
    ) -> None:
        self._settle(attempt, value, error)
        self._leave(attempt)

    def _leave(self, attempt: Attempt) -> None:
        """Give the slot on, whatever became of the attempt."""
        self._running.discard(attempt)
        self._free += 1
        while self._free > 0 and self._waiting:
            following = self._waiting.popleft()
            if following.ended_as is None:
                self._begin(following)
        if not self._running:
            self._quiet.set()

    def _settle(self, attempt: Attempt, value: bytes | None, error: BaseException | None) -> None:
        if attempt.handle is not None:
            self._disarm(attempt)
        ended_as = attempt.ended_as
        if ended_as == "dropped" or ended_as == "reported":
            return
        if value is not None:
            self._report(attempt, value, None, retryable=False)
        elif ended_as == "timeout":
            self._report_timeout(attempt)
        elif ended_as == "cancelled":
            self._report(attempt, None, _gave_up(attempt), retryable=False)
        else:
            assert error is not None
            retryable = not isinstance(error, PayloadError) and (
                attempt.call.activity.retry.retries(error)
            )
            self._report(attempt, None, capture_failure(error), retryable=retryable)

    def _report(
        self, attempt: Attempt, value: bytes | None, failure: Failure | None, *, retryable: bool
    ) -> None:
        run, call = attempt.run, attempt.call
        reason = attempt.ended_as or "raised"
        attempt.ended_as = "reported"
        attempts = run.attempts
        if attempts is not None and attempts.get(call.command) is attempt:
            del attempts[call.command]
        execution = run.execution
        assert execution is not None
        if value is not None:
            self._deliver(
                run, partial(execution.attempt_completed, call.command, call.attempt, value)
            )
        else:
            assert failure is not None
            args: tuple[Any, ...] = (call.command, call.attempt, failure, reason, retryable)
            self._deliver(run, partial(execution.attempt_failed, *args, self._random.random()))

    # -- interruption --------------------------------------------------------------------------

    def _expire(self, attempt: Attempt) -> None:
        attempt.handle = None
        if attempt.ended_as is not None:
            return
        if attempt.thread:  # a thread cannot be stopped; its late outcome is ignored
            attempt.ended_as = "timeout"
            self._report_timeout(attempt)
        else:
            self._interrupt(attempt, "timeout")

    def _interrupt(self, attempt: Attempt, why: str) -> None:
        """Cancel the task; should it not obey, it counts as ended after a while."""
        self._disarm(attempt)
        attempt.ended_as = why
        assert attempt.task is not None
        attempt.task.cancel()
        loop = asyncio.get_running_loop()
        attempt.handle = loop.call_later(STUBBORN, self._settle, attempt, None, None)

    def _report_timeout(self, attempt: Attempt) -> None:
        activity = attempt.call.activity
        failure = Failure(
            type="TimeoutError",
            message=f"activity {activity.name} did not end within {activity.timeout} s",
        )
        self._report(attempt, None, failure, retryable=activity.retry.retries(TimeoutError()))

    @staticmethod
    def _disarm(attempt: Attempt) -> None:
        if attempt.handle is not None:
            attempt.handle.cancel()
            attempt.handle = None


def _as_it_is(call: ActivityCall) -> ActivityCall:
    return call


def _gave_up(attempt: Attempt) -> Failure:
    return capture_failure(ActivityCancelled(f"activity {attempt.call.activity.name} cancelled"))
