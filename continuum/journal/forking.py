"""Where a run can be forked: which events the new run begins with.

A stimulus and the commands that it caused belong together, so a cut keeps both or neither. What
was in flight at the cut is lost to the new run, as if its owner had died: activities are executed
again there, or fail if they are `on_crash="fail"`; timers go on; a child that had not ended
would answer the old run only, so there is no cut while one is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from continuum.journal.events import COMMANDS, ENDS, STIMULI, Event, EventKind

_CAUSED: Final = COMMANDS | {EventKind.PATCH_DECIDED}
_CHILD_ENDS: Final = frozenset({
    EventKind.CHILD_COMPLETED, EventKind.CHILD_FAILED, EventKind.CHILD_CANCELLED,
})  # fmt: skip


class CannotFork(Exception):
    """The run cannot be forked there; the text says why."""


def cut_of(events: Sequence[Event], at: int) -> int:
    """The seq of the last event that the new run has.

    Args:
        events: the journal of the run's incarnation, from its first event on.
        at: the event after which the new run goes its own way; what it caused belongs to it.

    Raises:
        CannotFork: there is no such event, the run ends there, or a child is open.
    """
    if not events:
        raise CannotFork("it has executed nothing yet")
    first, last = events[0].seq, events[-1].seq
    if not first <= at <= last:
        earlier = " (what is before belongs to an earlier incarnation)" if first > 1 else ""
        raise CannotFork(f"its events are {first} to {last}{earlier}, not {at}")
    cut = place = at - first
    for following in events[place + 1 :]:
        place += 1
        if following.kind in STIMULI or following.kind in ENDS:
            break
        if following.kind in _CAUSED:
            cut = place
    ends = [event for event in events[: cut + 1] if event.kind in ENDS]
    if ends or (cut + 1 < len(events) and _ends_here(events[cut + 1 :])):
        raise CannotFork(f"event {at} is the end of it; fork before the event that caused it")
    child = _open_child(events[: cut + 1])
    if child is not None:
        raise CannotFork(
            f"its child {child} had not ended there, and would answer this run only; fork before "
            "it was started or after it had ended"
        )
    return events[cut].seq


def published_until(events: Sequence[Event], cut: int) -> dict[str, bytes]:
    """The last value of each name that was published up to that event, as JSON."""
    shown: dict[str, bytes] = {}
    for event in events:
        if event.seq <= cut and event.kind is EventKind.VALUE_PUBLISHED:
            body = event.body()
            shown[body.name] = bytes(body.value)
    return shown


def _ends_here(following: Sequence[Event]) -> bool:
    """Whether the interval that is cut ends the incarnation."""
    for event in following:
        if event.kind in STIMULI:
            return False
        if event.kind in ENDS:
            return True
    return False


def _open_child(events: Sequence[Event]) -> UUID | None:
    started: dict[UUID, None] = {}
    for event in events:
        if event.kind in (EventKind.CHILD_STARTED, EventKind.CHILD_CARRIED):
            started[event.body().run_id] = None
        elif event.kind in _CHILD_ENDS:
            started.pop(event.body().run_id, None)
    return next(iter(started), None)
