"""Journal events as table rows: what happened, to which command, with what value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from rich.text import Text

from console.present import ages
from console.present.columns import Column
from console.present.plain import one_line, short_id, short_name
from console.present.shapes import is_array, is_object
from console.present.values import preview
from console.themes import Palette
from continuum.model import HistoryEvent, Omitted

WIDE: Final = 84

_LOOK: Final[dict[str, tuple[str, str, str]]] = {
    "run_started": ("▹", "run started", "info"),
    "activity_scheduled": ("»", "activity", "muted"),
    "activity_started": (">", "attempt started", "faint"),
    "activity_attempt_failed": ("↺", "attempt failed", "warn"),
    "activity_attempt_crashed": ("↺", "attempt crashed", "warn"),
    "activity_released": ("<", "attempt given back", "faint"),
    "activity_completed": ("✓", "completed", "good"),
    "activity_failed": ("✗", "failed", "bad"),
    "activity_cancelled": ("⊘", "activity cancelled", "muted"),
    "timer_started": ("◷", "timer", "muted"),
    "timer_fired": ("✓", "timer fired", "good"),
    "timer_cancelled": ("⊘", "timer cancelled", "muted"),
    "signal_awaited": ("◌", "waits for signal", "accent"),
    "signal_received": ("«", "signal", "info"),
    "question_awaited": ("◌", "waits for question", "accent"),
    "question_received": ("«", "question", "info"),
    "question_answered": ("✓", "answers", "good"),
    "question_refused": ("⊘", "refuses", "warn"),
    "side_effect": ("=", "side effect", "muted"),
    "attributes_set": ("#", "attributes", "muted"),
    "value_published": ("◉", "publishes", "info"),
    "patch_decided": ("~", "patch", "muted"),
    "run_adopted": ("⇄", "adopted", "info"),
    "run_retried": ("↻", "tried again", "info"),
    "run_forked": ("⑂", "forked", "info"),
    "child_started": ("»", "child", "muted"),
    "child_completed": ("✓", "child completed", "good"),
    "child_failed": ("✗", "child failed", "bad"),
    "child_cancelled": ("⊘", "child cancelled", "muted"),
    "child_cancel_requested": ("!", "asks child to stop", "warn"),
    "child_signalled": ("⇢", "signals child", "accent"),
    "child_carried": ("»", "child carried over", "faint"),
    "cancel_requested": ("!", "cancel requested", "warn"),
    "run_completed": ("✓", "run completed", "good"),
    "run_failed": ("✗", "run failed", "bad"),
    "run_cancelled": ("⊘", "run cancelled", "muted"),
    "run_continued": ("↻", "continues as new", "info"),
}
_FAILURES: Final = ("activity_failed", "child_failed", "run_failed")
_NAMING: Final = ("activity_scheduled", "child_started")
"""Events that say the name of what their command does."""


class HistoryRows:
    """The history of one run; learns the names of commands from the events it is given.

    Attributes:
        started: when the run began, from which times count; the first event learned, until set.
    """

    def __init__(self) -> None:
        self.started: datetime | None = None
        self._names: dict[tuple[int, int], str] = {}
        self._details: dict[int, Text] = {}

    def learn(self, event: HistoryEvent) -> None:
        """Take in one more event."""
        if self.started is None:
            self.started = event.at
        if event.type in _NAMING and event.command is not None:
            self._names[event.incarnation, event.command] = short_name(_text(body(event), "name"))

    def forget_styles(self) -> None:
        """Drop what was painted with an earlier palette."""
        self._details.clear()

    def key(self, row: HistoryEvent) -> int:
        """The sequence number."""
        return row.seq

    def marker(self, row: HistoryEvent) -> int:
        """Events never change."""
        return row.seq

    def columns(self, width: int) -> tuple[Column, ...]:
        """The clock time goes first when it gets narrow."""
        fixed = [Column("seq", "#", 4, "right"), Column("offset", "AFTER", 7, "right")]
        if width >= WIDE:
            fixed.insert(1, Column("time", "TIME", 12))
        event = Column("event", "EVENT", 20)
        rest = width - sum(column.width + 2 for column in [*fixed, event]) - 2
        return (*fixed, event, Column("what", "WHAT", max(8, rest)))

    def cell(self, row: HistoryEvent, column: Column, palette: Palette, *, changed: bool) -> Text:
        """One cell."""
        del changed
        match column.name:
            case "seq":
                return Text(str(row.seq), palette.faint)
            case "time":
                return Text(ages.clock(row.at), palette.muted)
            case "offset":
                after = (row.at - (self.started or row.at)).total_seconds()
                return Text(f"+{ages.duration(after)}", palette.muted)
            case "event":
                glyph, words, tone = look(row.type)
                return Text(f"{glyph} {words}", getattr(palette, tone))
            case _:
                return self.detail(row, palette)

    def detail(self, event: HistoryEvent, palette: Palette) -> Text:
        """What is worth saying of the event: its command, the name of that, and the data."""
        if event.seq not in self._details:
            self._details[event.seq] = self._detail(event, palette)
        return self._details[event.seq]

    def title(self, event: HistoryEvent) -> str:
        """The event in words: `17 completed orders:charge`."""
        return f"{event.seq} {look(event.type)[1]} {self._name(event)}".rstrip()

    def _name(self, event: HistoryEvent) -> str:
        if event.command is None:
            return ""
        return self._names.get((event.incarnation, event.command), "")

    def _detail(self, event: HistoryEvent, palette: Palette) -> Text:
        found = body(event)
        command = f"{event.command} " if event.command is not None else ""
        line = Text(command, palette.faint)
        if name := self._name(event):
            line.append(name + " ", palette.text)
        if not is_object(found):
            return line.append(preview(found, 300), palette.faint)
        tone = palette.bad if event.type in _FAILURES else palette.muted
        return line.append(said(event), tone)


def look(kind: str) -> tuple[str, str, str]:
    """Glyph, words and tone of a kind of event."""
    return _LOOK.get(kind, ("·", one_line(kind, 40), "text"))


def said(event: HistoryEvent) -> str:
    """What the event says besides its kind and its name, on one line."""
    found = body(event)
    if not is_object(found):
        return preview(found, 300)
    describe = _DETAIL.get(event.type)
    return one_line(describe(found, event) if describe else preview(found, 300), 400)


def body(event: HistoryEvent) -> Any:
    """The event's data; what cannot be decoded here says so instead of failing the screen."""
    try:
        return event.data
    except ValueError:  # sealed by a payload codec that this console was not given
        return Omitted(event.stored_data.size)


