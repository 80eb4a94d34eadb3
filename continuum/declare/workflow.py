"""Workflows: ordinary coroutine functions that survive the process that runs them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    TypeVarTuple,
    overload,
)

from msgspec.structs import replace

from continuum.check.declared import check_declared
from continuum.codec.annotations import SignatureCodec, ValueCodec
from continuum.codec.hints import Hints, source_of, where_of
from continuum.declare.durations import Duration, optional_seconds
from continuum.declare.functions import refuse_non_functions, refuse_unknown, registered_name
from continuum.errors import DefinitionError
from continuum.journal.turn import VersionPin
from continuum.versions.runtime import runtime_tag

if TYPE_CHECKING:
    from continuum.versions.hashing import VersionedCode

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Ts = TypeVarTuple("Ts")

MAX_VERSION: Final = 2**31 - 1


class Workflow(Generic[P, R_co]):
    """A declared workflow; made by `@workflow`, started by a client.

    Called directly it is its plain coroutine function, with nothing durable about it.

    Attributes:
        name: registered name.
        version: label given by its author; shown to people, never compared.
        fn: the plain function.
        retention: seconds a finished run is kept before `prune` may delete it, None for ever.
        version_hash: SHA-256 of its code and of the code that it reaches, all patches taken.
            It is computed at first use, when helpers defined further down exist, too.
        pin: what a node must have loaded to continue a run of it that has taken no patch.
        code: its hash for every set of patches.
        signature, returns: codecs of arguments and result.
        source: "file.py:12".
    """

    __slots__ = ("__name__", "__wrapped__", "code", "fn", "name", "pin", "pins",
                 "retention", "returns", "signature", "source", "version",
                 "version_hash")  # fmt: skip
    declared_as: ClassVar = "workflow"
    version_hash: str
    pin: VersionPin
    code: VersionedCode

    def __init__(
        self,
        fn: Callable[P, Coroutine[Any, Any, R_co]],
        *,
        name: str | None = None,
        version: int = 1,
        retention: Duration | None = None,
    ) -> None:
        at = where_of(fn)
        refuse_non_functions(fn, "workflow", at)
        if not inspect.iscoroutinefunction(fn):
            raise DefinitionError(f"{at}: workflow {fn.__qualname__} must be an `async def`")
        self.fn = fn
        self.__wrapped__ = fn
        self.__name__ = fn.__name__
        self.source = source_of(fn)
        self.name = registered_name(fn, name, at)
        self.version = _version(version, at)
        hints = Hints(fn, at)
        self.signature = SignatureCodec(fn, f"workflow {self.name}", hints)
        result = f"result of workflow {self.name} ({self.source})"
        self.returns = ValueCodec.of_result(hints, result)
        self.retention = optional_seconds(retention, f"{at}: retention")
        self.pins: dict[frozenset[str], VersionPin] = {}
        check_declared(fn)

    def __getattr__(self, name: str) -> Any:
        """Only for slots that are not filled yet."""
        if name == "code":
            from continuum.versions.hashing import VersionedCode  # a client never needs it

            self.code = VersionedCode(self.fn)
            return self.code
        if name == "version_hash":
            self.version_hash = self.code.hash(self.code.patches)
            return self.version_hash
        if name == "pin":
            self.pin = VersionPin(self.name, self.version, self.code.hash(), runtime_tag())
            return self.pin
        raise AttributeError(f"a workflow has no attribute {name!r}", name=name, obj=self)

    def pin_of(self, taken: frozenset[str]) -> VersionPin:
        """What a node must have loaded to continue a run that has taken these patches."""
        if not taken:
            return self.pin
        pin = self.pins.get(taken)
        if pin is None:
            pin = replace(self.pin, version_hash=self.code.hash(taken))
            self.pins[taken] = pin
        return pin

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Its plain coroutine, for unit tests and for composing workflow code."""
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<workflow {self.name} version {self.version} at {self.source}>"


_OPTIONS: Final[tuple[str, ...]] = tuple(vars(Workflow)["__init__"].__kwdefaults__)


class Startable(Protocol[*Ts, R_co]):
    """A workflow seen by a call that takes its positional arguments and more options.

    A ParamSpec cannot be followed by further keyword parameters; this form lets a type checker
    compare the arguments of `start` with the workflow's, defaults included.
    """

    @property
    def version_hash(self) -> str: ...
    def __call__(self, *args: *Ts) -> Coroutine[Any, Any, R_co]: ...


class _Decorator:
    """`@workflow(...)` with its options, waiting for the function."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]]) -> Workflow[P, R]:
        return Workflow(fn, **self._options)


@overload
def workflow(fn: Callable[P, Coroutine[Any, Any, R]], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *, name: str | None = None, version: int = 1, retention: Duration | None = None
) -> _Decorator: ...
def workflow(
    fn: Callable[..., Any] | None = None, /, **options: Any
) -> Workflow[..., Any] | _Decorator:
    """Declare an `async def` with positional parameters as a workflow.

    Args:
        name: registered name; default `module:qualname`.
        version: a whole number for people; what decides is the hash of the code.
        retention: how long finished runs are kept before `prune` may delete them; a timedelta
            or seconds; default for ever.

    Raises:
        DefinitionError: with file and line, when the declaration is wrong; also for code that a
            replay could not repeat, if CONTINUUM_CHECK=error (default: a `DeterminismWarning`).

    Example:
        @workflow(version=1)
        async def order_flow(order: Order) -> str:
            payment = await charge(order)
            return await ship(order, payment)
    """
    refuse_unknown("workflow", options, _OPTIONS)
    if fn is None:
        return _Decorator(options)
    return Workflow(fn, **options)


def _version(value: object, at: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_VERSION:
        raise DefinitionError(f"{at}: version is a whole number from 1, not {value!r}")
    return value
