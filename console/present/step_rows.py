"""Steps as rows of the history: one line each, or one line for each of their events."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.text import Text

from console.present import ages
from console.present.columns import Column
from console.present.history import HistoryRows, body, look, said
from console.present.plain import one_line
from console.present.shapes import is_object
from console.present.steps import (
    CANCELLED,
    CHILD,
    DONE,
    EVENT,
    FAILED,
    LIVE,
    QUESTION,
    QUEUED,
    RETRYING,
    SIGNAL,
    TIMER,
    WAITING,
    Step,
)
from console.present.values import preview
from console.themes import Palette
from continuum.model import HistoryEvent

WIDE: Final = 92
SHOWN_ARGUMENTS: Final = 80
SEARCHED: Final = 4_000
"""Characters of an event's data in which is searched."""

OUTCOMES: Final = {
    LIVE: (">", "info"),
    QUEUED: ("»", "muted"),
    RETRYING: ("↺", "warn"),
    WAITING: ("◌", "accent"),
    DONE: ("✓", "good"),
    FAILED: ("✗", "bad"),
    CANCELLED: ("⊘", "muted"),
}
"""Glyph and tone of how a step stands."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A step, or (with `event`) one event of an unfolded step.

    Attributes:
        unfolded: whether the events of the step follow it.
    """

    step: Step
    event: HistoryEvent | None = None
    unfolded: bool = False


def rows_of(steps: Iterable[Step], unfolded: Collection[Hashable]) -> list[HistoryRow]:
    """One row a step, and the events below those whose keys are in `unfolded`."""
    rows: list[HistoryRow] = []
    for step in steps:
        opened = len(step.events) > 1 and step.key in unfolded
        rows.append(HistoryRow(step, unfolded=opened))
        if opened:
            rows += [HistoryRow(step, event) for event in step.events]
    return rows


def matches(step: Step, text: str) -> bool:
    """Whether the words (casefolded) are in the name, a kind or the data of a step."""
    if text in step.name.casefold():
        return True
    return any(text in _searched(event) for event in step.events)


def _searched(event: HistoryEvent) -> str:
    return f"{event.type} {look(event.type)[1]} {preview(body(event), SEARCHED)}".casefold()


class StepRows:
    """The history of one run, folded.

    Args:
        events: how single events look; it has learned them all.

    Attributes:
        now: the database's clock, for what has not ended.
    """

    def __init__(self, events: HistoryRows) -> None:
        self.now: datetime | None = None
        self._events = events

    def key(self, row: HistoryRow) -> Hashable:
        """That of the step, or the event's seq below it."""
        return row.step.key if row.event is None else (*row.step.key, row.event.seq)

    def marker(self, row: HistoryRow) -> Hashable:
        """A step is worth a flash when it goes on."""
        return len(row.step.events)

    def columns(self, width: int) -> tuple[Column, ...]:
        """The clock time goes first when it gets narrow."""
        fixed = [
            Column("seq", "#", 6, "right"),
            Column("offset", "AFTER", 7, "right"),
            Column("lasted", "FOR", 7, "right"),
            Column("event", "STEP", 16 if width < WIDE else 22),
        ]
        if width >= WIDE:
            fixed.insert(1, Column("time", "TIME", 12))
        rest = width - sum(column.width + 2 for column in fixed) - 2
        return (*fixed, Column("what", "WHAT", max(8, rest)))

    def cell(self, row: HistoryRow, column: Column, palette: Palette, *, changed: bool) -> Text:
        """One cell."""
        if row.event is not None:
            return self._event_cell(row.event, column, palette)
        step = row.step
        match column.name:
            case "lasted":
                return self._lasted(step, palette)
            case "event":
                glyph, words, tone = shape(step)
                style = getattr(palette, tone)
                return Text(f"{glyph} {words}", style + palette.strong if changed else style)
            case "what":
                return self._what(step, palette)
            case _:
                return self._events.cell(step.head, column, palette, changed=False)

    def _event_cell(self, event: HistoryEvent, column: Column, palette: Palette) -> Text:
        match column.name:
            case "lasted":
                return Text("")
            case "event":
                return Text("└ ", palette.faint).append(look(event.type)[1], palette.muted)
            case "what":
                return Text("  ").append_text(self._events.detail(event, palette))
            case _:
                return self._events.cell(event, column, palette, changed=False)

    def _lasted(self, step: Step, palette: Palette) -> Text:
        if (lasted := step.lasted) is not None:
            return Text(ages.duration(lasted.total_seconds()), palette.muted)
        if step.kind == EVENT or step.over or not step.begun or self.now is None:
            return Text("")
        return Text(ages.duration((self.now - step.head.at).total_seconds()), palette.text)

    def _what(self, step: Step, palette: Palette) -> Text:
        if step.kind == EVENT:
            return self._events.detail(step.head, palette)
        line = Text(f"{step.command} ", palette.faint)
        if not step.begun:
            line.append(f"(began before {step.head.seq}) ", palette.faint)
        elif step.name:
            line.append(f"{step.name} ", palette.text)
        if step.attempts > 1:
            line.append(f"x{step.attempts} ", palette.warn)
        if (len(step.events) > 1 or not step.begun) and (ended := _ended(step)):
            tone = palette.bad if step.outcome == FAILED else palette.muted
            line.append(f"{ended} ", tone)
        if step.begun and (given := _given(step)):
            line.append(given, palette.faint)
        return line


def _given(step: Step) -> str:
    """What the step was begun with."""
    head = step.head
    if head.type in ("signal_awaited", "question_awaited"):
        return ""
    return one_line(said(head), SHOWN_ARGUMENTS)


def _ended(step: Step) -> str:
    """What its last event says; without what is in the row already."""
    last = step.last
    found = body(last)
    if last.type in ("signal_received", "question_received") and is_object(found):
        return preview(found.get("value"), 300)
    if last.type in ("activity_started", "activity_released"):
        return f"{look(last.type)[1]} {said(last)}".replace("attempt started ", "")
    if last.type in ("activity_cancelled", "timer_cancelled"):
        return "cancelled"
    return said(last)


_WORDS: Final = {TIMER: "timer", SIGNAL: "signal", QUESTION: "question", CHILD: "child"}


def shape(step: Step) -> tuple[str, str, str]:
    """Glyph, words and tone of a step."""
    if step.kind == EVENT:
        return look(step.head.type)
    glyph, tone = OUTCOMES.get(step.outcome, ("·", "text"))
    return glyph, _WORDS.get(step.kind, "activity"), tone
