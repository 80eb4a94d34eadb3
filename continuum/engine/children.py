"""Children of one run: started, awaited and cancelled by numbered commands.

A child is a run of its own; its parent and it talk through their inboxes. The turn that issues
`child_started` inserts it, so no child exists that its parent's journal does not know; its own
last turn posts how it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Raw

from continuum.codec.annotations import DecodeFailure, ValueCodec
from continuum.codec.attributes import check_json, check_name, check_reason
from continuum.declare.workflow import Workflow
from continuum.engine.commands import CommandLog
from continuum.engine.drift import caller_location, unreadable
from continuum.engine.futures import DurableFuture
from continuum.engine.loop import DeterministicLoop
from continuum.engine.outcome import RunIdentity
from continuum.errors import ChildCancelled, ChildDepthExceeded, ChildFailed, RunTerminal
from continuum.journal.events import (
    ChildCancelRequested,
    ChildCarried,
    ChildEnded,
    ChildSignalled,
    ChildStarted,
    EventKind,
    Failure,
)
from continuum.journal.trace import CONTEXT, encode_context
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


_JSON: Final = ValueCodec(Any, "result of a child")


@dataclass(slots=True, eq=False)
class Child:
    """One child whose result nobody has taken, as its parent knows it.

    Attributes:
        command: number of its `child_started`; 0 when an earlier incarnation started it.
        future: of the event that ends it.
        watchers: how many tasks await its result now.
        asked: a cancel request was sent to it.
        former: it ended in an earlier incarnation.
    """

    command: int
    run_id: UUID
    name: str
    parent_close: str
    future: DurableFuture
    returns: ValueCodec = _JSON
    watchers: int = 0
    asked: bool = False
    former: bool = False


@dataclass(frozen=True, slots=True)
class ChildCall:
    """What `start_child` was given."""

    flow: Workflow[Any, Any]
    args: bytes
    namespace: str | None
    attributes: dict[str, Any] | None
    parent_close: ParentClose


class Children:
    """The children of one incarnation.

    Attributes:
        open: those that have not ended, by run id.
        untaken: those and the ended ones whose result no code has seen, as they were started.
        new: to be inserted, since the last collect.
        posts: messages to be sent, since the last collect.
        parent: whose children they are; in what a fork replays of its origin, the origin.
    """

    __slots__ = ("_identity", "_log", "_loop", "new", "open", "parent", "posts", "untaken")

    def __init__(self, identity: RunIdentity, log: CommandLog, loop: DeterministicLoop) -> None:
        self._identity = identity
        self._log = log
        self._loop = loop
        self.parent = identity.run_id
        self.open: dict[UUID, Child] = {}
        self.untaken: dict[UUID, Child] = {}
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
        run_id = child_run_id(self.parent, who.incarnation, log.count + 1, log.now)
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
        self._add(child)
        if not log.replaying:
            attributes = {**inherited, **(call.attributes or {})}
            self.new.append(
                NewRun(
                    child.run_id, namespace, flow.name, call.args, attributes,
                    parent_id=who.run_id, depth=who.depth + 1, parent_close=call.parent_close,
                )
            )  # fmt: skip
            if who.context is not None:
                self.posts.append(Post(child.run_id, CONTEXT, "", encode_context(who.context)))
        return child

    def cancel(self, child: Child, reason: str | None) -> None:
        """Send a child one cancel request, by a command of its own; nothing when it has ended."""
        if child.asked or child.run_id not in self.open:
            return
        named = None if child.command else child.run_id
        body = self._log.issue(
            EventKind.CHILD_CANCEL_REQUESTED, ChildCancelRequested(child.command, reason, named)
        )
        if body is not None:
            self._ask(child, reason)

    def signal(self, child: Child, name: str, value: bytes) -> None:
        """Send a child a signal, by a command of its own.

        It travels in the turn that journals the command, so it arrives once or (when the child
        has ended by then) not at all.

        Raises:
            RunTerminal: this run knows already that the child has ended.
        """
        if child.run_id not in self.open:
            raise RunTerminal(child.run_id, child.future.result().state)
        body = self._log.issue(
            EventKind.CHILD_SIGNALLED, ChildSignalled(child.run_id, name, Raw(value))
        )
        if body is not None and not self._log.replaying:
            self.posts.append(Post(child.run_id, "signal", name, value))

    async def result(self, child: Child, returns: ValueCodec) -> Any:
        """Wait for its end. Cancelling this wait does not touch the child."""
        child.watchers += 1
        try:
            body: ChildEnded = await asyncio.shield(child.future)
        finally:
            child.watchers -= 1
        self.untaken.pop(child.run_id, None)
        if body.state != RunState.COMPLETED:
            raise _error(child, body)
        try:
            return returns.decode(bytes(body.value))
        except DecodeFailure as error:
            what = f"the result of child {child.run_id} ({child.name})"
            self._log.fail(unreadable(what, error, caller_location()))
            return await self._loop.create_future()  # latched: nothing goes on here

    # what arrives

    def ended(self, body: ChildEnded) -> None:
        """A child has ended; one that this incarnation does not know is nobody's concern."""
        child = self.open.pop(body.run_id, None)
        if child is not None:
            child.former = self._loop.main is None
            child.future.set_result(body)

    def carry(self, body: ChildCarried) -> None:
        """A child of an earlier incarnation."""
        future = self._loop.create_future()
        self._add(Child(0, body.run_id, body.name, body.parent_close, future))

    def carried(self) -> list[tuple[EventKind, ChildCarried | ChildEnded]]:
        """What the next incarnation must know: live children, and ends that no code has seen.

        An end is carried once: a run that never looks at its children does not gather them.
        """
        entries: list[tuple[EventKind, ChildCarried | ChildEnded]] = []
        for child in self.untaken.values():
            if child.former:
                continue
            known = ChildCarried(child.run_id, child.name, child.parent_close)
            entries.append((EventKind.CHILD_CARRIED, known))
            if child.future.done():
                end: ChildEnded = child.future.result()
                entries.append((END_KINDS[RunState(end.state)], end))
        return entries

    def ask_all(self, reason: str | None) -> None:
        """The parent is being cancelled or has ended: so are children by their policy."""
        text = f"its parent stops: {reason}" if reason else "its parent stops"
        for child in self.open.values():
            if child.parent_close == "cancel" and not child.asked:
                self._ask(child, text)

    def watched(self) -> list[Child]:
        """Children whose result somebody awaits."""
        return [child for child in self.open.values() if child.watchers]

    def _add(self, child: Child) -> None:
        self.open[child.run_id] = self.untaken[child.run_id] = child

    def _ask(self, child: Child, reason: str | None) -> None:
        child.asked = True
        if not self._log.replaying:
            self.posts.append(cancel_post(child.run_id, reason))


