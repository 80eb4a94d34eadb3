"""Two runs side by side, aligned by command number: where they part, and in what."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rich.text import Text

from console.present import ages
from console.present.columns import Column
from console.present.history import body
from console.present.plain import one_line
from console.present.shapes import is_object
from console.present.step_rows import shape
from console.present.steps import (
    ACTIVITY,
    CHILD,
    DONE,
    EVENT,
    FAILED,
    QUESTION,
    SIGNAL,
    TIMER,
    Step,
)
from console.present.values import preview
from console.themes import Palette

SLOWER: Final = 3.0
"""How many times as long a step takes before that is worth a word."""
NOTICED: Final = 1.0
"""Seconds of difference below which it is not."""
ENDS: Final = ("run_completed", "run_failed", "run_cancelled", "run_continued")

Verdict = Literal["same", "slower", "differs", "only left", "only right"]


@dataclass(frozen=True, slots=True)
class Pair:
    """What both runs did as their command of this number, in their newest incarnation.

    Attributes:
        place: where it stands in the comparison.
        verdict: "slower" is the same but for its time.
        why: the first thing that differs.
    """

    place: int
    left: Step | None
    right: Step | None
    verdict: Verdict
    why: str = ""


def compare(left: Sequence[Step], right: Sequence[Step]) -> list[Pair]:
    """The commands of both in the order of their numbers, then signals, then how they ended."""
    mine, theirs = _by_place(left), _by_place(right)
    places = sorted({*mine, *theirs})
    return [
        _pair(number, mine.get(place), theirs.get(place)) for number, place in enumerate(places)
    ]


def _by_place(steps: Sequence[Step]) -> dict[tuple[int, int, int], Step]:
    """Steps of the newest incarnation by where they belong."""
    newest = max((step.head.incarnation for step in steps), default=0)
    found: dict[tuple[int, int, int], Step] = {}
    loose = 0
    for step in steps:
        if step.head.incarnation != newest:
            continue
        if step.command:
            found[0, step.command, 0] = step
        elif step.head.type in ENDS:
            found[2, 0, 0] = step
        elif step.head.type != "run_started":
            loose += 1
            found[1, loose, 0] = step
    return found


def _pair(place: int, left: Step | None, right: Step | None) -> Pair:
    if left is None or right is None:
        return Pair(place, left, right, "only right" if left is None else "only left")
    if why := _difference(left, right):
        return Pair(place, left, right, "differs", why)
    if why := _time(left, right):
        return Pair(place, left, right, "slower", why)
    return Pair(place, left, right, "same")


def _difference(left: Step, right: Step) -> str:
    if (left.kind, left.name) != (right.kind, right.name):
        return "another command"
    if left.kind == EVENT and left.head.type != right.head.type:
        return "another event" if left.head.type not in ENDS else "another end"
    if left.outcome != right.outcome:
        return f"{left.outcome or 'open'}, not {right.outcome or 'open'}"
    for name in _COMPARED:
        if _data(left, name) != _data(right, name):
            return _COMPARED[name]
    return f"{left.attempts} attempts, not {right.attempts}" if _tried(left, right) else ""


OTHER_ARGUMENTS: Final = "other arguments"
_COMPARED: Final = {"args": OTHER_ARGUMENTS, "value": "another result", "error": "another error"}


def _tried(left: Step, right: Step) -> bool:
    return left.kind == ACTIVITY and left.attempts != right.attempts


def _data(step: Step, name: str) -> Any:
    event = step.head if name == "args" else step.last
    found = body(event)
    if not is_object(found):
        return found
    kept = found.get(name)
    if name == "error" and is_object(kept):
        return (kept.get("type"), kept.get("message"))
    return kept


def _time(left: Step, right: Step) -> str:
    mine, theirs = left.lasted, right.lasted
    if mine is None or theirs is None or left.kind in (TIMER, EVENT):
        return ""
    one, other = mine.total_seconds(), theirs.total_seconds()
    if one - other < NOTICED or one < SLOWER * other:
        return ""
    return f"{ages.duration(one)}, not {ages.duration(other)}"


class DiffRows:
    """The pairs as rows: what this run did, what the other did, and the difference."""

    def key(self, row: Pair) -> Hashable:
        """Its place."""
        return row.place

    def marker(self, row: Pair) -> Hashable:
        """Another verdict is worth a flash."""
        return row.verdict

    def columns(self, width: int) -> tuple[Column, ...]:
        """Two halves, and the difference between them."""
        why = min(26, max(12, width // 4))
        half = (width - why - 6 - 8) // 2
        return (
            Column("command", "CMD", 4, "right"),
            Column("left", "THIS RUN", max(8, half)),
            Column("why", "DIFFERENCE", why),
            Column("right", "THE OTHER", max(8, half)),
        )

    def cell(self, row: Pair, column: Column, palette: Palette, *, changed: bool) -> Text:
        """One cell."""
        del changed
        quiet = row.verdict == "same"
        match column.name:
            case "command":
                step = row.left or row.right
                number = step.command if step is not None else 0
                return Text(str(number or ""), palette.faint)
            case "why":
                return _verdict(row, palette)
            case "left":
                return step_line(row.left, palette, quiet=quiet)
            case _:
                return step_line(row.right, palette, quiet=quiet)


def _verdict(row: Pair, palette: Palette) -> Text:
    match row.verdict:
        case "same":
            return Text("=", palette.faint)
        case "only left":
            return Text("< only this run", palette.warn)
        case "only right":
            return Text("> only the other", palette.warn)
        case "slower":
            return Text(f"~ {row.why}", palette.accent)
        case _:
            return Text(f"! {row.why}", palette.bad)


def step_line(step: Step | None, palette: Palette, *, quiet: bool) -> Text:
    """A step in a few words."""
    if step is None:
        return Text("")
    glyph, words, tone = shape(step)
    line = Text(f"{glyph} ", palette.faint if quiet else getattr(palette, tone))
    named = step.name if step.kind in (ACTIVITY, SIGNAL, QUESTION, CHILD) and step.name else words
    line.append(one_line(named, 100), palette.muted if quiet else palette.text)
    if (lasted := step.lasted) is not None and step.kind != EVENT:
        line.append(f" {ages.duration(lasted.total_seconds())}", palette.faint)
    found = body(step.last)
    if is_object(found) and step.outcome == FAILED and is_object(error := found.get("error")):
        return line.append(f" {one_line(str(error.get('message', '')), 200)}", palette.bad)
    if is_object(found) and step.outcome == DONE and "value" in found:
        line.append(f" = {preview(found['value'], 100)}", palette.faint)
    return line


def summary(pairs: Sequence[Pair]) -> str:
    """`24 the same, 2 differ, the first at command 7`."""
    parted = [pair for pair in pairs if pair.verdict not in ("same", "slower")]
    slower = sum(pair.verdict == "slower" for pair in pairs)
    words = [f"{len(pairs) - len(parted) - slower:,} the same"]
    if slower:
        words.append(f"{slower:,} slower")
    if parted:
        step = parted[0].left or parted[0].right
        words.append(f"{len(parted):,} differ")
        if step is not None and step.command:
            words.append(f"the first at command {step.command}")
    return ", ".join(words)
