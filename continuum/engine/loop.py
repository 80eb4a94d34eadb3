"""The deterministic event loop in which one run's code executes.

It has no selector and no clock: it runs what is ready until nothing is, and then the run waits
for its next event. `call_later` and `call_at` are durable timers, so `asyncio.sleep`, `timeout`
and everything built on them survive the process.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from continuum.engine.blocks import install_blocks
from continuum.engine.commands import CommandLog
from continuum.engine.deadlines import Deadlines
from continuum.engine.futures import DurableFuture, DurableTask, install_ordering
from continuum.engine.guard import kept
from continuum.engine.handles import DurableTimer, ReadyHandle
from continuum.engine.refusals import add_refusals, refuse
from continuum.errors import NonDeterminismError, NotInWorkflow
from continuum.journal.events import EventKind, TimerCancelled, TimerStarted

_logger = logging.getLogger("continuum.workflow")
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_PURGE_AT: Final = 64
_resisting: Final = kept
"""Coroutines that went on after being closed. Kept for ever: freeing one would run it again."""

install_ordering()
install_blocks()


@add_refusals
class DeterministicLoop(asyncio.AbstractEventLoop):
    """One run's loop.

    Args:
        log: numbers and checks the commands; holds the run's time.
        deadlines: where timers wait.
        started_at: zero of `time()`.
        seed: makes hashes of tasks differ between runs without depending on the process.
    """

    def __init__(
        self, log: CommandLog, deadlines: Deadlines, started_at: datetime, seed: int
    ) -> None:
        self.continuum_run: Any = None
        self.main: DurableTask | None = None
        self.tasks: dict[DurableTask, None] = {}
        self.timers: dict[int, DurableTimer] = {}
        self.sagas: dict[object, asyncio.Task[Any]] = {}
        self._log = log
        self._deadlines = deadlines
        self._started_at = started_at
        self._order = seed
        self._ready: deque[ReadyHandle] = deque()
        self._stepping = False
        self._generators: list[Any] = []
        self._failed: list[DurableTask] = []

    # time and callbacks

    def time(self) -> float:
        """Seconds from the run's start to the delivery of the current event."""
        return (self._log.now - self._started_at).total_seconds()

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> ReadyHandle:
        """Run a callback in this step, after those already waiting."""
        if context is None:
            context = contextvars.copy_context()
        handle = ReadyHandle(callback, args, self, context)
        if self._stepping:
            self._ready.append(handle)
        elif not self._log.latched:
            raise refuse("call_soon (from outside the workflow)")
        return handle

    def call_next(self, callback: Any, *args: Any, context: Any) -> None:
        """Run a callback of the step that executes now, before those already waiting."""
        self._ready.appendleft(ReadyHandle(callback, args, self, context))

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> ReadyHandle:
        """As `call_soon`; refused from outside the workflow's own step."""
        if asyncio._get_running_loop() is not self:
            raise refuse("call_soon_threadsafe (from another thread)")
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        """A durable timer; without a positive delay just `call_soon`."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        """A durable timer that fires at `when` on this loop's `time()`."""
        if math.isnan(when):
            raise ValueError("a delay cannot be NaN")
        if when <= self.time():
            return self.call_soon(callback, *args, context=context)
        timer = DurableTimer(when, callback, args, self, context)
        timer.pending = False
        timer.shown = True
        body = self._log.issue(EventKind.TIMER_STARTED, TimerStarted(self._due(when)))
        if body is not None:
            timer.command = self._log.count
            timer.due_at = body.due_at
            timer.pending = True
            self.timers[timer.command] = timer
            self._deadlines.add(timer.due_at, timer.command, timer)
        return timer

    def _due(self, when: float) -> datetime:
        try:
            return self._started_at + timedelta(seconds=when)
        except OverflowError:
            return _FOREVER

    def _timer_handle_cancelled(self, timer: DurableTimer) -> None:
        if timer.pending:
            timer.pending = False
            self.timers.pop(timer.command, None)
            if not self._log.dropped:
                self._log.issue(EventKind.TIMER_CANCELLED, TimerCancelled(timer.command))

    def fire(self, command: int | None) -> None:
        """Make a timer's callback ready; it can no longer be cancelled."""
        timer = self.timers.pop(command or 0, None)
        if timer is not None:
            timer.pending = False
            self._ready.append(ReadyHandle(timer._callback, timer._args, self, timer._context))

    # futures and tasks

    def next_order(self) -> int:
        """Hash of the next task or future."""
        self._order += 1
        return self._order

    def create_future(self) -> DurableFuture:
        """A future whose hash is its creation number."""
        future = DurableFuture(loop=self)
        self._order += 1
        future.order = self._order
        return future

    def create_task(self, coro: Any, **options: Any) -> DurableTask:  # type: ignore[override]
        """A task that is kept alive until it is done or the run is dropped."""
        if self._log.dropped:
            coro.close()
            raise NotInWorkflow("this run was dropped from memory; it starts no more tasks")
        order = self.next_order()
        if options.get("name") is None:
            # asyncio's own default counts all tasks of the process
            options["name"] = f"Task-{order & 0xFF_FFFF}"
        task = DurableTask(coro, order, loop=self, **options)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        if not task.done():
            self.tasks[task] = None
            if self.main is not None:
                task.add_done_callback(self._forget)
        return task

    def start_main(self, coroutine: Coroutine[Any, Any, Any], name: str) -> None:
        """Create the task of the workflow function, in a context of its own."""
        self.main = self.create_task(coroutine, name=name, context=contextvars.Context())

    def _forget(self, task: DurableTask) -> None:
        self.tasks.pop(task, None)
        if not task.cancelled() and _unseen(task):
            self._failed = [*filter(_unseen, self._failed), task]

    def get_task_factory(self) -> None:
        """Always None: tasks are this loop's own."""

    # stepping

    def step(self, deliver: Callable[..., None], *args: Any) -> None:
        """Deliver one event, then run until no callback is ready or the run is latched."""
        if self._log.latched:
            return
        previous = asyncio._get_running_loop()
        hooks = take_generators()
        asyncio._set_running_loop(self)
        self._stepping = True
        try:
            deliver(*args)
            self._run_ready()
        finally:
            self._stepping = False
            asyncio._set_running_loop(previous)
            give_generators_back(hooks)

    def _run_ready(self) -> None:
        log = self._log
        main = self.main
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if handle._cancelled:
                continue
            try:
                handle._context.run(handle._callback, *handle._args)
            except BaseException as error:
                # A task has stored it already (also KeyboardInterrupt and SystemExit): it ends
                # the run, not the worker. A plain callback has nobody to tell.
                self._callback_failed(handle, error)
            if main is None:
                main = self.main
            if log.latched or (main is not None and main.done() and not self.sagas):
                ready.clear()
                return

    def cancel_sagas(self) -> None:
        """The workflow function has ended: tasks still inside a saga are to leave it, undoing."""
        for task in list(self.sagas.values()):
            if not task.cancelling():
                task.cancel()

    def _callback_failed(self, handle: ReadyHandle, error: BaseException) -> None:
        if not isinstance(getattr(handle._callback, "__self__", None), DurableTask):
            self.call_exception_handler({"message": "callback failed", "exception": error})

    def keep_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Hold an async generator until the run is dropped."""
        if len(self._generators) >= _PURGE_AT:
            self._generators = [g for g in self._generators if g.ag_frame is not None]
        self._generators.append(generator)

    def report_unawaited(self) -> None:
        """Log errors of background tasks that nobody has awaited when the run ends, once."""
        failed = [*self._failed, *(t for t in self.tasks if t.done() and t is not self.main)]
        self._failed = []
        for task in filter(_unseen, failed):
            message = f"{task.get_name()} failed and was never awaited"
            self.call_exception_handler({"message": message, "exception": task.exception()})

    def has_coroutines(self) -> bool:
        """Whether anything is suspended in this run."""
        if self._generators:
            return True
        return any(not task.done() for task in self.tasks)

    def close_coroutines(self) -> None:
        """Close all coroutines and generators. Their `finally` may run pure code, no effect."""
        previous = asyncio._get_running_loop()
        hooks = take_generators()
        asyncio._set_running_loop(self)
        try:
            for task in list(self.tasks):
                _close(task.get_coro())
            for generator in self._generators:
                _close_generator(generator)
        finally:
            asyncio._set_running_loop(previous)
            give_generators_back(hooks)

    def forget_everything(self) -> None:
        """Cut the reference cycles, so that memory is free without a garbage collection."""
        self.tasks.clear()
        self._failed.clear()
        self.timers.clear()
        self.sagas.clear()
        self._generators.clear()
        self._ready.clear()
        self.main = None
        self.continuum_run = None

    # errors and what asyncio asks a loop

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Log an error that nobody awaits; silent in replay and once nothing counts any more."""
        if self._log.replaying or self._log.latched:
            return
        error = context.get("exception")
        _logger.error("%s: %s", self.continuum_run, context.get("message"), exc_info=error)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """As `call_exception_handler`."""
        self.call_exception_handler(context)

    def set_exception_handler(self, handler: Any) -> None:
        """Refused: errors of background tasks are logged."""
        raise NonDeterminismError("a workflow's loop keeps its own exception handler")

    def get_exception_handler(self) -> None:
        """Always None."""

    def get_debug(self) -> bool:
        """Never in debug mode, whatever the environment says."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """Ignored."""

    def is_running(self) -> bool:
        """Whether workflow code is executing."""
        return self._stepping

    def is_closed(self) -> bool:
        """Whether the run was dropped."""
        return self._log.dropped

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: generators live as long as the run."""