class ChildHandle(Generic[R_co]):
    """A child run; made by `start_child`, and by `children` for those of earlier incarnations.

    Attributes:
        id: its run id, with which clients may signal, query or cancel it too.
        workflow: registered name of what it runs.

    Example:
        report = await continuum.start_child(region_report, "north")
        report.signal("currency", "EUR")
        other = await charge(order)
        print(await report.result())
    """

    __slots__ = ("_child", "_children", "_returns", "id", "workflow")

    def __init__(
        self, children: Children, child: Child, flow: Workflow[Any, Any] | None = None
    ) -> None:
        self._children = children
        self._child = child
        self._returns = child.returns if flow is None else flow.returns
        self.id = child.run_id
        self.workflow = child.name

    def __repr__(self) -> str:
        return f"<child {self.id} ({self.workflow})>"

    async def result(self) -> R_co:
        """Its result, as often as you like.

        Cancelling this wait leaves the child alone.

        Raises:
            ChildFailed: it failed.
            ChildCancelled: it was cancelled.
        """
        return await self._children.result(self._child, self._returns)

    def signal(self, name: str, payload: Any = None) -> None:
        """Send it a signal, exactly once, with this turn. A plain call.

        A child that ends before it takes the signal never sees it, as with signals of clients.

        Args:
            name: of the signal.
            payload: JSON types, dataclasses and the like; its `wait_signal` names the type.

        Raises:
            RunTerminal: this run has been told already that the child has ended.
            PayloadError: name or payload cannot be stored; nothing was sent.

        Example:
            report.signal("currency", "EUR")
        """
        check_name(name, "signal name")
        value = check_json(payload, f"payload of signal {name}")
        self._children.signal(self._child, name, value)

    def cancel(self, reason: str | None = None) -> None:
        """Ask it to stop; its `result()` raises `ChildCancelled` once it has. A plain call.

        Nothing happens when it has ended, or was asked before.

        Raises:
            PayloadError: the reason cannot be stored.
        """
        self._children.cancel(self._child, None if reason is None else check_reason(reason))


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
