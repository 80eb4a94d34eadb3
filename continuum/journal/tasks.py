"""Attempts that run outside the worker of their run: what they are given and what they answer.

A result reaches its run as an inbox message of kind `RESULT`, named by `attempt_name`, so it is as
durable as a signal and meets the end of its run under the same locks.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Raw

from continuum.journal.events import NO_DETAILS, Failure

RESULT: Final = "activity_result"
"""Kind of the inbox message that carries the outcome of an attempt."""

KEY_SETTLED: Final = "activity_key"
"""Kind of the message that says: the idempotency key you wait for is free, or has a result."""


class TaskPayload(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker needs to run one queued attempt; the rest is in its code."""

    args: Raw
    timeout: float | None = None
    heartbeat_timeout: float | None = None
    non_retryable: tuple[str, ...] = ()
    key: str | None = None
    details: Raw = NO_DETAILS
    trace: str | None = None
    """Context of the run's span."""


class AttemptResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an attempt ended.

    `reason` is "raised", "timeout" or "cancelled"; `jitter` places the delay before the next.
    """

    outcome: Literal["completed", "failed", "crashed"]
    value: Raw = NO_DETAILS
    error: Failure | None = None
    reason: str = "raised"
    retryable: bool = False
    jitter: float = 0.0
    details: Raw = NO_DETAILS


def attempt_name(incarnation: int, command: int, attempt: int) -> str:
    """The name of a message about one attempt."""
    return f"{incarnation}/{command}/{attempt}"


def parse_attempt_name(name: str) -> tuple[int, int, int]:
    """Incarnation, command and attempt."""
    incarnation, command, attempt = map(int, name.split("/"))
    return incarnation, command, attempt


_encode: Final = msgspec.json.Encoder().encode
_decode_payload: Final = msgspec.json.Decoder(TaskPayload).decode
_decode_result: Final = msgspec.json.Decoder(AttemptResult).decode


def encode_task(body: TaskPayload | AttemptResult) -> bytes:
    """The stored form, before the payload codec."""
    return _encode(body)


def decode_payload(data: bytes) -> TaskPayload:
    """Raises `msgspec.DecodeError`."""
    return _decode_payload(data)


def decode_result(data: bytes) -> AttemptResult:
    """Raises `msgspec.DecodeError`."""
    return _decode_result(data)