def _text(found: object, name: str) -> str:
    value = found.get(name) if is_object(found) else None
    return value if isinstance(value, str) else ""


def _failure(found: Mapping[str, Any]) -> str:
    error = found.get("error")
    name = _text(error, "type").rpartition(".")[2]
    return f"{name}: {_text(error, 'message')}"


def _attempt(found: Mapping[str, Any]) -> str:
    return f"attempt {found.get('attempt', '?')}"


def _seconds_to(found: Mapping[str, Any], name: str, event: HistoryEvent) -> str:
    try:
        then = datetime.fromisoformat(_text(found, name).replace("Z", "+00:00"))
    except ValueError:
        return "?"
    return ages.duration((then - event.at).total_seconds())


def _args(found: Mapping[str, Any]) -> str:
    args = found.get("args")
    shown = preview(args, 300)
    return f"({shown[1:-1]})" if is_array(args) and shown.endswith("]") else shown


def _scheduled(found: Mapping[str, Any], event: HistoryEvent) -> str:
    queue = _text(found, "queue")
    return f"in queue {queue} {_args(found)}" if queue else _args(found)


def _attempt_failed(found: Mapping[str, Any], event: HistoryEvent) -> str:
    retry = _seconds_to(found, "next_at", event)
    return f"{_attempt(found)}: {_failure(found)}, next in {retry}{_progress(found)}"


def _progress(found: Mapping[str, Any]) -> str:
    """What the last heartbeat of the attempt said."""
    return f", had reached {preview(found['details'], 100)}" if "details" in found else ""


def _child(found: Mapping[str, Any]) -> str:
    try:
        return short_id(UUID(_text(found, "run_id")))
    except ValueError:
        return "?"


def _child_started(found: Mapping[str, Any], event: HistoryEvent) -> str:
    left = " to itself" if found.get("parent_close") == "abandon" else ""
    return f"{_child(found)}{left} {_args(found)}"


