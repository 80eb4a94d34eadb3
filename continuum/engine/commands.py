"""Numbers a run's commands and checks them against the journal during replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from continuum.engine import drift as drifts
from continuum.engine.drift import Drift
from continuum.errors import NonDeterminismError, NotInWorkflow
from continuum.journal.events import Entry, Event, EventKind

_REFUSALS: Final = 100


class CommandLog:
    """One incarnation's commands: appended when live, compared when replayed.

    Attributes:
        count: number of the last command issued.
        entries: what must be written, in order; empty during replay.
        now: delivery time of the stimulus being handled, the only time the code sees.
        last: time of the last event, which no later event may precede.
        drift: the first difference found; from then on the run is latched.
        changed: the first command that was given other arguments than the journal records.
        latched: nothing the code does has an effect any more (drift, end or drop).
        dropped: the coroutines are being closed; calls are refused.
        replaying: commands are compared instead of appended.
        busy_with: the `side_effect` function that is executing; it may do real I/O.
        checking: the check of a question that is executing; it may not.
    """

    __slots__ = ("_expected", "_position", "_refused", "_stimulus", "busy_with", "changed",
                 "checking", "count", "drift", "dropped", "entries", "last", "latched", "now",
                 "replaying")  # fmt: skip

    def __init__(self, now: datetime) -> None:
        self.count = 0
        self.entries: list[Entry] = []
        self.now = now
        self.last = now
        self.drift: Drift | None = None
        self.changed: Drift | None = None
        self.latched = False
        self.dropped = False
        self.replaying = False
        self.busy_with: str | None = None
        self.checking: str | None = None
        self._expected: Sequence[Event] = ()
        self._position = 0
        self._stimulus = ""
        self._refused = 0

    def issue(self, kind: EventKind, body: Any) -> Any:
        """Number a command. Answers its body (as recorded, in replay), None once latched.

        Raises:
            NotInWorkflow: the run was dropped and its coroutines are being closed.
            NonDeterminismError: called from inside `side_effect`.
        """
        if self.latched:
            if self.dropped:
                self.refuse_dropped()
            return None
        self.refuse_nested()
        self.count += 1
        if self.replaying:
            return self._match(kind, body)
        self.entries.append(Entry(kind, self.count, body, self.now))
        return body

    def record(self, kind: EventKind, command: int | None, body: Any, at: datetime) -> None:
        """Append an event that is not a command."""
        at = self.clamp(at)
        self.last = at
        self.entries.append(Entry(kind, command, body, at))

    def stimulus(self, kind: EventKind, command: int | None, body: Any, at: datetime) -> None:
        """Append the event that is delivered next and fix its time as `now`."""
        self.record(kind, command, body, at)
        self.now = self.last

    def clamp(self, at: datetime) -> datetime:
        """Time never goes backwards within a run."""
        return at if at > self.last else self.last

    def expect(self, stimulus: Event, commands: Sequence[Event]) -> None:
        """Begin to replay the interval of one stimulus."""
        self.now = stimulus.at
        self.last = max(self.last, stimulus.at)
        self._expected = commands
        self._position = 0
        self._stimulus = f"{stimulus.kind} (seq {stimulus.seq})"

    def unmatched(self) -> Event | None:
        """The first recorded command of this interval that the code has not issued."""
        if self._position < len(self._expected):
            return self._expected[self._position]
        return None

    def refuse_nested(self) -> None:
        """A command inside a `side_effect` function would be missing in every replay.

        Raises:
            NonDeterminismError: one is executing, or the check of a question.
        """
        inside = self.busy_with or self.checking
        if inside is not None:
            raise NonDeterminismError(f"a workflow call inside {inside}")

    def refuse_dropped(self) -> None:
        """Tell code that runs while its coroutine is closed that nothing it does counts.

        Code that swallows this again and again is no longer told: it is left suspended instead.

        Raises:
            NotInWorkflow: the first hundred times.
        """
        self._refused += 1
        if self._refused <= _REFUSALS:
            raise NotInWorkflow("this run was dropped from memory; nothing it does counts")

    def fail(self, drift: Drift) -> None:
        """Latch the run; the first difference is the one that counts."""
        if self.drift is None:
            self.drift = drift
        self.latched = True

    def _match(self, kind: EventKind, body: Any) -> Any:
        event = self.unmatched()
        if event is None:
            where = drifts.caller_location()
            self.fail(drifts.extra_command(self.count, self._stimulus, kind, body, where))
            return None
        recorded = read_body(event)
        if isinstance(recorded, Drift):
            self.fail(recorded)
            return None
        if event.kind is not kind or event.command != self.count or _differ(kind, recorded, body):
            where = drifts.caller_location()
            self.fail(drifts.different_command(self.count, event, recorded, kind, body, where))
            return None
        self._position += 1
        if self.changed is None and kind is not EventKind.SIDE_EFFECT and recorded != body:
            where = drifts.caller_location()
            self.changed = drifts.changed_arguments(self.count, event, kind, body, where)
        return recorded


def read_body(event: Event) -> Any:
    """The body of a journaled event, or the drift that it cannot be read."""
    try:
        return event.body()
    except msgspec.DecodeError as error:
        return drifts.unreadable(f"{event.kind} (seq {event.seq})", error)


def _differ(kind: EventKind, recorded: Any, issued: Any) -> bool:
    """Whether two commands of one kind are not the same command."""
    if kind in drifts.NAMED and recorded.name != issued.name:
        return True
    if kind in drifts.TARGETED and recorded.target != issued.target:
        return True
    if kind in drifts.ANSWERING and recorded.question != issued.question:
        return True
    return kind in drifts.ADDRESSED and recorded.run_id != issued.run_id
