"""Sagas: compensations registered before their effects, run when their block fails."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, ParamSpec, Protocol, Self

from continuum.codec.failures import type_name
from continuum.declare.activity import Activity
from continuum.declare.functions import misplaced
from continuum.errors import NotInWorkflow

P = ParamSpec("P")

NOTE: Final = "compensation "
"""How the notes begin that a failed compensation leaves on the error."""

compensating: Final = ContextVar("continuum_compensating", default=False)
"""Set while compensations run: a first cancel request does not stop their activities."""

_logger = logging.getLogger("continuum.workflow")


class SagaRun(Protocol):
    """What a saga needs of its run."""

    @property
    def latched(self) -> bool:
        """Whether nothing the code does has an effect any more."""
        ...

    @property
    def silent(self) -> bool:
        """Whether log lines must not be written."""
        ...

    def schedule_activity(self, activity: Activity[Any, Any], args: bytes) -> Awaitable[Any]:
        """Issue an activity command."""
        ...

    def saga_entered(self, saga: object) -> None:
        """The run must not end before it is left."""
        ...

    def saga_left(self, saga: object) -> None:
        """It is over."""
        ...


@dataclass(frozen=True, slots=True)
class FailedCompensation:
    """A compensation that failed for good; the others ran all the same."""

    name: str
    error: BaseException

    def __str__(self) -> str:
        return f"{NOTE}{self.name} failed: {type_name(type(self.error))}: {self.error}"


class Saga:
    """What undoes the effects of an `async with` block; made by `continuum.saga()`.

    Attributes:
        failures: compensations that failed, once the block is left.
    """

    __slots__ = ("_left", "_parallel", "_run", "_steps", "failures")

    def __init__(self, run: SagaRun, *, parallel: bool) -> None:
        self._run = run
        self._parallel = parallel
        self._steps: list[tuple[str, Callable[[], Awaitable[Any]]]] = []
        self._left = False
        self.failures: list[FailedCompensation] = []

    def undo(
        self, compensation: Callable[P, Awaitable[Any]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Register a compensation, before the effect that it undoes.

        It must also be right when that effect never happened, since a crash may fall in between.

        Args:
            compensation: an activity, or an async function that calls activities.
            args, kwargs: what it is called with; an activity's are stored as they are now.

        Raises:
            PayloadError: the arguments of an activity cannot be stored.
            DefinitionError: it is nothing that can be called and awaited.
            NotInWorkflow: the block was left already.

        Example:
            saga.undo(refund, order.id)
            payment = await charge(order)
        """
        if self._left:
            raise NotInWorkflow("this saga is over; register compensations inside its block")
        if isinstance(compensation, Activity):
            data = compensation.signature.encode(args, kwargs)
            step = partial(self._run.schedule_activity, compensation, data)
            self._steps.append((compensation.name, step))
        elif not callable(compensation) or inspect.isbuiltin(compensation):
            raise misplaced(
                f"saga.undo takes an activity or an async function, not {compensation!r:.80}"
            )
        else:
            name = getattr(compensation, "__qualname__", repr(compensation))
            self._steps.append((name, partial(compensation, *args, **kwargs)))

    async def __aenter__(self) -> Self:
        self._run.saga_entered(self)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left = True
        try:
            await self._leave(exc)
        finally:
            self._run.saga_left(self)

    async def _leave(self, exc: BaseException | None) -> None:
        # A run that is dropped, drifts or continues as new is not over: nothing is undone.
        if exc is None or not self._steps or self._run.latched or isinstance(exc, GeneratorExit):
            return
        cancelled = await self._undisturbed()
        if cancelled is None:
            self._report(exc)
        else:
            self._report(cancelled)
            raise cancelled

    async def _undisturbed(self) -> asyncio.CancelledError | None:
        """Run all compensations; answers a cancellation that arrived meanwhile."""
        task = asyncio.ensure_future(self._compensate())
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError as error:
                cancelled = error
        return cancelled

    async def _compensate(self) -> None:
        compensating.set(True)
        steps = reversed(self._steps)
        if self._parallel:
            await asyncio.gather(*(self._undo(name, step) for name, step in steps))
        else:
            for name, step in steps:
                await self._undo(name, step)

    async def _undo(self, name: str, step: Callable[[], Awaitable[Any]]) -> None:
        try:
            await step()
        except (Exception, asyncio.CancelledError) as error:
            self.failures.append(FailedCompensation(name, error))

    def _report(self, error: BaseException) -> None:
        for failure in self.failures:
            error.add_note(str(failure))
            if not self._run.silent:
                _logger.error("%s: %s", self._run, failure)


def compensation_notes(error: BaseException | None) -> list[str]:
    """What sagas noted on an error about compensations that failed."""
    notes = getattr(error, "__notes__", ())
    return [note for note in notes if isinstance(note, str) and note.startswith(NOTE)]
