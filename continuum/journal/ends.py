"""How runs end, and how an exception is kept; all that a process needs that only looks."""

from __future__ import annotations

import msgspec

from continuum.model import RunState


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A raised exception in a storable, bounded form (codec/failures.py makes it)."""

    type: str
    message: str
    details: str | None = None


class RunEnd(msgspec.Struct, frozen=True, gc=False):
    """How a run ended. `result` is JSON bytes for a completed run."""

    state: RunState
    result: bytes | None = None
    error: Failure | None = None


def timed_out(seconds: float, *, forced: bool = False) -> Failure:
    """Why a run failed that was out of time after so many seconds."""
    text = f"the run did not end within its execution timeout of {seconds:g} s"
    if forced:
        text += ", nor when it was asked to; it was ended by force"
    return Failure("continuum.errors.ExecutionTimeout", text)
