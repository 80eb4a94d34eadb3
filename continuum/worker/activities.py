"""Runs attempts of activities: slots, deadlines and outcomes.

Nothing here is durable. An attempt is started only after the commit that contains its scheduling,
and its outcome is a stimulus of the run, which the run's next turn makes durable. How user code is
executed, where it is more than a call, is in `executors`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from functools import partial
from random import Random
from typing import Any

from continuum.codec.failures import capture_failure
from continuum.declare.attempt import current_attempt
from continuum.declare.retry import Retry
from continuum.engine.outcome import ActivityCall
from continuum.errors import ActivityCancelled, PayloadError
from continuum.journal.events import Failure
from continuum.system import monotonic
from continuum.worker.attempt import Attempt, Deliver, Host, Outcome
from continuum.worker.executors import (
    AttemptAnswered,
    AttemptHeld,
    AttemptLost,
    Executors,
    is_plain,
)
from continuum.worker.lingering import Lingering
from continuum.worker.observing import Observer
from continuum.worker.processes import RemoteFailure
from continuum.worker.service import Signal
from continuum.worker.threads import DaemonThreads

STUBBORN = 5.0
"""Seconds an attempt may go on after it was cancelled before it counts as ended."""


class Activities:
    """At most `concurrency` attempts at once; the rest queue in order of arrival.

    Args:
        concurrency: attempts whose user code runs at the same time.
        random: source of the retry jitter.
        deliver: hands an outcome to the run (`Runner.stimulate`), or to the task.
        executors: runs what needs more than a task or a thread.

    Attributes:
        observer: hears of attempts.
        prepare: applied to each call before it is run; tests put other functions in its place.
    """

    def __init__(
        self, concurrency: int, random: Random, deliver: Deliver, executors: Executors
    ) -> None:
        self.started: Signal[ActivityCall] = Signal()
        self.ended: Signal[ActivityCall] = Signal()
        self.prepare: Callable[[ActivityCall], ActivityCall] = _as_it_is
        self._free = concurrency
        self._lingering = Lingering(concurrency)
        self.observer = Observer()
        self._random = random
        self._deliver = deliver
        self._executors = executors
        self._waiting: deque[Attempt] = deque()
        self._running: set[Attempt] = set()
        self._threads = DaemonThreads(concurrency)
        self._closed = False
        self._quiet = asyncio.Event()
        self._quiet.set()
        executors.connect(self._threads, self)

    @property
    def running(self) -> int:
        """Attempts whose user code runs now."""
        return len(self._running)

    @property
    def in_progress(self) -> Collection[Attempt]:
        """The attempts whose user code runs now."""
        return self._running

    @property
    def free(self) -> int:
        """Slots that nobody waits for."""
        return max(self._free - len(self._waiting), 0)

    def start(self, run: Host, calls: Iterable[ActivityCall]) -> None:
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

    def stop(self, run: Host, commands: Iterable[int]) -> None:
        """The workflow gave up on these commands: ask their attempts to end."""
        for command in commands:
            attempt = run.attempts.get(command) if run.attempts else None
            if attempt is None or attempt.ended_as is not None or attempt.sealed:
                continue
            attempt.stopping = "cancelled"
            if attempt.task is not None:
                self._interrupt(attempt, "cancelled")
            elif not attempt.thread:
                attempt.ended_as = "cancelled"
                self._report(attempt, None, attempt.cancelled(), retryable=False)

    def withdraw(self, run: Host) -> list[ActivityCall]:
        """Take back the attempts that have not begun."""
        taken: list[ActivityCall] = []
        for command, attempt in list((run.attempts or {}).items()):
            if not attempt.begun and attempt.ended_as is None:
                attempt.ended_as = "dropped"
                del run.attempts[command]  # pyright: ignore[reportOptionalSubscript]
                taken.append(attempt.call)
        return taken

    def forget(self, run: Host) -> None:
        """The run is not ours any more: cancel its attempts and never report them."""
        if not run.attempts:
            return
        for attempt in run.attempts.values():
            self._abort(attempt)
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
            self._abort(attempt)

    def shut_down(self) -> None:
        """Let the threads end, and the processes."""
        self._threads.close()
        self._executors.close()

    # -- one attempt ---------------------------------------------------------------------------

    def _begin(self, attempt: Attempt) -> None:
        call = attempt.call
        attempt.begun_at = monotonic()
        self._free -= 1
        self._running.add(attempt)
        self._quiet.clear()
        execution = attempt.run.execution
        assert execution is not None
        execution.attempt_begun(call.command, call.attempt)
        loop = asyncio.get_running_loop()
        activity = call.activity
        context = self.observer.attempt_begins(attempt)
        if not is_plain(activity):
            attempt.task = loop.create_task(self._run_specially(attempt), context=context)
        elif activity.is_async:
            attempt.task = loop.create_task(self._run_async(attempt), context=context)
        else:
            attempt.thread = True
            job = partial(self._run_in_thread, attempt, loop)
            self._threads.submit(job if context is None else partial(context.run, job))
        if activity.timeout is not None:
            attempt.handle = loop.call_later(activity.timeout, self._expire, attempt)
        if activity.heartbeat_timeout is not None:
            attempt.beat_at = attempt.begun_at
            self._listen(attempt, activity.heartbeat_timeout)
        self.started.emit(call)

    async def _run_async(self, attempt: Attempt) -> None:
        activity = attempt.call.activity
        current_attempt.set(attempt)
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

    async def _run_specially(self, attempt: Attempt) -> None:
        """With a key, a transaction or a process of its own."""
        try:
            value = await self._executors.run(attempt)
            self._settle(attempt, value, None)
        except AttemptHeld:
            self._settle_quietly(attempt, "attempt_held")
        except AttemptAnswered:
            attempt.disarm()
            self._unlist(attempt)
            self.observer.attempt_ended(attempt, "completed")
            attempt.run.answered()
        except AttemptLost:
            self._settle_quietly(attempt, "attempt_crashed", attempt.last_details)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._settle(attempt, None, error)
        finally:
            await self._executors.wait_thread(attempt)
            self._leave(attempt)

    def _run_in_thread(self, attempt: Attempt, loop: asyncio.AbstractEventLoop) -> None:
        activity = attempt.call.activity
        value: bytes | None = None
        error: BaseException | None = None
        token = current_attempt.set(attempt)
        try:
            value = activity.returns.encode(
                activity.fn(*activity.signature.decode(attempt.call.args))
            )
        except BaseException as raised:
            error = raised
        finally:
            current_attempt.reset(token)
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
        self._lingering.remove(attempt)
        self._free += 1
        while self._free > 0 and self._waiting:
            following = self._waiting.popleft()
            if following.ended_as is None:
                self._begin(following)
        if not self._running:
            self._quiet.set()
        self.ended.emit(attempt.call)

    def _settle(self, attempt: Attempt, value: bytes | None, error: BaseException | None) -> None:
        attempt.disarm()
        ended_as = attempt.ended_as
        if ended_as == "dropped" or ended_as == "reported":
            return
        if value is not None:
            self._report(attempt, value, None, retryable=False)
        elif ended_as in ("timeout", "silent"):
            self._report_timeout(attempt)
        elif ended_as == "cancelled" or (
            attempt.stopping == "cancelled" and isinstance(error, ActivityCancelled)
        ):
            attempt.ended_as = "cancelled"
            self._report(attempt, None, attempt.cancelled(), retryable=False)
        else:
            assert error is not None
            failure, retryable = _judge(error, attempt.call.activity.retry)
            self._report(attempt, None, failure, retryable=retryable)

    def _settle_quietly(self, attempt: Attempt, event: str, *args: Any) -> None:
        """It ended without an outcome of its own: held by its key, or crashed."""
        attempt.disarm()
        if attempt.ended_as in ("dropped", "reported"):
            return
        self._unlist(attempt)
        self.observer.attempt_ended(attempt, event.removeprefix("attempt_"))
        call = attempt.call
        tell = getattr(attempt.run.execution, event)
        self._deliver(attempt.run, Outcome(tell, call.command, call.attempt, *args))

    def _report(
        self, attempt: Attempt, value: bytes | None, failure: Failure | None, *, retryable: bool
    ) -> None:
        run, call = attempt.run, attempt.call
        reason = attempt.ended_as or "raised"
        self._unlist(attempt)
        execution = run.execution
        assert execution is not None
        outcome = "completed" if value is not None else reason
        self.observer.attempt_ended(attempt, outcome, failure)
        if value is not None:
            self._deliver(
                run, Outcome(execution.attempt_completed, call.command, call.attempt, value)
            )
        else:
            assert failure is not None
            reason = "timeout" if reason == "silent" else reason
            args: tuple[Any, ...] = (call.command, call.attempt, failure, reason, retryable)
            fail = execution.attempt_failed
            said = attempt.last_details
            self._deliver(run, Outcome(fail, *args, self._random.random(), details=said))

    def _unlist(self, attempt: Attempt) -> None:
        attempt.ended_as = "reported"
        attempts = attempt.run.attempts
        if attempts is not None and attempts.get(attempt.call.command) is attempt:
            del attempts[attempt.call.command]

    # -- interruption --------------------------------------------------------------------------

    def _listen(self, attempt: Attempt, seconds: float) -> None:
        attempt.pulse = asyncio.get_running_loop().call_later(seconds, self._listened, attempt)

    def _listened(self, attempt: Attempt) -> None:
        """Was there a heartbeat since? Else the attempt is over."""
        attempt.pulse = None
        limit = attempt.call.activity.heartbeat_timeout
        if attempt.ended_as is not None or limit is None:
            return
        left = attempt.beat_at + limit - monotonic()
        if left > 0:
            self._listen(attempt, left)
        else:
            self._expire(attempt, "silent")

    def _expire(self, attempt: Attempt, why: str = "timeout") -> None:
        attempt.handle = None
        if attempt.ended_as is not None or attempt.sealed:
            return
        if attempt.thread:  # a thread cannot be stopped; its late outcome is ignored
            attempt.ended_as = why
            attempt.disarm()
            self._lingering.add(attempt)
            self._report_timeout(attempt)
        else:
            self._interrupt(attempt, why)

    def _interrupt(self, attempt: Attempt, why: str) -> None:
        """Cancel the task; should it not obey, it counts as ended after a while."""
        attempt.disarm()
        attempt.ended_as = why
        assert attempt.task is not None
        attempt.task.cancel()
        loop = asyncio.get_running_loop()
        attempt.handle = loop.call_later(STUBBORN, self._give_up, attempt)

    def _give_up(self, attempt: Attempt) -> None:
        """It does not obey: it has ended for its run, but not for this worker."""
        attempt.handle = None
        self._lingering.add(attempt)
        self._settle(attempt, None, None)

    def _abort(self, attempt: Attempt) -> None:
        """End it without an outcome. One that is being committed is left to the fence."""
        attempt.ended_as = "dropped"
        attempt.disarm()
        self.observer.attempt_ended(attempt, "dropped")
        if attempt.task is not None and not attempt.sealed:
            attempt.task.cancel()

    def _report_timeout(self, attempt: Attempt) -> None:
        failure = attempt.timed_out(silent=attempt.ended_as == "silent")
        retryable = attempt.call.activity.retry.retries(TimeoutError())
        self._report(attempt, None, failure, retryable=retryable)


def _as_it_is(call: ActivityCall) -> ActivityCall:
    return call


def _judge(error: BaseException, retry: Retry) -> tuple[Failure, bool]:
    """How an error is journaled, and whether it may be retried."""
    if isinstance(error, RemoteFailure):
        broken = f"{PayloadError.__module__}.{PayloadError.__qualname__}" in error.kinds
        return error.failure, not broken and retry.retries_named(error.kinds)
    return capture_failure(error), not isinstance(error, PayloadError) and retry.retries(error)
