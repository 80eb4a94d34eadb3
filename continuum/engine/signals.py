"""Signals of one run: a FIFO per name, waiters in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from continuum.codec.annotations import DecodeFailure, ValueCodec
from continuum.engine.commands import CommandLog
from continuum.engine.futures import DurableFuture
from continuum.engine.loop import DeterministicLoop, DurableTimer
from continuum.errors import PayloadError
from continuum.journal.events import EventKind, SignalAwaited


@dataclass(slots=True, eq=False)
class Waiter:
    """One `wait_signal` that has no signal yet."""

    command: int
    name: str
    future: DurableFuture
    timer: DurableTimer | None = None

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
        self._buffer: dict[str, list[bytes]] = {}
        self._waiters: dict[str, list[Waiter]] = {}

    def deliver(self, name: str, value: bytes) -> None:
        """A signal arrived: to the first waiter of its name, else into the buffer."""
        if not self._hand_over(name, value):
            self._buffer.setdefault(name, []).append(value)

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
                return buffered
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

    def _take(self, name: str) -> bytes | None:
        queue = self._buffer.get(name)
        if not queue:
            return None
        value = queue.pop(0)
        if not queue:
            del self._buffer[name]
        return value

    def _hand_over(self, name: str, value: bytes) -> bool:
        for waiter in self._waiters.get(name, ()):
            if not waiter.future.done():
                waiter.future.set_result(value)
                return True
        return False

    def _return(self, waiter: Waiter) -> None:
        """A waiter cancelled after it was handed a signal gives it back to the front."""
        future = waiter.future
        if self._log.latched or not future.done() or future.cancelled():
            return
        if future.exception() is None:
            self._waiters[waiter.name].remove(waiter)
            if not self._hand_over(waiter.name, future.result()):
                self._buffer.setdefault(waiter.name, []).insert(0, future.result())

    def _forget(self, waiter: Waiter) -> None:
        queue = self._waiters.get(waiter.name, [])
        if waiter in queue:
            queue.remove(waiter)
        if not queue:
            self._waiters.pop(waiter.name, None)


def decode_signal(name: str, data: bytes, expected: Any) -> Any:
    """The payload as `expected`.

    Raises:
        PayloadError: the sender sent something else. The signal is consumed; live and replay
            raise alike, so the workflow may catch it and wait again.
    """
    try:
        return _codec(expected).decode(data)
    except DecodeFailure as error:
        raise PayloadError(f"signal {name!r}: {error.message}", hint=error.hint) from error


def _codec(expected: Any) -> ValueCodec:
    try:
        return _cached_codec(expected)
    except TypeError:  # unhashable annotation
        return ValueCodec(expected, "signal payload")


@lru_cache(maxsize=256)
def _cached_codec(expected: Any) -> ValueCodec:
    return ValueCodec(expected, "signal payload")
