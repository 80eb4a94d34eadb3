"""What workflow code reaches of its run: the object behind `continuum.*` calls."""

from __future__ import annotations

import asyncio
import inspect
import typing
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from msgspec import Raw
from msgspec.json import encode

from continuum.codec.annotations import DecodeFailure, ValueCodec
from continuum.codec.failures import capture_failure
from continuum.codec.hints import where_of
from continuum.current import current_run
from continuum.declare.activity import Activity
from continuum.declare.workflow import Workflow
from continuum.engine.attempts import Attempts
from continuum.engine.children import Child, ChildCall, ChildHandle, Children
from continuum.engine.commands import CommandLog
from continuum.engine.drift import caller_location, unreadable
from continuum.engine.futures import CommandFuture
from continuum.engine.loop import DeterministicLoop
from continuum.engine.mail import Mail
from continuum.engine.outcome import RunIdentity
from continuum.engine.patches import Patches
from continuum.engine.questions import Check, Question
from continuum.engine.rng import Rng
from continuum.engine.saga import compensating
from continuum.engine.signals import decode_signal
from continuum.errors import ActivityFailed, NotInWorkflow
from continuum.journal.events import (
    NULL,
    ActivityScheduled,
    AttributesSet,
    EventKind,
    SideEffect,
    ValuePublished,
)
from continuum.journal.turn import Answer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What `continuum.info()` tells about the run."""

    run_id: UUID
    namespace: str
    workflow: str
    version: int
    incarnation: int
    started_at: datetime
    parent_id: UUID | None


class Latched(BaseException):
    """Unwinds a plain call that cannot suspend once its run is latched; nothing it meets counts."""


class WorkflowContext:
    """Implements `CurrentRun` for one run in memory.

    Args:
        identity: the run.
        log, loop, attempts, mail, children, patches: its parts.

    Attributes:
        attributes: what the code has set since the last collect.
        published: values that it shows since then, as JSON, by name.
        next_input: the arguments of `continue_as_new`, once it was called.
    """

    __slots__ = ("_attempts", "_children", "_identity", "_log", "_loop", "_mail", "_patches",
                 "_rng", "_seed", "attributes", "next_input", "published")  # fmt: skip

    def __init__(
        self, identity: RunIdentity, log: CommandLog, loop: DeterministicLoop,
        attempts: Attempts, mail: Mail, children: Children, patches: Patches,
    ) -> None:  # fmt: skip
        self._identity = identity
        self._log = log
        self._loop = loop
        self._attempts = attempts
        self._mail = mail
        self._children = children
        self._patches = patches
        self._rng: Rng | None = None
        self._seed = identity.run_id
        self.attributes: dict[str, Any] | None = None
        self.published: dict[str, bytes] | None = None
        self.next_input: bytes | None = None

    def __str__(self) -> str:
        return f"run {self._identity.run_id} ({self._identity.workflow.name})"

    @property
    def silent(self) -> bool:
        """Whether log lines must not be written (again)."""
        return self._log.replaying or self._log.latched

    @property
    def dropped(self) -> bool:
        """Whether the run is being, or was, dropped from memory."""
        return self._log.dropped

    @property
    def in_side_effect(self) -> bool:
        """Whether a `side_effect` function is executing."""
        return self._log.busy_with is not None

    @property
    def latched(self) -> bool:
        """Whether nothing the code does has an effect any more."""
        return self._log.latched

    @property
    def identity(self) -> RunIdentity:
        """The run."""
        return self._identity

    def now(self) -> datetime:
        """Delivery time of the event being handled."""
        self._refuse_when_dropped()
        return self._log.now

    def rng(self) -> Rng:
        """The run's generator."""
        self._refuse_when_dropped()
        if self._rng is None:
            self._rng = Rng(self._seed, self._identity.incarnation)
        return self._rng

    @property
    def generator(self) -> Rng | None:
        """The run's generator, if its code has asked for one."""
        return self._rng

    def stand_for(self, run_id: UUID) -> None:
        """From here on what the run's id decides is decided by that one.

        Its random values, whoever holds the generator, and the ids of its children.
        """
        self._seed = self._children.parent = run_id
        if self._rng is not None:
            self._rng.seed(run_id, self._identity.incarnation)

    def info(self) -> RunInfo:
        """Facts about the run."""
        who = self._identity
        return RunInfo(who.run_id, who.namespace, who.workflow.name, who.workflow.version,
                       who.incarnation, who.started_at, who.parent_id)  # fmt: skip

    async def schedule_activity(self, activity: Activity[Any, Any], args: bytes) -> Any:
        """Issue an activity command; the await gives its decoded result."""
        future = CommandFuture(loop=self._loop)
        future.order = self._loop.next_order()
        scheduled = ActivityScheduled(activity.name, Raw(args), activity.queue)
        body = self._log.issue(EventKind.ACTIVITY_SCHEDULED, scheduled)
        if body is None:
            return await self._never()
        stored = bytes(body.args) if self._log.replaying else args
        self._attempts.schedule(self._log.count, activity, stored, future, body.queue)
        if compensating.get():
            self._attempts.open[self._log.count].protected = True
        return await future

    def saga_entered(self, saga: object) -> None:
        """From here on the run does not end before the saga is left."""
        task = asyncio.current_task()
        if task is not None:
            self._loop.sagas[saga] = task

    def saga_left(self, saga: object) -> None:
        """Its block is over, and what it had to undo is undone."""
        self._loop.sagas.pop(saga, None)

    async def wait_signal(self, name: str, timeout: float | None, codec: ValueCodec) -> Any:
        """The next signal of this name, decoded."""
        data = await self._mail.signals.wait(name, timeout)
        return decode_signal(name, data, codec)

    def wait_question(
        self, name: str, timeout: float | None, codec: ValueCodec, check: Check | None
    ) -> Coroutine[Any, Any, Question[Any]]:
        """The next question of this name whose payload fits."""
        return self._mail.questions.wait(name, timeout, codec, check, self._close)

    def _close(self, question: Question[Any], answer: Answer) -> None:
        """Answer or refuse a question, from the code of this run."""
        call = "Question.refuse" if answer.value is None else "Question.answer"
        if context_of(call) is not self:
            raise NotInWorkflow(f"{question!r} is another run's")
        self._refuse_plain_calls()
        if not self._mail.questions.close(question.message, answer):
            raise Latched

    def side_effect(self, fn: Callable[[], T]) -> T:
        """Call `fn` once in the life of the run; its journaled value ever after."""
        self._log.refuse_nested()
        where = f"side_effect {where_of(fn)}"
        codec = ValueCodec(_returns(fn), where)
        if self._log.replaying or self._log.latched:
            body = self._log.issue(EventKind.SIDE_EFFECT, SideEffect(Raw(NULL)))
        else:
            body = self._log.issue(EventKind.SIDE_EFFECT, self._call(fn, codec, where))
        if body is None:
            raise Latched
        if body.error is not None:
            raise ActivityFailed(
                where, body.error.type, body.error.message, details=body.error.details
            )
        try:
            return codec.decode(bytes(body.value))
        except DecodeFailure as error:
            self._log.fail(unreadable(f"the value of {where}", error, caller_location()))
            raise Latched from None

    def patched(self, name: str) -> bool:
        """Whether the new branch of a patch is taken."""
        self._refuse_plain_calls()
        return self._patches.taken(name)

    def set_attributes(self, attributes: dict[str, Any]) -> None:
        """Merge checked attributes into the run's."""
        body = AttributesSet(Raw(encode(attributes)))
        if self._log.issue(EventKind.ATTRIBUTES_SET, body) is None:
            raise Latched
        if not self._log.replaying:
            self.attributes = {**(self.attributes or {}), **attributes}

    def publish(self, name: str, value: bytes) -> None:
        """Show an encoded value under this name."""
        body = ValuePublished(name, Raw(value))
        if self._log.issue(EventKind.VALUE_PUBLISHED, body) is None:
            raise Latched
        if not self._log.replaying:
            self.published = {**(self.published or {}), name: value}

    async def run_child(self, call: ChildCall) -> Any:
        """Start a child and wait for its result; giving up cancels it."""
        child = await self._start_child(call)
        try:
            return await self._children.result(child, child.returns)
        except asyncio.CancelledError:
            self._children.cancel(child, "its parent no longer waits for it")
            raise

    async def start_child(self, call: ChildCall) -> ChildHandle[Any]:
        """Start a child."""
        return ChildHandle(self._children, await self._start_child(call))

    def children(self, flow: Workflow[Any, Any] | None) -> list[ChildHandle[Any]]:
        """Handles of the children whose result no code has taken, in the order of their start."""
        self._refuse_plain_calls()
        return [
            ChildHandle(self._children, child, flow)
            for child in self._children.untaken.values()
            if flow is None or child.name == flow.name
        ]

    async def _start_child(self, call: ChildCall) -> Child:
        child = self._children.start(call, self.attributes or {})
        return await self._never() if child is None else child

    def continue_as_new(self, args: tuple[Any, ...]) -> NoReturn:
        """End this incarnation: from here on nothing of it has an effect."""
        self._refuse_plain_calls()
        self.next_input = self._identity.workflow.signature.encode(args, {})
        self._log.latched = True
        raise Latched

    def _refuse_plain_calls(self) -> None:
        self._refuse_when_dropped()
        self._log.refuse_nested()
        if self._log.latched:
            raise Latched

    def _call(self, fn: Callable[[], Any], codec: ValueCodec, where: str) -> SideEffect:
        self._log.busy_with = where
        try:
            return SideEffect(Raw(codec.encode(fn())))
        except Exception as error:
            return SideEffect(Raw(NULL), capture_failure(error))
        finally:
            self._log.busy_with = None

    async def _never(self) -> Any:
        """Suspend for good: the run is latched and no callback runs again."""
        return await asyncio.Future[Any](loop=self._loop)

    def _refuse_when_dropped(self) -> None:
        if self._log.dropped:
            raise NotInWorkflow("this run was dropped from memory; nothing it does counts")


def context_of(call: str) -> WorkflowContext:
    """The run whose code executes now.

    Raises:
        NotInWorkflow: none does.
    """
    run = current_run()
    if not isinstance(run, WorkflowContext):
        raise NotInWorkflow(
            f"continuum.{call}() works only inside a workflow",
            hint="call it from a function decorated with @workflow that a worker runs",
        )
    return run


def _returns(fn: Callable[..., Any]) -> Any:
    if not inspect.isfunction(fn):
        return Any
    if "return" not in fn.__annotations__:
        return Any
    try:
        return typing.get_type_hints(fn, include_extras=True).get("return", Any)
    except NameError:
        return Any
