"""The calls that workflow code makes: `continuum.sleep`, `continuum.wait_signal` and so on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from datetime import date, datetime, timedelta
from inspect import iscoroutinefunction
from typing import Any, NoReturn, TypeVar, TypeVarTuple, cast, overload
from uuid import UUID

from continuum.codec.attributes import check_attributes, check_name, check_namespace
from continuum.current import current_run
from continuum.declare.activity import Activity
from continuum.declare.functions import misplaced
from continuum.declare.workflow import Startable, Workflow
from continuum.engine.children import ChildCall, ChildHandle, ParentClose
from continuum.engine.context import RunInfo, WorkflowContext, context_of
from continuum.engine.durations import seconds_of
from continuum.engine.rng import Rng
from continuum.engine.saga import Saga
from continuum.engine.signals import signal_codec

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def sleep(duration: timedelta | float) -> Coroutine[Any, Any, None]:
    """Suspend the workflow for a time; it survives the process. `asyncio.sleep` does the same.

    Args:
        duration: a timedelta or seconds. Zero or less only lets other tasks run.

    Raises:
        DefinitionError: not a duration.
        NotInWorkflow: outside a workflow.

    Example:
        await continuum.sleep(timedelta(days=30))
    """
    context_of("sleep")
    return asyncio.sleep(seconds_of(duration, "sleep"))


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
        PayloadError: the payload does not fit `type`; that signal is consumed. Or the name is
            none.
        DefinitionError: plain JSON cannot restore `type`, or `timeout` is no duration.
        NotInWorkflow: outside a workflow.

    Example:
        verdict = await continuum.wait_signal("fraud_review", timeout=timedelta(hours=24), type=str)
    """
    run = context_of("wait_signal")
    check_name(name, "signal name")
    seconds = None if timeout is None else seconds_of(timeout, "wait_signal(timeout=)")
    return run.wait_signal(name, seconds, signal_codec(Any if type is None else type))


def now() -> datetime:
    """The time, in UTC: that of the event the run is handling, the same in every replay.

    Raises:
        NotInWorkflow: outside a workflow.
    """
    return context_of("now").now()


def today() -> date:
    """The date of `now()`, in UTC."""
    return context_of("today").now().date()


def random() -> float:
    """A random float from 0.0 up to 1.0, the same in every replay."""
    return context_of("random").rng().random()


def rng() -> Rng:
    """The run's random generator, with the methods of `random.Random`.

    Example:
        winner = continuum.rng().choice(candidates)
    """
    return context_of("rng").rng()


def uuid4() -> UUID:
    """A random UUID, the same in every replay."""
    return context_of("uuid4").rng().uuid4()


def side_effect(fn: Callable[[], T]) -> T:
    """Call a function once; replays get the journaled value instead.

    For something small, local and non-deterministic, like reading a setting. It is no activity:
    it blocks the worker, and if the process dies before the commit it is called again.

    Args:
        fn: takes nothing; what it returns is restored from its return annotation, JSON types
            without one.

    Raises:
        ActivityFailed: `fn` raised, or returned what cannot be stored; journaled likewise.
        DefinitionError: `fn` is no plain function.
        NotInWorkflow: outside a workflow.

    Example:
        region = continuum.side_effect(lambda: os.environ["REGION"])
    """
    run = context_of("side_effect")
    if not callable(fn) or isinstance(fn, Activity | Workflow) or iscoroutinefunction(fn):
        raise misplaced(
            f"side_effect takes a plain function without arguments, not {fn!r:.80}",
            "what awaits belongs into an activity",
        )
    return run.side_effect(fn)


def set_attributes(attributes: Mapping[str, Any]) -> None:
    """Merge search attributes into the run's, exactly once, with this turn.

    Workflow code can write attributes but not read them: clients change them at any time.

    Args:
        attributes: a JSON object; keys given here replace those the run has.

    Raises:
        AttributesError: not a storable JSON object; nothing was set.
        NotInWorkflow: outside a workflow.

    Example:
        continuum.set_attributes({"stage": "shipping"})
    """
    run = context_of("set_attributes")
    run.set_attributes(check_attributes(attributes))


def patched(name: str) -> bool:
    """Whether this run takes the new branch of a change to its code.

    The first evaluation of a name decides it for the whole incarnation, and the decision is
    journaled: False while the run replays a journal that was made without it, else True.

    Args:
        name: of the change; a literal, never used again for another change.

    Raises:
        NotInWorkflow: outside a workflow.

    Example:
        if continuum.patched("fraud-v2"):
            verdict = await check_twice(order)
        else:
            verdict = await check(order)
    """
    run = context_of("patched")
    if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
        raise misplaced(f"a patch is named by 1 to 200 printable characters, not {name!r:.80}")
    return run.patched(name)


