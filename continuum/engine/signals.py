"""Signals of one run: a FIFO per name, waiters in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from continuum.codec.annotations import DecodeFailure, ValueCodec
from continuum.engine.commands import CommandLog
from continuum.engine.futures import DurableFuture
from continuum.engine.handles import DurableTimer
from continuum.engine.loop import DeterministicLoop
from continuum.errors import PayloadError
from continuum.journal.events import EventKind, SignalAwaited, SignalReceived


@dataclass(slots=True, eq=False)
class Waiter:
    """One `wait_signal` that has no signal yet."""

    command: int
    name: str
    future: DurableFuture
    timer: DurableTimer | None = None
    body: SignalReceived | None = None

    def expire(self) -> None:
        """Its timeout has passed."""
        if not self.future.done():
            self.future.set_exception(
                TimeoutError(f"no signal {self.name!r} arrived within the timeout")
            )


class Signals:
    """Buffers signals that nobody awaits yet and hands the others over."""

    __slots__ = ("_buffer", "_log", "_loop", "_waiters")

    def __init__(self, log: CommandLog, loop: DeterministicLoop) -> None:
        self._log = log
        self._loop = loop
        self._buffer: dict[str, list[SignalReceived]] = {}
        self._waiters: dict[str, list[Waiter]] = {}

    def deliver(self, body: SignalReceived) -> None:
        """A signal arrived: to the first waiter of its name, else into the buffer."""
        if not self._hand_over(body):
            self._buffer.setdefault(body.name, []).append(body)

    def untaken(self) -> list[SignalReceived]:
        """Delivered signals that no code has seen, in order of name, each name's in its order."""
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

    def waiters(self) -> list[Waiter]:
        """Everybody who waits."""
        return [w for queue in self._waiters.values() for w in queue if not w.future.done()]

    async def wait(self, name: str, timeout: float | None) -> bytes:
        """The next signal of this name.

        Raises:
            TimeoutError: none came within `timeout` seconds.
        """
        body = self._log.issue(EventKind.SIGNAL_AWAITED, SignalAwaited(name))
        if body is not None:
            buffered = self._take(name)
            if buffered is not None:
                return bytes(buffered.value)
            if timeout is not None and timeout <= 0:
                raise TimeoutError(f"no signal {name!r} has arrived")
        waiter = Waiter(self._log.count, name, self._loop.create_future())
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

    def _take(self, name: str) -> SignalReceived | None:
        queue = self._buffer.get(name)
        if not queue:
            return None
        value = queue.pop(0)
        if not queue:
            del self._buffer[name]
        return value

    def _hand_over(self, body: SignalReceived) -> bool:
        for waiter in self._waiters.get(body.name, ()):
            if not waiter.future.done():
                waiter.body = body
                waiter.future.set_result(bytes(body.value))
                return True
        return False

    def _return(self, waiter: Waiter) -> None:
        """A waiter cancelled after it was handed a signal gives it back to the front."""
        body = waiter.body
        if self._log.latched or body is None:
            return
        self._waiters[waiter.name].remove(waiter)
        if not self._hand_over(body):
            self._buffer.setdefault(waiter.name, []).insert(0, body)

    def _forget(self, waiter: Waiter) -> None:
        queue = self._waiters.get(waiter.name, [])
        if waiter in queue:
            queue.remove(waiter)
        if not queue:
            self._waiters.pop(waiter.name, None)


def decode_signal(name: str, data: bytes, codec: ValueCodec) -> Any:
    """The payload as the type that is expected.

    Raises:
        PayloadError: the sender sent something else. The signal is consumed; live and replay
            raise alike, so the workflow may catch it and wait again.
    """
    try:
        return codec.decode(data)
    except DecodeFailure as error:
        raise PayloadError(f"signal {name!r}: {error.message}", hint=error.hint) from error


def signal_codec(expected: Any) -> ValueCodec:
    """The codec of a payload's type.

    Raises:
        DefinitionError: plain JSON cannot restore it.
    """
    try:
        return _cached_codec(expected)
    except TypeError:  # unhashable annotation
        return ValueCodec(expected, "signal payload")


@lru_cache(maxsize=256)
def _cached_codec(expected: Any) -> ValueCodec:
    return ValueCodec(expected, "signal payload")
