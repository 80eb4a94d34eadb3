"""The calls that workflow code makes: `continuum.sleep`, `continuum.wait_signal` and so on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, MutableMapping
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, overload
from uuid import UUID

from continuum.current import current_run
from continuum.engine.context import RunInfo, WorkflowContext
from continuum.engine.rng import Rng
from continuum.errors import NotInWorkflow

T = TypeVar("T")


def _context(call: str) -> WorkflowContext:
    run = current_run()
    if not isinstance(run, WorkflowContext):
        raise NotInWorkflow(
            f"continuum.{call}() works only inside a workflow",
            hint="call it from a function decorated with @workflow that a worker runs",
        )
    return run


def _seconds(duration: timedelta | float) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)


def sleep(duration: timedelta | float) -> Coroutine[Any, Any, None]:
    """Suspend the workflow for a time; it survives the process. `asyncio.sleep` does the same.

    Args:
        duration: a timedelta or seconds. Zero or less only lets other tasks run.

    Raises:
        NotInWorkflow: outside a workflow.

    Example:
        await continuum.sleep(timedelta(days=30))
    """
    _context("sleep")
    return asyncio.sleep(_seconds(duration))


@overload
def wait_signal(
    name: str, *, timeout: timedelta | float | None = None
) -> Coroutine[Any, Any, Any]: ...
@overload
def wait_signal(
    name: str,
    *,
    timeout: timedelta | float | None = None,
    type: type[T],
) -> Coroutine[Any, Any, T]: ...
@overload
def wait_signal(
    name: str,
    *,
    timeout: timedelta | float | None = None,
    type: Any = None,
) -> Coroutine[Any, Any, Any]: ...
def wait_signal(
    name: str,
    *,
    timeout: timedelta | float | None = None,
    type: Any = None,  # noqa: A002
) -> Coroutine[Any, Any, Any]:
    """The payload of the next signal of this name, in the order in which they were sent.

    A signal that arrived earlier is taken at once. Several waiters of one name are served in
    the order in which they began to wait.

    Args:
        name: of the signal.
        timeout: a timedelta or seconds; None waits for ever, zero only looks.
        type: what the payload is restored as; default JSON types.

    Raises:
        TimeoutError: (the builtin) no signal came in time.
        PayloadError: the payload does not fit `type`; that signal is consumed.
        NotInWorkflow: outside a workflow.

    Example:
        verdict = await continuum.wait_signal("fraud_review", timeout=timedelta(hours=24), type=str)
    """
    run = _context("wait_signal")
    seconds = None if timeout is None else _seconds(timeout)
    return run.wait_signal(name, seconds, Any if type is None else type)


def now() -> datetime:
    """The time, in UTC: that of the event the run is handling, the same in every replay.

    Raises:
        NotInWorkflow: outside a workflow.
    """
    return _context("now").now()


def today() -> date:
    """The date of `now()`, in UTC."""
    return _context("today").now().date()


def random() -> float:
    """A random float from 0.0 up to 1.0, the same in every replay."""
    return _context("random").rng().random()


def rng() -> Rng:
    """The run's random generator, with the methods of `random.Random`.

    Example:
        winner = continuum.rng().choice(candidates)
    """
    return _context("rng").rng()


def uuid4() -> UUID:
    """A random UUID, the same in every replay."""
    return _context("uuid4").rng().uuid4()


def side_effect(fn: Callable[[], T]) -> T:
    """Call a function once; replays get the journaled value instead.

    For something small, local and non-deterministic, like reading a setting. It is no activity:
    it blocks the worker, and if the process dies before the commit it is called again.

    Args:
        fn: takes nothing; what it returns is restored from its return annotation, JSON types
            without one.

    Raises:
        ActivityFailed: `fn` raised, or returned what cannot be stored; journaled likewise.
        NotInWorkflow: outside a workflow.

    Example:
        region = continuum.side_effect(lambda: os.environ["REGION"])
    """
    return _context("side_effect").side_effect(fn)


def info() -> RunInfo:
    """Run id, namespace, workflow, version, incarnation and start of this run."""
    return _context("info").info()


class WorkflowLogger(logging.LoggerAdapter[logging.Logger]):
    """Standard logging with the run in `extra`; writes nothing during replay.

    Records carry `run_id`, `workflow` and `namespace`. Outside a workflow it is a plain logger.
    """

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        """False during replay: the line was written when it was live."""
        run = current_run()
        if isinstance(run, WorkflowContext) and run.silent:
            return False
        return super().isEnabledFor(level)

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the run to the record."""
        run = current_run()
        if isinstance(run, WorkflowContext):
            who = run.identity
            extra = {
                "run_id": str(who.run_id),
                "workflow": who.workflow.name,
                "namespace": who.namespace,
            }
            kwargs["extra"] = {**extra, **(kwargs.get("extra") or {})}
        return msg, kwargs


logger: WorkflowLogger = WorkflowLogger(logging.getLogger("continuum.workflow"), {})
"""The logger for workflow code."""