def saga(*, parallel: bool = False) -> Saga:
    """Compensations for a block: `async with continuum.saga() as saga: saga.undo(...)`.

    They run when the block is left by an error or by the cancellation of the run, never because
    a worker stops or the run moves to another one; a run that is cancelled by force undoes
    nothing. The last registered runs first. Each is retried as its activity says; one that fails
    does not stop the others: it is logged, noted on the error that the run then reports, and kept
    in `failures`. Neither a cancellation nor a timeout interrupts them; it is raised when they
    are done. When the workflow function ends while other tasks are still inside a saga, they are
    cancelled, and the run ends once their compensations are done.

    Args:
        parallel: run them all at once.

    Raises:
        NotInWorkflow: outside a workflow.

    Example:
        async with continuum.saga() as saga:
            saga.undo(refund, order.id)
            payment = await charge(order)
    """
    return Saga(context_of("saga"), parallel=parallel)


def run_child(
    flow: Startable[*Ts, T],
    *args: *Ts,
    namespace: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    parent_close: ParentClose = "cancel",
) -> Coroutine[Any, Any, T]:
    """Start a run of another workflow and wait for its result.

    Giving up the wait (a timeout, a cancellation) cancels the child.

    Args:
        flow: what to run; any worker that has loaded it may take it.
        args: its arguments.
        namespace: default the parent's.
        attributes: on top of those the parent has at that moment.
        parent_close: when this run ends first, "cancel" the child or "abandon" it to itself.

    Raises:
        ChildFailed: it failed.
        ChildCancelled: it was cancelled.
        ChildDepthExceeded: children nest more than ten deep.
        PayloadError, AttributesError, NamespaceError: nothing was started.
        NotInWorkflow: outside a workflow.

    Example:
        total = await continuum.run_child(region_report, "north")
    """
    run = context_of("run_child")
    return run.run_child(_child_call(flow, args, namespace, attributes, parent_close))


def start_child(
    flow: Startable[*Ts, T],
    *args: *Ts,
    namespace: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    parent_close: ParentClose = "cancel",
) -> Coroutine[Any, Any, ChildHandle[T]]:
    """As `run_child`, but gives a handle at once: `id`, `result()`, `signal()`, `cancel()`.

    Example:
        reports = [await continuum.start_child(region_report, r) for r in regions]
        totals = await asyncio.gather(*(report.result() for report in reports))
    """
    run = context_of("start_child")
    return run.start_child(_child_call(flow, args, namespace, attributes, parent_close))


@overload
def children() -> list[ChildHandle[Any]]: ...
@overload
def children(flow: Startable[*Ts, T]) -> list[ChildHandle[T]]: ...
def children(flow: Any = None) -> list[ChildHandle[Any]]:
    """Handles of this run's children whose result no code has taken, in the order of their start.

    They may have been started by earlier incarnations: `continue_as_new` carries live children,
    and, into the next incarnation, the end of one that ended meanwhile. A plain call.

    Args:
        flow: only children that run this workflow; their results get its type. Without it a
            child of an earlier incarnation gives JSON types.

    Raises:
        DefinitionError: `flow` is no workflow.
        NotInWorkflow: outside a workflow.

    Example:
        for report in continuum.children(region_report):
            total += await report.result()
    """
    run = context_of("children")
    return run.children(None if flow is None else _workflow(flow))


def _workflow(flow: Any) -> Workflow[..., Any]:
    if not isinstance(flow, Workflow):
        raise misplaced(f"{flow!r:.80} is not a workflow", "decorate it with @workflow")
    return cast("Workflow[..., Any]", flow)


def _child_call(
    flow: Any,
    args: tuple[Any, ...],
    namespace: str | None,
    attributes: Mapping[str, Any] | None,
    parent_close: ParentClose,
) -> ChildCall:
    child = _workflow(flow)
    if parent_close not in ("cancel", "abandon"):
        raise misplaced(f'parent_close is "cancel" or "abandon", not {parent_close!r:.80}')
    return ChildCall(
        child,
        child.signature.encode(args, {}),
        None if namespace is None else check_namespace(namespace),
        None if attributes is None else check_attributes(attributes),
        parent_close,
    )


def continue_as_new(*args: Any) -> NoReturn:
    """End this incarnation of the run and begin the next, with new arguments and a fresh history.

    The run keeps its id: signals, cancel and result go on. Activities in flight are cancelled,
    timers are forgotten; live children, signals that nobody took and questions without an answer
    are carried over. It never returns, and the code is left where it stands: no `except`, no
    compensation of a saga and no effect in a `finally` happens. A run that was asked to stop ends
    cancelled instead.

    Args:
        args: of the next incarnation, for the workflow's own parameters.

    Raises:
        PayloadError: an argument cannot be stored; the incarnation goes on.
        NotInWorkflow: outside a workflow.

    Example:
        continuum.continue_as_new(customer, month + 1)
    """
    context_of("continue_as_new").continue_as_new(args)


def info() -> RunInfo:
    """Run id, namespace, workflow, version, incarnation and start of this run."""
    return context_of("info").info()


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
