"""Steps drawn to scale: attempts, back-off, timers, signals and children, one row a step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.style import Style
from rich.text import Text

from console.present import ages
from console.present.history import body
from console.present.plain import one_line
from console.present.scale import Scale, scale
from console.present.shapes import is_object
from console.present.step_rows import shape
from console.present.steps import ACTIVITY, CHILD, EVENT, FAILED, TIMER, Step
from console.themes import Palette
from continuum.model import HistoryEvent

BUSY, BACKOFF, WAITS, POINT = "busy", "back-off", "waits", "point"
_CELL: Final = {BUSY: "█", BACKOFF: "~", WAITS: "─", POINT: "◆"}
_ATTEMPTS: Final = {
    "activity_started": ("info", BUSY),
    "activity_released": ("muted", WAITS),
    "activity_attempt_failed": ("bad", BACKOFF),
    "activity_attempt_crashed": ("bad", BACKOFF),
    "activity_completed": ("good", ""),
    "activity_failed": ("bad", ""),
}
"""Tone of what an event ends, and what begins with it."""
NAME: Final = 24
LEAST: Final = 10
"""Cells of the narrowest axis."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a step: from `start` to `end`, drawn by its `kind`, coloured by its `tone`."""

    start: datetime
    end: datetime
    kind: str
    tone: str


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the time that is shown."""

    start: datetime
    end: datetime

    def around(self, at: datetime, factor: float, limits: Window) -> Window:
        """`factor` times as long, with `at` where it was, within `limits`."""
        length = max((self.end - self.start) * factor, timedelta(milliseconds=1))
        whole = self.end - self.start
        share = (at - self.start) / whole if whole else 0.5
        start = max(limits.start, at - length * share)
        end = min(limits.end, start + length)
        return Window(max(limits.start, end - length), end)

    def holds(self, step: Step, now: datetime) -> bool:
        """Whether some of the step is in it."""
        end = step.last.at if step.over else now
        return step.head.at <= self.end and max(end, step.last.at) >= self.start


def whole(steps: Sequence[Step], now: datetime | None) -> Window | None:
    """All the time there is; `now` for a run that has not ended."""
    times = [event.at for step in steps for event in step.events]
    if not times:
        return None
    return Window(min(times), max([*times, *([now] if now else [])]))


def axis(steps: Iterable[Step], window: Window, now: datetime | None, width: int) -> Scale:
    """The time axis of a window: everything that happens in it keeps its distance."""
    times = {window.start, window.end}
    for step in steps:
        times.update(event.at for event in step.events)
    if now is not None:
        times.add(now)
    return scale((at for at in times if window.start <= at <= window.end), max(LEAST, width))


def bars(step: Step, now: datetime) -> list[Bar]:
    """The pieces of a step one after the other, none overlapping the next."""
    if step.kind == EVENT:
        return [Bar(step.head.at, step.head.at, POINT, shape(step)[2])]
    if step.kind == ACTIVITY:
        return _attempts(step, now)
    end = step.last.at if step.over else max(now, step.last.at)
    if step.kind == CHILD:
        tone = shape(step)[2] if step.over else "info"
        return [Bar(step.head.at, end, BUSY, tone)]
    return [Bar(step.head.at, end, WAITS, "muted" if step.kind == TIMER else "accent")]


def _attempts(step: Step, now: datetime) -> list[Bar]:
    found: list[Bar] = []
    at, kind, due = step.head.at, BUSY, None
    for event in step.events[1:]:
        begun = at
        if kind == BACKOFF:  # until the attempt began, which the journal may not tell
            begun = event.at if event.type == "activity_started" else min(due or at, event.at)
            begun = max(at, begun)
            _add(found, at, begun, BACKOFF, "warn")
        tone, kind_after = _ATTEMPTS.get(event.type, ("muted", ""))
        if event.type in ("activity_started", "activity_released"):
            _add(found, begun, event.at, WAITS, "muted")
        else:
            found.append(Bar(begun, max(begun, event.at), BUSY, tone))
        at, kind, due = max(begun, event.at), kind_after, retry_at(event)
    if kind and not step.over:
        tone = {BACKOFF: "warn", WAITS: "muted"}.get(kind, "info")
        found.append(Bar(at, max(now, at), kind, tone))
    return found or [Bar(at, at, BUSY, "muted")]


def _add(found: list[Bar], start: datetime, end: datetime, kind: str, tone: str) -> None:
    if end > start:
        found.append(Bar(start, end, kind, tone))


def cells(step: Step, on: Scale, window: Window, now: datetime, palette: Palette) -> Text:
    """The row of a step, exactly as wide as the axis."""
    marks: list[tuple[str, Style]] = [(" ", Style.null())] * on.width
    for stretch in on.stretches:
        if stretch.gap:
            for x in (stretch.x, stretch.end_x - 1):
                marks[x] = ("╎", palette.faint)
    for bar in bars(step, now):
        if bar.end < window.start or bar.start > window.end:
            continue
        first = on.x(max(bar.start, window.start))
        last = max(first, on.x(min(bar.end, window.end)) - (bar.end > bar.start))
        for x in range(first, last + 1):
            marks[x] = (_CELL[bar.kind], getattr(palette, bar.tone))
    if step.kind == ACTIVITY:
        _mark_failures(step, on, window, marks, palette)
    line = Text(no_wrap=True, end="")
    for character, style in marks:
        line.append(character, style)
    return line


def _mark_failures(
    step: Step, on: Scale, window: Window, marks: list[tuple[str, Style]], palette: Palette
) -> None:
    """Where an attempt failed, however short it was."""
    for event in step.events:
        failed = event.type in ("activity_attempt_failed", "activity_failed")
        if failed and window.start <= event.at <= window.end:
            x = on.x(event.at)
            marks[max(0, x - 1) if marks[max(0, x - 1)][0] == _CELL[BUSY] else x] = (
                "✗",
                palette.bad,
            )


def ruler(on: Scale, palette: Palette) -> Text:
    """The axis: times since its start where there is room, and every gap with its length."""
    marks = [" "] * on.width
    for stretch in on.stretches:
        if stretch.gap:
            marks[stretch.x : stretch.end_x] = list(stretch.gap)
    start = on.stretches[0].start
    free = 0
    for x in range(on.width):
        label = f"+{ages.duration((on.at(x) - start).total_seconds())}"
        if x < free or any(mark != " " for mark in marks[x : x + len(label) + 1]):
            continue
        if x + len(label) <= on.width:
            marks[x : x + len(label)] = list(label)
            free = x + max(14, len(label) + 4)
    line = Text("".join(marks), palette.faint, no_wrap=True, end="")
    for stretch in on.stretches:
        if stretch.gap:
            line.stylize(palette.accent, stretch.x, stretch.end_x)
    return line


def name_cell(step: Step, palette: Palette, width: int = NAME) -> Text:
    """Glyph and name of a step, exactly `width` cells, of which the last is empty."""
    glyph, words, tone = shape(step)
    line = Text(f"{glyph} ", getattr(palette, tone), no_wrap=True, end="")
    shown = words if step.kind in (EVENT, TIMER) else step.name or words
    line.append(one_line(shown, 100), palette.bad if step.outcome == FAILED else palette.text)
    line.truncate(width - 1, overflow="ellipsis", pad=True)
    return line.append(" ")


def nearest(step: Step, at: datetime) -> HistoryEvent:
    """The event of a step that is closest to a moment."""
    return min(step.events, key=lambda event: abs(event.at - at))


def retry_at(event: HistoryEvent) -> datetime | None:
    """When the next attempt is due, of an attempt that failed."""
    found = body(event)
    text = found.get("next_at") if is_object(found) else None
    try:
        at = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