Hooks = tuple[Any, Any]


def take_generators() -> Hooks | None:
    """Keep async generators of workflow code from the host loop, on this thread.

    Around each step; a worker also does it around many steps, which then pay nothing (each
    change of the hooks raises two audit events).

    Returns:
        What `give_generators_back` needs; None when they are taken already.
    """
    hooks = sys.get_asyncgen_hooks()
    if hooks.firstiter is _keep_generator:
        return None
    sys.set_asyncgen_hooks(_keep_generator, _ignore_generator)
    return hooks


def give_generators_back(hooks: Hooks | None) -> None:
    """Undo `take_generators`."""
    if hooks is not None:
        sys.set_asyncgen_hooks(*hooks)


def _keep_generator(generator: AsyncGenerator[Any, Any]) -> None:
    keep = getattr(asyncio._get_running_loop(), "keep_generator", None)
    if keep is not None:
        keep(generator)


def _ignore_generator(generator: AsyncGenerator[Any, Any]) -> None:
    """Never called while the run is in memory: every generator is kept until it is dropped."""


def _unseen(task: DurableTask) -> bool:
    """Whether it failed and nobody has looked at its error."""
    return bool(task._log_traceback)  # type: ignore[attr-defined]


def _close(coroutine: Any) -> None:
    if coroutine is None:
        return
    try:
        coroutine.close()
    except BaseException:
        _logger.debug("coroutine %r resisted being dropped", coroutine, exc_info=True)
        if getattr(coroutine, "cr_frame", None) is not None:
            _resisting.append(coroutine)


def _close_generator(generator: Any) -> None:
    if generator.ag_frame is None:
        return
    closing: Any = generator.aclose()
    try:
        closing.send(None)
    except BaseException:  # StopIteration when it is closed; anything else is contained
        return
    _resisting.append((generator, closing))