def _child_ended(found: Mapping[str, Any], event: HistoryEvent) -> str:
    if event.type == "child_completed":
        return f"{_child(found)} = {preview(found.get('value'), 300)}"
    error = found.get("error")
    why = _text(error, "message") if event.type == "child_cancelled" else _failure(found)
    return f"{_child(found)} {why}".rstrip()


def _patch(found: Mapping[str, Any], event: HistoryEvent) -> str:
    branch = "the new branch" if found.get("taken") is True else "the old branch"
    return f"{_text(found, 'name')}: {branch}"


def _adopted(found: Mapping[str, Any], event: HistoryEvent) -> str:
    pin = f"v{found.get('version', '?')} {_text(found, 'version_hash')[:8]}"
    freed = ", free to go on after drift" if found.get("released") is True else ""
    return f"{pin}, before {_text(found, 'former_hash')[:8]}{freed}"


def _retried(found: Mapping[str, Any], event: HistoryEvent) -> str:
    reason = _text(found, "reason")
    return f"annuls what follows seq {found.get('from_seq', 1) - 1}{': ' if reason else ''}{reason}"


def _cancel(found: Mapping[str, Any], event: HistoryEvent) -> str:
    forced = "forced " if found.get("forced") else ""
    return f"{forced}{_text(found, 'reason')}".strip()


def _started(found: Mapping[str, Any], event: HistoryEvent) -> str:
    pin = f"v{found.get('version', '?')} {_text(found, 'version_hash')[:8]}"
    again = f"incarnation {event.incarnation}, " if event.incarnation > 1 else ""
    return f"{again}{pin} on {_text(found, 'runtime')}"


def _named_value(found: Mapping[str, Any]) -> str:
    return f"{_text(found, 'name')} {preview(found.get('value'), 300)}"


_DETAIL: Final[Mapping[str, Callable[[Mapping[str, Any], HistoryEvent], str]]] = {
    "run_started": _started,
    "activity_scheduled": _scheduled,
    "activity_started": lambda found, _: _attempt(found),
    "activity_attempt_failed": _attempt_failed,
    "activity_attempt_crashed": lambda found, _: (
        f"{_attempt(found)}: its process is gone{_progress(found)}"
    ),
    "activity_released": lambda found, _: f"{_attempt(found)} had not begun",
    "activity_completed": lambda found, _: f"= {preview(found.get('value'), 300)}",
    "activity_failed": lambda found, _: f"{_text(found, 'reason') or 'raised'} {_failure(found)}",
    "activity_cancelled": lambda found, _: f"command {found.get('target', '?')}",
    "timer_started": lambda found, event: f"due in {_seconds_to(found, 'due_at', event)}",
    "timer_fired": lambda found, _: "",
    "timer_cancelled": lambda found, _: f"command {found.get('target', '?')}",
    "signal_awaited": lambda found, _: _text(found, "name"),
    "signal_received": lambda found, _: _named_value(found),
    "question_awaited": lambda found, _: _text(found, "name"),
    "question_received": lambda found, _: _named_value(found),
    "question_answered": lambda found, _: _named_value(found),
    "question_refused": lambda found, _: f"{_text(found, 'name')} {_text(found, 'reason')}",
    "side_effect": lambda found, _: (
        _failure(found) if "error" in found else f"= {preview(found.get('value'), 300)}"
    ),
    "attributes_set": lambda found, _: preview(found.get("attributes"), 300),
    "value_published": lambda found, _: _named_value(found),
    "patch_decided": _patch,
    "run_adopted": _adopted,
    "run_retried": _retried,
    "run_forked": lambda found, _: f"what is above is of run {_text(found, 'origin')}",
    "child_started": _child_started,
    "child_completed": _child_ended,
    "child_failed": _child_ended,
    "child_cancelled": _child_ended,
    "child_cancel_requested": lambda found, _: (
        f"command {found.get('target', '?')} {_text(found, 'reason')}".rstrip()
    ),
    "child_signalled": lambda found, _: (
        f"{_text(found, 'name')} {preview(found.get('value'), 300)} {_child(found)}"
    ),
    "child_carried": lambda found, _: f"{short_name(_text(found, 'name'))} {_child(found)}",
    "cancel_requested": _cancel,
    "run_completed": lambda found, _: "",
    "run_failed": lambda found, _: _failure(found),
    "run_cancelled": _cancel,
    "run_continued": lambda found, _: _args(found),
}
