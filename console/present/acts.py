"""The operator journal as table rows, and an entry in full."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from rich.style import Style
from rich.text import Text

from console.acts_query import ActsQuery
from console.present import ages
from console.present.columns import Column
from console.present.plain import lines, one_line, short_id
from console.present.values import pretty, preview
from console.themes import Palette
from continuum.operators.acts import OperatorAct

GAP: Final = 2
NARROW: Final = 70
WIDE: Final = 96
XWIDE: Final = 136
LABEL: Final = 12

_CELLS: Final = {"by": "by", "act": "act", "run": "run", "namespace": "ns"}
"""Column -> the word of the filter that asks for what it shows."""


class ActRows:
    """The rows of the journal.

    Args:
        now: the database's clock when they were read.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now

    def key(self, row: OperatorAct) -> int:
        """The number of the entry."""
        return row.id

    def marker(self, row: OperatorAct) -> int:
        """Entries never change."""
        return row.id

    def columns(self, width: int) -> tuple[Column, ...]:
        """When, who, what, upon which run, and what came of it; why and from where as fits."""
        fixed = [
            Column("at", "WHEN", 8, "right"),
            Column("by", "WHO", 10 if width < WIDE else 18),
            Column("act", "ACT", 15),
            Column("run", "RUN", 9),
        ]
        if width >= WIDE:
            fixed.append(Column("namespace", "NAMESPACE", 10))
        if width >= XWIDE:
            fixed.append(Column("from", "FROM", 24))
        room = width - sum(column.width + GAP for column in fixed)
        if width < NARROW:
            return (*fixed, Column("outcome", "OUTCOME", max(4, room)))
        outcome = max(10, min(30, (room - 2 * GAP) // 2))
        fixed.append(Column("outcome", "OUTCOME", outcome))
        fixed.append(Column("reason", "REASON", max(4, room - outcome - 2 * GAP)))
        return tuple(fixed)

    def cell(self, row: OperatorAct, column: Column, palette: Palette, *, changed: bool) -> Text:
        """One cell."""
        del changed
        match column.name:
            case "at":
                return Text(ages.ago(row.at, self.now), palette.muted)
            case "by":
                return Text(one_line(row.operator, 60), palette.text)
            case "act":
                return Text(one_line(row.act, 40), palette.accent)
            case "run":
                shown = "" if row.run_id is None else short_id(row.run_id)
                return Text(shown, palette.text)
            case "namespace":
                return Text(one_line(row.namespace or "", 40), palette.muted)
            case "from":
                return Text(f"{one_line(row.program, 40)} on {one_line(row.host, 40)}",
                            palette.muted)  # fmt: skip
            case "outcome":
                return outcome(row, palette)
            case _:
                return why(row, palette)


def outcome(row: OperatorAct, palette: Palette) -> Text:
    """What came of it, and what it was about: `signalled fraud_review`."""
    line = Text(one_line(row.outcome, 100), palette.text)
    told: list[str] = []
    for key, value in row.detail.items():
        if isinstance(value, str):
            told.append(one_line(value, 60))
        else:  # what was set, not: set set
            told.append(
                f"{'' if key == row.outcome else one_line(key, 40)} {preview(value)}".strip()
            )
    return line.append("".join(f" {each}" for each in told), palette.faint)


def why(row: OperatorAct, palette: Palette) -> Text:
    """The reason; without one which runs it was meant for."""
    if row.reason is not None:
        return Text(one_line(row.reason), palette.muted)
    if row.expression is not None:
        return Text(one_line(row.expression), palette.faint)
    return Text("")


def in_full(row: OperatorAct, now: datetime, palette: Palette) -> list[Text]:
    """Everything that is recorded of an act."""

    def line(label: str, value: str | UUID | None, look: Style | None = None) -> Text:
        words = Text(label.ljust(LABEL), palette.faint)
        if value is None:
            return words.append("none", palette.faint)
        return words.append(one_line(str(value), 2_000), look or palette.text)

    found = [
        line("act", row.act, palette.accent),
        line("outcome", row.outcome),
        Text("at".ljust(LABEL), palette.faint)
        .append(ages.stamp(row.at), palette.text)
        .append(f"  {ages.ago(row.at, now)}", palette.faint),
        line("operator", row.operator),
        line("from", f"{row.program} on {row.host}"),
        line("run", row.run_id),
        line("namespace", row.namespace),
        line("plan", row.plan_id),
        line("expression", row.expression),
    ]
    reason = lines(row.reason or "", 40)
    found.append(line("reason", reason[0] if row.reason else None))
    found += [Text(" " * LABEL).append(each, palette.text) for each in reason[1:]]
    found.append(Text("detail", palette.faint))
    found += [Text("  ").append_text(each) for each in pretty(dict(row.detail), palette)]
    return found


def meaning(row: OperatorAct, column: str) -> tuple[str, str] | None:
    """Word and value of the filter that finds entries like this cell; None for no filter."""
    word = _CELLS.get(column)
    values = {
        "by": row.operator,
        "act": row.act,
        "run": None if row.run_id is None else str(row.run_id),
        "ns": row.namespace,
    }
    value = None if word is None else values[word]
    return None if word is None or value is None else (word, value)


def heading(query: ActsQuery, held: int | None, *, more: bool) -> str:
    """`journal newest 100 · by ann`."""
    parts = ["journal"]
    if held is not None:
        parts[0] += f" newest {held:,}" if more else f" {held:,}"
    if query.text:
        parts.append(one_line(query.text, 200))
    return " · ".join(parts)


def empty(query: ActsQuery, palette: Palette) -> Text:
    """Nothing matches, or nothing was done yet."""
    text = Text(justify="center")
    if query.text:
        text.append("No entry matches\n", palette.strong)
        text.append(f"{one_line(query.text, 200)}\n\n", palette.muted)
        return text.append("Esc", palette.key).append(" shows every entry", palette.muted)
    text.append("No operator has done anything yet\n\n", palette.strong)
    return text.append(
        "Recorded are cancellations, signals, attributes, retries, pauses, plans and schedules, "
        "with who, why and what came of them.",
        palette.muted,
    )
