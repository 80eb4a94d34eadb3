"""From the journaled outcome of an activity to what its await does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from continuum.codec.annotations import DecodeFailure
from continuum.engine.attempts import ActivityState
from continuum.engine.drift import Drift, unreadable, waiting_location
from continuum.engine.failures import activity_error
from continuum.engine.futures import CommandFuture
from continuum.journal.events import ActivityCompleted, ActivityEnded

Outcome = Callable[[], None] | Drift
"""What resolves the await, or that the journaled value does not fit the code."""


def result_of(state: ActivityState, body: ActivityCompleted) -> Outcome:
    """The decoded result of a completed activity."""
    try:
        value = state.activity.returns.decode(bytes(body.value))
    except DecodeFailure as error:
        what = f"the result of command {state.command} (activity {state.activity.name})"
        main = getattr(state.future.get_loop(), "main", None)
        where = None if main is None else waiting_location(main.get_coro())
        return unreadable(what, error, where)
    return partial(_set_result, state.future, value)


def error_of(state: ActivityState, body: ActivityEnded) -> Outcome:
    """The error of one that failed."""
    return partial(_set_exception, state.future, activity_error(state, body))


def _set_result(future: CommandFuture, value: object) -> None:
    if not future.done():
        future.set_result(value)


def _set_exception(future: CommandFuture, error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
