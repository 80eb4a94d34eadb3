"""Children of one run: started, awaited and cancelled by numbered commands.

A child is a run of its own; its parent and it talk through their inboxes. The turn that issues
`child_started` inserts it, so no child exists that its parent's journal does not know; its own
last turn posts how it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Raw

from continuum.codec.annotations import DecodeFailure, ValueCodec
from continuum.declare.workflow import Workflow
from continuum.engine.commands import CommandLog
from continuum.engine.drift import unreadable
from continuum.engine.futures import DurableFuture
from continuum.engine.loop import DeterministicLoop
from continuum.engine.outcome import RunIdentity
from continuum.errors import ChildCancelled, ChildDepthExceeded, ChildFailed
from continuum.journal.events import (
    ChildCancelRequested,
    ChildCarried,
    ChildEnded,
    ChildStarted,
    EventKind,
    Failure,
)
from continuum.journal.turn import NewRun, Post
from continuum.model import RunState

R_co = TypeVar("R_co", covariant=True)

ParentClose = Literal["cancel", "abandon"]

MAX_DEPTH: Final = 10
"""A run that no run started has depth 0."""

END_KINDS: Final = {
    RunState.COMPLETED: EventKind.CHILD_COMPLETED,
    RunState.FAILED: EventKind.CHILD_FAILED,
    RunState.CANCELLED: EventKind.CHILD_CANCELLED,
}


@dataclass(slots=True, eq=False)
class Child:
    """One child that has not ended, as its parent knows it.

    Attributes:
        command: number of its `child_started`; 0 when an earlier incarnation started it.
        watchers: how many tasks await its result now.
        asked: a cancel request was sent to it.
    """

    command: int
    run_id: UUID
    name: str
    parent_close: str
    future: DurableFuture
    returns: ValueCodec | None = None
    watchers: int = 0
    asked: bool = False


@dataclass(frozen=True, slots=True)
class ChildCall:
    """What `start_child` was given."""

    flow: Workflow[Any, Any]
    args: bytes
    namespace: str | None
    attributes: dict[str, Any] | None
    parent_close: ParentClose


class Children:
    """The live children of one incarnation.

    Attributes:
        open: by run id.
        new: to be inserted, since the last collect.
        posts: messages to be sent, since the last collect.
    """

    __slots__ = ("_identity", "_log", "_loop", "new", "open", "posts")

    def __init__(self, identity: RunIdentity, log: CommandLog, loop: DeterministicLoop) -> None:
        self._identity = identity
        self._log = log
        self._loop = loop
        self.open: dict[UUID, Child] = {}
        self.new: list[NewRun] = []
        self.posts: list[Post] = []

    # commands

    def start(self, call: ChildCall, inherited: Mapping[str, Any]) -> Child | None:
        """Issue the command; None once latched.

        Args:
            call: what to start.
            inherited: attributes that this turn sets on the parent before.

        Raises:
            ChildDepthExceeded: the parent is itself ten deep.
        """
        who, log, flow = self._identity, self._log, call.flow
        if who.depth >= MAX_DEPTH:
            raise ChildDepthExceeded(
                f"{flow.name} would be nested {who.depth + 1} deep; the limit is {MAX_DEPTH}"
            )
        run_id = child_run_id(who.run_id, who.incarnation, log.count + 1, log.now)
        namespace = call.namespace or who.namespace
        body = log.issue(
            EventKind.CHILD_STARTED,
            ChildStarted(
                run_id, flow.name, Raw(call.args), namespace, call.parent_close, call.attributes
            ),
        )
        if body is None:
            return None
        child = Child(
            log.count, body.run_id, flow.name, body.parent_close, self._loop.create_future(),
            flow.returns,
        )  # fmt: skip
        self.open[child.run_id] = child
        if not log.replaying:
            attributes = {**inherited, **(call.attributes or {})}
            self.new.append(
                NewRun(
                    child.run_id, namespace, flow.name, call.args, attributes,
                    parent_id=who.run_id, depth=who.depth + 1, parent_close=call.parent_close,
                )
            )  # fmt: skip
        return child

    def cancel(self, child: Child, reason: str | None) -> None:
        """Send a child one cancel request, by a command of its own; nothing when it has ended."""
        if child.asked or child.run_id not in self.open:
            return
        body = self._log.issue(
            EventKind.CHILD_CANCEL_REQUESTED, ChildCancelRequested(child.command, reason)
        )
        if body is not None:
            self._ask(child, reason)

    async def result(self, child: Child) -> Any:
        """Wait for its end. Cancelling this wait does not touch the child."""
        child.watchers += 1
        try:
            return await asyncio.shield(child.future)
        finally:
            child.watchers -= 1

    # what arrives

    def ended(self, body: ChildEnded, where: Callable[[], str | None]) -> None:
        """A child has ended; one that this incarnation does not know is nobody's concern.

        `where` tells where the code waits, should the result not fit it.
        """
        child = self.open.pop(body.run_id, None)
        if child is None or child.future.done():
            return
        if body.state != RunState.COMPLETED:
            child.future.set_exception(_error(child, body))
            child.future.exception()  # nobody has to look: a parent may start and forget
            return
        try:
            value = None if child.returns is None else child.returns.decode(bytes(body.value))
        except DecodeFailure as error:
            what = f"the result of command {child.command} (child {child.name})"
            self._log.fail(unreadable(what, error, where()))
        else:
            child.future.set_result(value)

    def carry(self, body: ChildCarried) -> None:
        """A child of an earlier incarnation: only its parent-close policy still matters."""
        future = self._loop.create_future()
        self.open[body.run_id] = Child(0, body.run_id, body.name, body.parent_close, future)

    def ask_all(self, reason: str | None) -> None:
        """The parent is being cancelled or has ended: so are children by their policy."""
        text = f"its parent stops: {reason}" if reason else "its parent stops"
        for child in self.open.values():
            if child.parent_close == "cancel" and not child.asked:
                self._ask(child, text)

    def carried(self) -> list[ChildCarried]:
        """What the next incarnation must know."""
        return [ChildCarried(c.run_id, c.name, c.parent_close) for c in self.open.values()]

    def watched(self) -> list[Child]:
        """Children whose result somebody awaits."""
        return [child for child in self.open.values() if child.watchers]

    def _ask(self, child: Child, reason: str | None) -> None:
        child.asked = True
        if not self._log.replaying:
            self.posts.append(cancel_post(child.run_id, reason))


class ChildHandle(Generic[R_co]):
    """A child run that was started; made by `start_child`.

    Attributes:
        id: its run id, with which clients may signal, query or cancel it too.

    Example:
        report = await continuum.start_child(region_report, "north")
        other = await charge(order)
        print(await report.result())
    """

    __slots__ = ("_child", "_children", "id")

    def __init__(self, children: Children, child: Child) -> None:
        self._children = children
        self._child = child
        self.id = child.run_id

    async def result(self) -> R_co:
        """Its result, as often as you like.

        Cancelling this wait leaves the child alone.

        Raises:
            ChildFailed: it failed.
            ChildCancelled: it was cancelled.
        """
        return await self._children.result(self._child)

    def cancel(self, reason: str | None = None) -> None:
        """Ask it to stop; its `result()` raises `ChildCancelled` once it has. A plain call."""
        self._children.cancel(self._child, reason)


def cancel_post(run_id: UUID, reason: str | None) -> Post:
    """A cancel request for another run."""
    return Post(run_id, "cancel", "", msgspec.json.encode(reason))


def child_run_id(parent: UUID, incarnation: int, command: int, at: datetime) -> UUID:
    """A version 7 id that is the same whenever this command of this incarnation is executed."""
    text = parent.bytes + incarnation.to_bytes(4, "big") + command.to_bytes(4, "big")
    value = int.from_bytes(blake2b(text, digest_size=10, person=b"continuum-child").digest(), "big")
    value |= int(at.timestamp() * 1000) << 80
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def _error(child: Child, body: ChildEnded) -> Exception:
    error = body.error
    if body.state == RunState.CANCELLED:
        return ChildCancelled(child.run_id, child.name, None if error is None else error.message)
    failure = error or Failure("unknown", "")
    return ChildFailed(child.run_id, child.name, failure.type, failure.message, failure.details)
