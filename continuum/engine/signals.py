"""Signals of one run."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from continuum.codec.annotations import DecodeFailure, ValueCodec
from continuum.codec.payloads import payload_codec
from continuum.engine.mailbox import Mailbox
from continuum.errors import PayloadError
from continuum.journal.events import EventKind, SignalAwaited, SignalReceived


class Signals(Mailbox[SignalReceived]):
    """Signals are taken as they come; what their payload is, the waiting code finds out."""

    __slots__ = ()

    what = "signal"
    kind = EventKind.SIGNAL_AWAITED
    awaited = SignalAwaited

    def wait(self, name: str, timeout: float | None) -> Coroutine[Any, Any, bytes]:
        """The next signal of this name.

        Raises:
            TimeoutError: none came within `timeout` seconds.
        """
        return self.receive(name, timeout, _payload)


def _payload(body: SignalReceived) -> bytes:
    return bytes(body.value)


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
    return payload_codec(expected, "signal payload")
