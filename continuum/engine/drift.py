"""Drift: the code issued other commands than its journal records. Found, named, never raised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from continuum.codec.hints import caller_location as caller_location
from continuum.codec.hints import is_internal
from continuum.journal.events import Event, EventKind

NAMED: Final = (
    EventKind.ACTIVITY_SCHEDULED, EventKind.SIGNAL_AWAITED, EventKind.CHILD_STARTED,
    EventKind.CHILD_SIGNALLED, EventKind.VALUE_PUBLISHED, EventKind.QUESTION_AWAITED,
    EventKind.QUESTION_ANSWERED, EventKind.QUESTION_REFUSED,
)  # fmt: skip
"""Commands that are the same when their names are."""

TARGETED: Final = (
    EventKind.ACTIVITY_CANCELLED, EventKind.TIMER_CANCELLED, EventKind.CHILD_CANCEL_REQUESTED,
)  # fmt: skip
"""Commands that are the same when they are about the same command."""

ANSWERING: Final = (EventKind.QUESTION_ANSWERED, EventKind.QUESTION_REFUSED)
"""Commands that are the same only when they are about the same question."""

ADDRESSED: Final = (EventKind.CHILD_CANCEL_REQUESTED, EventKind.CHILD_SIGNALLED)
"""Commands that are the same only when they go to the same run."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The first difference between a run's journal and its code.

    Args:
        message: one line for a human: command number, both sides, place in the code.
        command: number of the command that differs, None when it is not about one.
        recorded: what the journal has there, None for nothing.
        issued: what the code did there, None for nothing.
        location: "shop.py:42" where the code issued it or where it waits.
        parks: whether the run cannot go on; it can when only arguments differ.
    """

    message: str
    command: int | None = None
    recorded: str | None = None
    issued: str | None = None
    location: str | None = None
    parks: bool = True


def describe(kind: EventKind, body: Any) -> str:
    """A command in words: `activity_scheduled shop:charge`."""
    if kind in NAMED:
        return f"{kind} {body.name}"
    if kind in TARGETED:
        return f"{kind} of command {body.target}"
    return str(kind)


def different_command(
    number: int, event: Event, recorded: Any, kind: EventKind, body: Any, location: str | None
) -> Drift:
    """The code issued something else than the journal records at this place."""
    was, now = describe(event.kind, recorded), describe(kind, body)
    return Drift(
        f"drift at command {number}: the journal records {was} (seq {event.seq}), "
        f"the code issued {now}{_at(location)}",
        number, was, now, location,
    )  # fmt: skip


def changed_arguments(
    number: int, event: Event, kind: EventKind, body: Any, location: str | None
) -> Drift:
    """The code issued the recorded command with other arguments, or a timer for another time."""
    what = describe(kind, body)
    return Drift(
        f"arguments of command {number} ({what}) differ from the journal "
        f"(seq {event.seq}){_at(location)}; what was journaled counts",
        number, what, what, location, parks=False,
    )  # fmt: skip


def extra_command(
    number: int, stimulus: str, kind: EventKind, body: Any, location: str | None
) -> Drift:
    """The code issued a command where the journal has none."""
    now = describe(kind, body)
    return Drift(
        f"drift at command {number}: the journal records nothing more after {stimulus}, "
        f"the code issued {now}{_at(location)}",
        number, None, now, location,
    )  # fmt: skip


def missing_command(event: Event, recorded: Any, *, ended: bool, location: str | None) -> Drift:
    """The journal records a command that the code did not issue."""
    was = describe(event.kind, recorded)
    what = "the workflow function had already ended" if ended else "the code issued nothing"
    return Drift(
        f"drift at command {event.command}: the journal records {was} (seq {event.seq}), "
        f"{what}{_at(location)}",
        event.command, was, None, location,
    )  # fmt: skip


def left_over(event: Event) -> Drift:
    """The code ended although its journal goes on."""
    return Drift(
        f"drift: the workflow function ended, but its journal goes on with {event.kind} "
        f"(seq {event.seq})",
        event.command, str(event.kind), "the end",
    )  # fmt: skip


def ended_early(event: Event) -> Drift:
    """The code ended where its journal records that it still waited."""
    return Drift(
        f"drift: after {event.kind} (seq {event.seq}) the workflow function ended, "
        "but its journal records that it still waited there",
        None, "waiting", "the end",
    )  # fmt: skip


def other_end(event: Event, ended: str | None, location: str | None) -> Drift:
    """The journal and the code disagree on how the run ended."""
    now = ended or "the code goes on"
    return Drift(
        f"drift: the journal records {event.kind} (seq {event.seq}), but {now}{_at(location)}",
        None, str(event.kind), ended, location,
    )  # fmt: skip


def unknown_command(event: Event) -> Drift:
    """A completion belongs to a command that the code never issued."""
    return Drift(
        f"drift: the journal records {event.kind} of command {event.command} (seq {event.seq}), "
        "which the code did not issue",
        event.command, str(event.kind),
    )  # fmt: skip


def unreadable(what: str, error: Exception, location: str | None = None) -> Drift:
    """A journaled value does not fit the code's types any more (or never did)."""
    return Drift(
        f"drift: {what} cannot be restored: {error}{_at(location)}", None, what, None, location
    )


def waiting_location(coroutine: Any) -> str | None:
    """ "file.py:12" of the innermost user frame in which a suspended coroutine waits."""
    location = None
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "ag_frame", None)
        if frame is None:
            break
        if not is_internal(frame.f_code):
            location = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        coroutine = getattr(coroutine, "cr_await", None)
    return location


def _at(location: str | None) -> str:
    return f" at {location}" if location else ""
