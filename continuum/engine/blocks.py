"""`asyncio.TaskGroup` and `asyncio.timeout` in workflows: one meaning on every Python.

Both cancel the task that they are a block of, and take that back when the block is left. How they
count is another thing in each release of Python. Before 3.13 a group that a failed task stops may
take nothing back, and a `timeout` around it then gives `CancelledError`. Since 3.13 such a group
cancels its task again if that "is being cancelled", also in a clean-up that a cancellation began,
which is then cut short. A run would end in one way or the other with its worker's Python.

In a run these blocks are left as here: as CPython 3.13 does it (from which this is adapted, under
the PSF licence), but each block remembers how often its task had been cancelled when it was
entered. A cancellation that came during the block is not lost; one that was delivered before is
not delivered again. On every other loop both blocks do what they always did.
"""

from __future__ import annotations

import asyncio
from asyncio import taskgroups, timeouts
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, cast

from continuum.engine.futures import DurableFuture


class _Withdrawn(DurableFuture):
    """What a task awaits, for no time at all, so that asyncio forgets to cancel it.

    A task that was cancelled while it executes passes that on to the next future it awaits, and
    has then done its duty. `Task.uncancel` withdraws it too, but only since Python 3.13.
    """

    __slots__ = ()

    def add_done_callback(self, fn: Any, /, *, context: Any = None) -> None:
        """Continue the task next, before anything else."""
        self.set_result(None)
        loop: Any = self.get_loop()
        loop.call_next(fn, self, context=context)

    def cancel(self, msg: Any | None = None) -> bool:
        """Take the cancellation, and do nothing."""
        return True


def _delivered(task: Any) -> int:
    """How many cancellations a task has seen, of those that nobody took back."""
    return task.cancelling() - bool(task._must_cancel)


async def _take_back(task: Any, before: int) -> bool:
    """Withdraw the cancellation of a block; answers whether nobody else made one since.

    Args:
        task: the block's.
        before: those that it had seen when it entered the block.
    """
    alone = task.uncancel() <= before
    if alone and task._must_cancel:
        await _Withdrawn(loop=task.get_loop())
    return alone


async def _leave_group(group: Any, error: Any) -> None:
    task, before = group._parent_task, group.continuum_before
    group._exiting = True
    if error is not None and group._is_base_error(error) and group._base_error is None:
        group._base_error = error
    cancelled = error if isinstance(error, asyncio.CancelledError) else None
    if error is not None and not group._aborting:
        group._abort()
    cancelled = await _all_done(group) or cancelled
    if group._base_error is not None:
        raise group._base_error
    if group._parent_cancel_requested and await _take_back(task, before):
        cancelled = None
    if cancelled is not None and not group._errors:
        raise cancelled
    if error is not None and not isinstance(error, asyncio.CancelledError):
        group._errors.append(error)
    if group._errors:
        if task.cancelling() > before:  # the errors go first; the next await is cancelled
            task.uncancel()
            task.cancel()
        try:
            raise BaseExceptionGroup("unhandled errors in a TaskGroup", group._errors) from None
        finally:
            group._errors = None


async def _all_done(group: Any) -> asyncio.CancelledError | None:
    """Wait for all tasks of a group; answers the cancellation that stopped them, if one did."""
    cancelled: asyncio.CancelledError | None = None
    while group._tasks:
        if group._on_completed_fut is None:
            group._on_completed_fut = group._loop.create_future()
        try:
            await group._on_completed_fut
        except asyncio.CancelledError as error:
            if not group._aborting:
                cancelled = error
                group._abort()
        group._on_completed_fut = None
    return cancelled


async def _leave_timeout(limit: Any, error: Any) -> None:
    state = limit._state.__class__
    if limit._timeout_handler is not None:
        limit._timeout_handler.cancel()
        limit._timeout_handler = None
    if not limit.expired():
        limit._state = state.EXITED
        return
    limit._state = state.EXPIRED
    if await _take_back(limit._task, limit.continuum_before) and error is not None:
        if isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error
        _explain(error)
        if isinstance(error, ExceptionGroup):
            for part in cast("ExceptionGroup[Exception]", error).exceptions:
                _explain(part)


def _explain(error: BaseException) -> None:
    """Put the `TimeoutError` between an error of the clean-up and the cancellation before it."""
    while error.__context__ is not None:
        cancelled = error.__context__
        if isinstance(cancelled, asyncio.CancelledError):
            late = TimeoutError()
            late.__context__ = late.__cause__ = cancelled
            error.__context__ = late
            return
        error = cancelled


def install_blocks() -> None:
    """Give both blocks their meaning on our loops; all other loops are left alone."""
    _install(taskgroups.TaskGroup, "_parent_task", _leave_group)
    _install(timeouts.Timeout, "_task", _leave_timeout)


def _install(block: type[Any], task: str, leave: Callable[[Any, Any], Awaitable[None]]) -> None:
    enter_plainly, leave_plainly = block.__aenter__, block.__aexit__
    if hasattr(enter_plainly, "continuum"):
        return

    async def enter_and_look(block: Any) -> Any:
        entered = await enter_plainly(block)
        block.continuum_before = _delivered(getattr(block, task))
        return entered

    @wraps(enter_plainly)
    def aenter(block: Any) -> Awaitable[Any]:
        return enter_and_look(block) if _in_run() else enter_plainly(block)

    @wraps(leave_plainly)
    def aexit(block: Any, kind: Any, error: Any, traceback: Any) -> Awaitable[Any]:
        if _in_run():
            return leave(block, error)
        return leave_plainly(block, kind, error, traceback)

    aenter.continuum = True  # type: ignore[attr-defined]
    block.__aenter__, block.__aexit__ = aenter, aexit


def _in_run() -> bool:
    return hasattr(asyncio._get_running_loop(), "continuum_run")
