"""Activities: the steps of a workflow that touch the world."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, Generic, Literal, ParamSpec, TypeVar, cast, overload

from continuum.codec.annotations import SignatureCodec, ValueCodec
from continuum.codec.hints import Hints, source_of, where_of
from continuum.current import current_run
from continuum.declare.durations import Duration, optional_seconds
from continuum.declare.functions import (
    MAX_NAME,
    misplaced,
    refuse_non_functions,
    refuse_unknown,
    registered_name,
)
from continuum.declare.retry import Retry
from continuum.errors import DefinitionError

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

OnCrash = Literal["retry", "fail"]
Executor = Literal["thread", "process"]
KeyOf = Callable[..., str]
MAX_CRASHES: Final = 10
PRIORITIES: Final = range(-1000, 1001)
_NO_RETRY: Final = Retry()


class _Unset:
    """Marks an option that was not given, where None has a meaning."""


_UNSET: Final = _Unset()


class Activity(Generic[P, R_co]):
    """A declared activity; made by `@activity`, called like its function.

    Inside a workflow a call schedules the activity durably and its await gives the result.
    Outside, an async one runs its function, a sync one runs it in a thread.

    Attributes:
        name: registered name.
        fn: the plain function.
        is_async: whether `fn` is a coroutine function.
        retry: when failed attempts are repeated.
        timeout: seconds one attempt may take, None for no limit.
        heartbeat_timeout: seconds between heartbeats of one attempt, None for none expected.
        queue: named queue it is sent to, None for the worker that runs the workflow.
        priority: within a queue, higher first.
        idempotency_key: key under which a result is shared by all calls, or a function that
            gives it for the arguments of a call.
        executor: where a synchronous function runs, "thread" or "process".
        transactional: whether it runs in the transaction that stores its result.
        on_crash: "retry", or "fail" for at most once.
        max_crashes: crashes after which it fails as `ActivityCrashed`.
        signature, returns: codecs of arguments and result.
        source: "file.py:12".
    """

    __slots__ = ("__name__", "__wrapped__", "executor", "fn", "heartbeat_timeout",
                 "idempotency_key", "is_async", "max_crashes", "name", "on_crash", "priority",
                 "queue", "retry", "returns", "signature", "source", "timeout",
                 "transactional")  # fmt: skip
    declared_as: ClassVar = "activity"

    def __init__(
        self,
        fn: Callable[P, Any],
        *,
        name: str | None = None,
        retry: Retry = _NO_RETRY,
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
        queue: str | None = None,
        priority: int = 0,
        idempotency_key: str | KeyOf | None = None,
        on_crash: OnCrash = "retry",
        executor: Executor = "thread",
        transactional: bool = False,
    ) -> None:
        at = where_of(fn)
        refuse_non_functions(fn, "activity", at)
        self.fn = fn
        self.__wrapped__ = fn
        self.__name__ = fn.__name__
        self.source = source_of(fn)
        self.is_async = inspect.iscoroutinefunction(fn)
        self.name = registered_name(fn, name, at)
        hints = Hints(fn, at)
        self.signature = SignatureCodec(fn, f"activity {self.name}", hints)
        result = f"result of activity {self.name} ({self.source})"
        self.returns = ValueCodec.of_result(hints, result)
        self.max_crashes = MAX_CRASHES
        self.retry = _retry(retry, at)
        self.timeout = optional_seconds(timeout, f"{at}: timeout")
        self.heartbeat_timeout = optional_seconds(heartbeat_timeout, f"{at}: heartbeat_timeout")
        self.queue = _label(queue, f"{at}: queue")
        self.priority = _priority(priority, at)
        self.idempotency_key = _key(idempotency_key, f"{at}: idempotency_key")
        self.on_crash: OnCrash = _on_crash(on_crash, at)
        self.executor: Executor = _executor(executor, fn, at)
        self.transactional = _transactional(transactional, fn, at)
        if executor == "process" and self.heartbeat_timeout is not None:
            raise DefinitionError(f"{at}: heartbeats do not cross processes; use timeout=")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Schedule it, inside a workflow; outside, run its function."""
        run = current_run()
        if run is None:
            if self.is_async:
                return self.fn(*args, **kwargs)
            return asyncio.to_thread(self.fn, *args, **kwargs)
        scheduled: Activity[P, R_co] = self
        if callable(self.idempotency_key):
            scheduled = self._copy()
            scheduled.idempotency_key = self._key_of(self.idempotency_key, args, kwargs)
        return cast(
            "Coroutine[Any, Any, R_co]",
            run.schedule_activity(scheduled, self.signature.encode(args, kwargs)),
        )

    def _key_of(self, key: KeyOf, args: Any, kwargs: Any) -> str:
        what = f"idempotency_key of activity {self.name}"
        made = _label(key(*args, **kwargs), what)
        if made is None:
            raise DefinitionError(f"{what} gave None; it must give a string")
        return made

    def options(
        self,
        *,
        retry: Retry | _Unset = _UNSET,
        timeout: Duration | _Unset | None = _UNSET,
        heartbeat_timeout: Duration | _Unset | None = _UNSET,
        queue: str | _Unset | None = _UNSET,
        priority: int | _Unset = _UNSET,
        idempotency_key: str | KeyOf | _Unset | None = _UNSET,
        on_crash: OnCrash | _Unset = _UNSET,
    ) -> Activity[P, R_co]:
        """The same activity with other options for some calls.

        Example:
            await charge.options(timeout=5, idempotency_key=order.id)(order)

        Raises:
            DefinitionError: an option out of bounds.
        """
        other = self._copy()
        at = f"options of {self.name}"
        try:
            if not isinstance(retry, _Unset):
                other.retry = _retry(retry, at)
            if not isinstance(timeout, _Unset):
                other.timeout = optional_seconds(timeout, f"{at}: timeout")
            if not isinstance(heartbeat_timeout, _Unset):
                other.heartbeat_timeout = optional_seconds(
                    heartbeat_timeout, f"{at}: heartbeat_timeout"
                )
            if not isinstance(queue, _Unset):
                other.queue = _label(queue, f"{at}: queue")
            if not isinstance(priority, _Unset):
                other.priority = _priority(priority, at)
            if not isinstance(idempotency_key, _Unset):
                other.idempotency_key = _key(idempotency_key, f"{at}: idempotency_key")
            if not isinstance(on_crash, _Unset):
                other.on_crash = _on_crash(on_crash, at)
        except DefinitionError as error:
            raise misplaced(error.message, error.hint) from None
        return other

    def _copy(self) -> Activity[P, R_co]:
        other: Activity[P, R_co] = object.__new__(type(self))
        for slot in Activity.__slots__:
            setattr(other, slot, getattr(self, slot))
        return other

    def __repr__(self) -> str:
        return f"<activity {self.name} at {self.source}>"


