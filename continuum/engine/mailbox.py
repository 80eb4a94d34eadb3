"""What a run is sent by name and its code waits for: a FIFO per name, waiters in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from continuum.engine.commands import CommandLog
from continuum.engine.futures import DurableFuture
from continuum.engine.handles import DurableTimer
from continuum.engine.loop import DeterministicLoop
from continuum.journal.events import EventKind


class Message(Protocol):
    """What the journal says of something that was received."""

    @property
    def name(self) -> str:
        """By which the code waits for it."""
        ...


M = TypeVar("M", bound=Message)

REFUSED: Final[Any] = object()
"""What `accept` answers for a message that is none of the waiter's: it is dealt with, and the wait
goes on."""


@dataclass(slots=True, eq=False)
class Waiter(Generic[M]):
    """One wait that has no message yet.

    Attributes:
        what: "signal" or "question".
        accept: from a message to what the waiting code gets, or REFUSED.
        body: the message, once it has one.
    """

    what: str
    command: int
    name: str
    future: DurableFuture
    accept: Callable[[M], Any]
    timer: DurableTimer | None = None
    body: M | None = None

    def expire(self) -> None:
        """Its timeout has passed."""
        if not self.future.done():
            self.future.set_exception(
                TimeoutError(f"no {self.what} {self.name!r} arrived within the timeout")
            )

    def take(self, body: M) -> None:
        """Hand a message over, if it is accepted."""
        try:
            taken = self.accept(body)
        except BaseException as error:  # it ends the wait, not what delivers
            self.future.set_exception(error)
            return
        if taken is not REFUSED:
            self.body = body
            self.future.set_result(taken)


class Mailbox(Generic[M]):
    """Buffers messages that nobody awaits yet and hands the others over.

    Attributes:
        what: "signal" or "question".
        kind, awaited: the command of a wait, and its body, which is made from a name.
    """

    __slots__ = ("_buffer", "_log", "_loop", "_waiters")

    what: ClassVar[str]
    kind: ClassVar[EventKind]
    awaited: ClassVar[type[Any]]

    def __init__(self, log: CommandLog, loop: DeterministicLoop) -> None:
        self._log = log
        self._loop = loop
        self._buffer: dict[str, list[M]] = {}
        self._waiters: dict[str, list[Waiter[M]]] = {}

    def deliver(self, body: M) -> None:
        """A message arrived: to the first waiter of its name, else into the buffer."""
        if not self._hand_over(body):
            self._buffer.setdefault(body.name, []).append(body)

    def untaken(self) -> list[M]:
        """Delivered messages that no code has seen, in order of name, each name's in its order."""
        handed = [
            waiter.body
            for queue in self._waiters.values()
            for waiter in queue
            if waiter.body is not None and not waiter.future.cancelled()
        ]
        names = dict.fromkeys([body.name for body in handed] + list(self._buffer))
        return [
            body
            for name in names
            for body in [*(b for b in handed if b.name == name), *self._buffer.get(name, ())]
        ]

    def waiters(self) -> list[Waiter[M]]:
        """Everybody who waits."""
        return [w for queue in self._waiters.values() for w in queue if not w.future.done()]

    async def receive(self, name: str, timeout: float | None, accept: Callable[[M], Any]) -> Any:
        """What `accept` makes of the next message of this name that it does not refuse.

        Raises:
            TimeoutError: none came within `timeout` seconds.
        """
        body = self._log.issue(self.kind, self.awaited(name))
        command = self._log.count
        if body is not None:
            while not self._log.latched and (buffered := self._take(name)) is not None:
                taken = accept(buffered)
                if taken is not REFUSED:
                    return taken
            if timeout is not None and timeout <= 0 and not self._log.latched:
                raise TimeoutError(f"no {self.what} {name!r} has arrived")
        waiter = Waiter(self.what, command, name, self._loop.create_future(), accept)
        self._waiters.setdefault(name, []).append(waiter)
        if timeout is not None:
            waiter.timer = self._loop.call_later(timeout, waiter.expire)
            if waiter.timer is not None:
                waiter.timer.shown = False
        try:
            return await waiter.future
        except BaseException:
            self._return(waiter)
            raise
        finally:
            self._forget(waiter)
            if waiter.timer is not None:
                waiter.timer.cancel()

    def _take(self, name: str) -> M | None:
        queue = self._buffer.get(name)
        if not queue:
            return None
        value = queue.pop(0)
        if not queue:
            del self._buffer[name]
        return value

    def _hand_over(self, body: M) -> bool:
        for waiter in self._waiters.get(body.name, ()):
            if not waiter.future.done():
                waiter.take(body)
                return True
        return False

    def _return(self, waiter: Waiter[M]) -> None:
        """A waiter cancelled after it was handed a message gives it back to the front."""
        body = waiter.body
        if self._log.latched or body is None:
            return
        self._waiters[waiter.name].remove(waiter)
        if not self._hand_over(body):
            self._buffer.setdefault(waiter.name, []).insert(0, body)

    def _forget(self, waiter: Waiter[M]) -> None:
        queue = self._waiters.get(waiter.name, [])
        if waiter in queue:
            queue.remove(waiter)
        if not queue:
            self._waiters.pop(waiter.name, None)
