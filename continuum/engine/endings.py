"""How the end of the workflow function becomes the end of its run."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path
from typing import Any, Final

from continuum.codec.failures import MAX_TEXT, capture_failure, storable_text
from continuum.codec.hints import is_internal
from continuum.declare.workflow import Workflow
from continuum.engine.cancel import Cancellation
from continuum.engine.saga import compensation_notes
from continuum.errors import NonDeterminismError, PayloadError
from continuum.journal.ends import timed_out
from continuum.journal.events import (
    EventKind,
    Failure,
    RunCancelled,
    RunCompleted,
    RunFailed,
)
from continuum.journal.turn import RunEnd
from continuum.model import RunState


def end_of(
    main: asyncio.Task[Any], workflow: Workflow[..., Any], cancellation: Cancellation
) -> tuple[RunEnd, EventKind, Any]:
    """The run's end and its event.

    A run whose cancellation was requested ends cancelled whatever its clean-up did, and failed when
    it was out of time; an error of the clean-up is kept in `RunEnd.error`.
    """
    error = _error(main)
    if cancellation.requested:
        return asked_end(cancellation, error)
    if error is not None:
        return _failed(_with_notes(capture_failure(error), error))
    try:
        result = workflow.returns.encode(main.result())
    except PayloadError as unstorable:
        return _failed(capture_failure(unstorable))
    except Exception as unstorable:
        return _failed(capture_failure(unstorable))
    return RunEnd(RunState.COMPLETED, result=result), EventKind.RUN_COMPLETED, RunCompleted()


def _error(main: asyncio.Task[Any]) -> BaseException | None:
    if main.cancelled():
        return _self_cancelled(main)
    error = main.exception()
    if isinstance(error, RuntimeError) and any(text in str(error) for text in _FOREIGN):
        foreign = NonDeterminismError(
            f"workflow code awaited a future or task of another event loop{_at(error)}",
            hint="await activities, timers, signals and tasks created in the workflow only",
        )
        foreign.__cause__ = error
        return foreign
    return error


_FOREIGN: Final = (
    "attached to a different loop", "Task got bad yield", "await wasn't used with future",
)  # fmt: skip
"""How asyncio says that it was given another library's awaitable."""


def _at(error: BaseException) -> str:
    """Where user code raised an error: " at file.py:12"."""
    at = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if not is_internal(frame.f_code):
            at = f" at {Path(frame.f_code.co_filename).name}:{line}"
    return at


def _self_cancelled(main: asyncio.Task[Any]) -> asyncio.CancelledError:
    error = asyncio.CancelledError("the workflow cancelled itself")
    try:
        main.result()
    except asyncio.CancelledError as raised:
        for note in compensation_notes(raised):
            error.add_note(note)
    return error


def _with_notes(failure: Failure, error: BaseException) -> Failure:
    """Compensations that failed are part of what a run says about its end."""
    notes = compensation_notes(error)
    if not notes:
        return failure
    text = storable_text("; ".join([failure.message, *notes]), MAX_TEXT)
    return Failure(failure.type, text, failure.details)


def asked_end(
    cancellation: Cancellation, error: BaseException | None = None
) -> tuple[RunEnd, EventKind, Any]:
    """The end of a run that was asked to end.

    Args:
        cancellation: how it was asked.
        error: what its code said last.
    """
    if cancellation.timeout is None:
        return _cancelled(error, cancellation.reason)
    failure = timed_out(cancellation.timeout)
    if error is not None and not isinstance(error, asyncio.CancelledError):
        text = f"{failure.message} (clean-up failed: {capture_failure(error).message})"
        failure = Failure(failure.type, storable_text(text, MAX_TEXT))
    if error is not None:
        failure = _with_notes(failure, error)
    return _failed(failure)


def cancelled_end(reason: str | None) -> tuple[RunEnd, EventKind, Any]:
    """The end of a run that was cancelled before its code was entered."""
    return _cancelled(None, reason)


def unentered_end(kind: EventKind, body: RunCancelled | RunFailed) -> RunEnd:
    """The end of a run whose journal has nothing else: its code was never entered.

    Args:
        kind: of the event; cancelled before its time, or failed because its first turn was refused.
        body: of the event.
    """
    if isinstance(body, RunFailed):
        return RunEnd(RunState.FAILED, error=body.error)
    return cancelled_end(body.reason)[0]


def _failed(failure: Failure) -> tuple[RunEnd, EventKind, Any]:
    return RunEnd(RunState.FAILED, error=failure), EventKind.RUN_FAILED, RunFailed(failure)


def _cancelled(error: BaseException | None, reason: str | None) -> tuple[RunEnd, EventKind, Any]:
    """`RunEnd.error` carries the reason, and what went wrong in the clean-up, for people."""
    failure = None if reason is None else Failure("cancelled", reason)
    if error is not None and not isinstance(error, asyncio.CancelledError):
        failure = capture_failure(error)
        if reason is not None:
            text = f"{reason} (clean-up failed: {failure.message})"
            failure = Failure(failure.type, text, failure.details)
    if error is not None and compensation_notes(error):
        failure = _with_notes(failure or Failure("cancelled", "cancelled"), error)
    end = RunEnd(RunState.CANCELLED, error=failure)
    return end, EventKind.RUN_CANCELLED, RunCancelled(reason)