_OPTIONS: Final[tuple[str, ...]] = tuple(vars(Activity)["__init__"].__kwdefaults__)


class _Decorator:
    """`@activity(...)` with its options, waiting for the function."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]]) -> Activity[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R]) -> Activity[P, R]: ...
    def __call__(self, fn: Callable[P, Any]) -> Activity[P, Any]:
        return Activity(fn, **self._options)


@overload
def activity(fn: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...
@overload
def activity(fn: Callable[P, R], /) -> Activity[P, R]: ...
@overload
def activity(
    *,
    name: str | None = None,
    retry: Retry = ...,
    timeout: Duration | None = None,
    heartbeat_timeout: Duration | None = None,
    queue: str | None = None,
    priority: int = 0,
    idempotency_key: str | KeyOf | None = None,
    on_crash: OnCrash = "retry",
    executor: Executor = "thread",
    transactional: bool = False,
) -> _Decorator: ...
def activity(
    fn: Callable[..., Any] | None = None, /, **options: Any
) -> Activity[..., Any] | _Decorator:
    """Declare a function as an activity: a step that may do anything and is run by a worker.

    Args:
        name: registered name; default `module:qualname`.
        retry: when failed attempts are repeated; default never.
        timeout: how long one attempt may take; a timedelta or seconds; default no limit.
        heartbeat_timeout: longest time between heartbeats; a timedelta or seconds.
        queue: named queue to send it to.
        priority: -1000 to 1000, higher first within its queue.
        idempotency_key: calls with one key share one result, within a namespace, for ever; a
            string, or a function of the call's arguments that gives it.
        on_crash: "retry", or "fail" for at most once: the first crash of a worker fails it.
        executor: "process" runs a synchronous function in a process of its own, for work that
            would keep the interpreter busy; it must be importable from its module.
        transactional: an async function whose work on `continuum.transaction()` commits together
            with its result, exactly once.

    Raises:
        DefinitionError: with file and line, when the declaration is wrong.

    Example:
        @activity(retry=Retry(max_attempts=5), timeout=30)
        async def charge(order: Order) -> str: ...
    """
    refuse_unknown("activity", options, _OPTIONS)
    if fn is None:
        return _Decorator(options)
    return Activity(fn, **options)


def _retry(value: object, at: str) -> Retry:
    if not isinstance(value, Retry):
        raise DefinitionError(f"{at}: retry takes Retry(...), not {value!r}")
    return value


def _label(value: object, what: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
        raise DefinitionError(f"{what} is 1 to {MAX_NAME} printable characters, not {value!r:.80}")
    return value


def _priority(value: object, at: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value not in PRIORITIES:
        raise DefinitionError(f"{at}: priority is a whole number, -1000 to 1000, not {value!r}")
    return value


def _on_crash(value: object, at: str) -> OnCrash:
    if value not in ("retry", "fail"):
        raise DefinitionError(f'{at}: on_crash is "retry" or "fail", not {value!r}')
    return value


def _key(value: object, what: str) -> str | KeyOf | None:
    if callable(value):
        return cast("KeyOf", value)
    return _label(value, what)


def _executor(value: object, fn: Callable[..., Any], at: str) -> Executor:
    if value not in ("thread", "process"):
        raise DefinitionError(f'{at}: executor is "thread" or "process", not {value!r}')
    if value == "process":
        if inspect.iscoroutinefunction(fn):
            raise DefinitionError(f'{at}: executor="process" is for synchronous functions')
        if "<" in fn.__qualname__:
            raise DefinitionError(
                f'{at}: executor="process" needs a function of a module; '
                f"another process cannot import {fn.__qualname__}"
            )
    return value


def _transactional(value: object, fn: Callable[..., Any], at: str) -> bool:
    if not isinstance(value, bool):
        raise DefinitionError(f"{at}: transactional is True or False, not {value!r}")
    if value and not inspect.iscoroutinefunction(fn):
        raise DefinitionError(f"{at}: transactional=True is for async functions")
    return value
