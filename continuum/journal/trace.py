"""Where a run stands in a distributed trace: W3C contexts, and span ids that follow from runs.

A run has one span. Its id follows from the run, as the id of an attempt's follows from the attempt,
so nothing about them has to be kept: whoever owns the run next computes the same. All that is kept
is the context that came with the start, in the run's first event.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec

CONTEXT: Final = "context"
"""Kind of the inbox message that brings a run its trace context."""

NO_PARENT: Final = 0
"""Id of a span that does not exist: the trace begins with the run."""

_W3C: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


class TraceContext(msgspec.Struct, frozen=True, gc=False):
    """The span that something belongs under.

    Attributes:
        trace_id: of the whole trace.
        span_id: of the parent, or NO_PARENT.
        flags: those of W3C; 1 means that the trace is recorded.
    """

    trace_id: int
    span_id: int
    flags: int = 1

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"

    def under(self, span_id: int) -> TraceContext:
        """The same trace, one span further down."""
        return TraceContext(self.trace_id, span_id, self.flags)


def parse_context(text: str | None) -> TraceContext | None:
    """The inverse of `str`; None for anything unreadable, as W3C wants it.

    Example:
        >>> parse_context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").flags
        1
    """
    found = None if text is None else _W3C.fullmatch(text)
    if found is None or int(found[1], 16) == 0:
        return None
    return TraceContext(int(found[1], 16), int(found[2], 16), int(found[3], 16))


def encode_context(text: str) -> bytes:
    """The payload of a message of kind CONTEXT."""
    return msgspec.json.encode(text)


def decode_context(payload: bytes) -> str | None:
    """The inverse of `encode_context`; None for anything unreadable."""
    try:
        return msgspec.json.decode(payload, type=str)
    except msgspec.DecodeError:
        return None


def beginning(run_id: UUID) -> TraceContext:
    """The context of a run that was started outside any trace: one of its own."""
    return TraceContext(run_id.int, NO_PARENT)


def run_span(run_id: UUID, retries: int = 0) -> int:
    """Id of a run's span.

    Args:
        retries: how often an operator had it tried again after it had failed: each is one more
            end, and so one more span.
    """
    return _derived(run_id, "run", retries)


def attempt_span(run_id: UUID, incarnation: int, command: int, attempt: int) -> int:
    """Id of the span of one attempt of an activity."""
    return _derived(run_id, "attempt", incarnation, command, attempt)


def signal_span(run_id: UUID, message: int) -> int:
    """Id of the span of a signal or question that the run has received."""
    return _derived(run_id, "signal", message)


def context_of_run(trace: str | None, run_id: UUID, retries: int = 0) -> str | None:
    """What a run hands to all that it starts; None when it is in no trace."""
    found = parse_context(trace)
    return None if found is None else str(found.under(run_span(run_id, retries)))


def _derived(run_id: UUID, what: str, *numbers: int) -> int:
    text = f"{run_id.hex} {what} {' '.join(map(str, numbers))}".encode()
    return (
        int.from_bytes(blake2b(text, digest_size=8, person=b"continuum-span").digest(), "big") or 1
    )
