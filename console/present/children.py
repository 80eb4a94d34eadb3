"""What a run's journal says about its children."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from rich.text import Text

from console.present import states
from console.present.history import body
from console.present.plain import one_line
from console.present.shapes import is_object
from console.themes import Palette
from continuum.model import HistoryEvent

SHOWN: Final = 50
LIVE: Final = "live"
_STATE_OF: Final = {
    "child_started": LIVE,
    "child_carried": LIVE,
    "child_completed": "completed",
    "child_failed": "failed",
    "child_cancelled": "cancelled",
}
_ORDER: Final = ("failed", LIVE, "cancelled", "completed")


@dataclass(slots=True)
class Child:
    """One child; `state` is that of its end, or "live"."""

    run_id: UUID
    name: str
    state: str = LIVE


class Children:
    """The children of one run, in the order in which it started them."""

    def __init__(self) -> None:
        self._found: dict[UUID, Child] = {}

    def learn(self, event: HistoryEvent) -> None:
        """Take in one more event, in order."""
        state = _STATE_OF.get(event.type)
        if state is None or not is_object(found := body(event)):
            return
        try:
            run_id = UUID(str(found.get("run_id")))
        except ValueError:
            return
        child = self._found.setdefault(run_id, Child(run_id, str(found.get("name", ""))))
        child.state = state

    def summary(self) -> str:
        """`12: 1 failed, 3 live, 8 completed`; empty without children."""
        if not self._found:
            return ""
        counts = Counter(child.state for child in self._found.values())
        parts = [f"{counts[state]} {state}" for state in _ORDER if counts[state]]
        return f"{len(self._found)}: {', '.join(parts)}"

    def lines(self, palette: Palette) -> list[Text]:
        """One line a child, those first that need somebody; the rest is counted."""
        ranked = sorted(self._found.values(), key=lambda child: _ORDER.index(child.state))
        shown = [_line(child, palette) for child in ranked[:SHOWN]]
        if len(ranked) > SHOWN:
            shown.append(Text(f"and {len(ranked) - SHOWN} more", palette.faint))
        return shown


def _line(child: Child, palette: Palette) -> Text:
    state = "running" if child.state == LIVE else child.state
    line = Text().append(f"{states.glyph(state)} ", states.style(state, palette))
    line.append(str(child.run_id), palette.text)
    return line.append(f" {one_line(child.name.rpartition(':')[2], 80)}", palette.muted)
